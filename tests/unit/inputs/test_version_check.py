"""Versions: tested combinations pass, others give a warning with known problems, and impossible ones are refused."""

import os
import subprocess
import sys
import tarfile
from pathlib import Path
from typing import Any, cast

import pytest
import yaml

from airflow_stack import versions
from airflow_stack.airflow import Airflow
from airflow_stack.cli.recording import record
from airflow_stack.inputs.validation import arguments, load
from airflow_stack.inputs.version_check import version_warnings
from airflow_stack.inputs.wording import in_stack_file
from airflow_stack.settings.images import Images
from airflow_stack.settings.models import Chart
from airflow_stack.versions import ADVISORIES, TESTED, kubernetes_warning, order
from sandbox import pins
from tests.support.cases import (
    CONTRACT_CHART,
    DATABASES,
    HTTPS,
    IMAGE,
    ROOT,
    SSH,
    STACKS,
    Config,
    problems,
    settings,
    stack_settings,
)
from tests.support.golden import Golden


def said(**config: Any) -> list[str]:
    return list(version_warnings(settings(**config)))


def _short(value: object) -> str:
    return str(value)[:60]


def airflow(tag: str, **more: str) -> Config:
    return {"images": {"airflow": {"tag": tag, **more}}}


def test_the_defaults_are_the_first_row_and_give_no_warning() -> None:
    images, first = Images(), TESTED[0]
    assert (images.airflow.airflow_version, Chart().version) == (first.airflow, first.chart)
    assert images.git_sync.tag == f"v{first.git_sync}"
    assert images.postgres.tag.startswith(f"{first.postgres}.")
    assert said() == []
    for stack in STACKS:
        assert list(version_warnings(stack_settings(stack))) == []


def test_the_sandbox_has_the_kubernetes_of_every_row() -> None:
    assert {row.kubernetes for row in TESTED} == {pins.KUBERNETES.rpartition(".")[0]}


def test_the_previous_version_gives_a_warning_with_its_end_vulnerabilities_and_the_tested_row(
    golden: Golden,
) -> None:
    (text,) = said(**airflow("3.2.2"))
    assert text == golden


@pytest.mark.parametrize(
    ("tag", "holes"),
    [
        ("3.2.99", ["CVE-2026-33264", "CVE-2026-58076"]),
        ("3.3.0rc1", ["CVE-2026-33264", "CVE-2026-58076"]),  # what was fixed in 3.3.0 need not be in it
        ("3.3.0", ["CVE-2026-58076", "CVE-2026-82355"]),
        ("3.3.1", ["CVE-2026-82355"]),
        ("3.3.2-rc2", ["CVE-2026-82355"]),
        ("3.3.2", []),
        ("3.3.10", []),
        ("3.10.0", []),
    ],
)
def test_an_advisory_is_named_exactly_for_the_versions_that_it_affects(tag: str, holes: list[str]) -> None:
    version = {"version": tag.removesuffix("rc1")} if "0rc" in tag else {}
    text = " ".join(said(**airflow(tag, **version)))
    assert [hole.id for hole in ADVISORIES if hole.id in text] == holes


@pytest.mark.parametrize(
    "config",
    [
        airflow("3.3.3"),
        airflow("3.10.0"),
        airflow("3.99.99"),
        airflow("3.3.1"),
        airflow("3.4.0-rc1"),
        airflow("3.4.0b2", version="3.4.0"),
        airflow("acme-7", version="3.4.0"),
        {"chart": {"version": "1.21.0"}},
        {"chart": {"version": "1.99.0"}},
        {"chart": {"version": "1.22.0-rc1"}},
        {"chart": {"version": "1.22.0-acme.1"}},
        {"images": {"gitSync": {"tag": "v4.7.1"}}},
        {"images": {"gitSync": {"tag": "v4.10.0"}}},
        {"images": {"gitSync": {"tag": "v4.0.1"}}},
        {"images": {"gitSync": {"tag": "acme"}}},
        {"images": {"postgres": {"tag": "18.1"}}},
    ],
    ids=_short,
)  # fmt: skip
def test_an_untested_version_gives_a_warning_with_key_and_nearest_row(config: Config, golden: Golden) -> None:
    (warning,) = said(**config)
    assert warning == golden


def test_a_combination_is_compared_as_a_whole(golden: Golden) -> None:
    of_airflow, of_chart = said(**airflow("3.2.2"), chart={"version": "1.21.0"})
    assert f"{of_airflow}\n{of_chart}" == golden


@pytest.mark.parametrize(
    "config",
    [
        airflow("3.3.2-python3.12"),
        airflow("3.3.2-a1b2c3d"),  # a commit, and no pre-release
        airflow("3.3.2", digest=f"sha256:{'a' * 64}"),
        {"images": {"airflow": {"version": "3.3.2", "digest": f"sha256:{'a' * 64}"}}},
        {"images": {"gitSync": {"tag": "v4.4.2__linux_amd64"}}},
        {"images": {"postgres": {"tag": "16.99"}}},
        {"images": {"postgres": {"tag": "18"}}, "database": DATABASES["external"]},
        {"images": {"postgres": {"tag": "18"}}, "database": DATABASES["cloud-native-pg"]},
        {**IMAGE, "images": {"airflow": {"repository": "acme/it"}, "gitSync": {"tag": "v3.0.0"}}},
    ],
    ids=_short,
)
def test_tested_and_unused_versions_give_no_warning(config: Config) -> None:
    assert said(**config) == []


@pytest.mark.parametrize(
    ("config", "key"),
    [
        *((airflow(tag), "images.airflow.tag") for tag in ("2.11.0", "v3.3.2", "3.3.2rc1", "3.3", "3", "4.0.0", "latest", "3.03.2", "3.99999.0")),
        (airflow("acme-7", version="2.11.0"), "images.airflow.version"),
        (airflow("acme-7", version=f"3.{'9' * 5000}.0"), "images.airflow.version"),
        (airflow("3.2.2", version="3.3.2"), "images.airflow.version"),
        ({"images": {"airflow": {"digest": f"sha256:{'a' * 64}"}}}, "images.airflow.digest"),
        *(({"chart": {"version": version}}, "chart.version") for version in ("1.15.0", "1.18.9", "1.9.0", "2.0.0", "0.8.0", "v1.22.0", "~1.22", "1.22", "1.99999.0")),
    ],
    ids=_short,
)  # fmt: skip
def test_an_impossible_version_is_refused_with_key_value_and_fix(config: Config, key: str, golden: Golden) -> None:
    (problem,) = problems({"dags": SSH, **config}).problems
    assert problem.path == key
    assert problem.value
    assert in_stack_file(problem) == golden


def test_a_default_tag_with_a_digest_survives_conversion_to_arguments() -> None:
    given = settings(**airflow(TESTED[0].airflow, digest=f"sha256:{'a' * 64}"))
    again = load("test", cast(Config, arguments(given, {})), (), by_name=True, secrets_required=False)
    assert again.images == given.images


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working directory, so that messages name a chart by a short path."""
    monkeypatch.chdir(tmp_path)
    return Path()


def local(folder: Path, version: str, *, packed: bool) -> str:
    chart = folder / "airflow"
    chart.mkdir()
    (chart / "values.schema.json").write_text("{}")
    (chart / "Chart.yaml").write_text(f"name: airflow\nversion: {version}\n")
    if not packed:
        return str(chart)
    with tarfile.open(folder / "airflow.tgz", "w:gz") as archive:
        archive.add(chart, "airflow")
    return str(folder / "airflow.tgz")


@pytest.mark.parametrize("packed", [False, True])
def test_a_local_chart_is_checked_by_its_own_version_and_not_by_the_setting(
    packed: bool, folder: Path, golden: Golden
) -> None:
    path = local(folder, "1.21.0", packed=packed)
    (warning,) = said(chart={"path": path, "version": "1.22.0"})
    assert warning == golden


@pytest.mark.parametrize("version", ["1.15.0", "2.0.0", "8.9.0", "main", "''", "[]", "\n"])
@pytest.mark.parametrize("packed", [False, True])
def test_a_local_chart_that_cannot_be_deployed_is_refused(
    packed: bool, version: str, folder: Path, golden: Golden
) -> None:
    (problem,) = problems({"dags": SSH, "chart": {"path": local(folder, version, packed=packed)}}).problems
    assert problem.path == "chart.path"
    assert in_stack_file(problem) == golden


def test_a_folder_without_a_chart_yaml_is_refused(folder: Path, golden: Golden) -> None:
    (folder / "airflow").mkdir()
    (folder / "airflow" / "values.schema.json").write_text("{}")
    (problem,) = problems({"dags": SSH, "chart": {"path": "airflow"}}).problems
    assert problem.path == "chart.path"
    assert in_stack_file(problem) == golden


def test_the_sandboxs_chart_counts_as_the_official_one() -> None:
    assert yaml.safe_load((CONTRACT_CHART / "Chart.yaml").read_text())["version"] == f"{TESTED[0].chart}-contract"
    assert said(chart={"path": str(CONTRACT_CHART)}) == []


def test_check_and_deployment_give_the_warning_and_do_not_fail(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    config = {"dags": {"repository": "https://github.com/a/b"}, **airflow("3.2.2")}
    file = {"config": {f"airflow:{key}": value for key, value in config.items()}}
    (tmp_path / "Pulumi.old.yaml").write_text(yaml.safe_dump(file))
    command = [sys.executable, "-c", "from airflow_stack.cli.main import main; main()", "check", "--stack", "old"]
    env = {**os.environ, "PYTHONPATH": str(ROOT)}
    checked = subprocess.run(command, cwd=tmp_path, env=env, capture_output=True, text=True, check=True)
    assert checked.stderr == f"warning: {said(**config)[0]}\n", "once, although the policies run the program too"

    warned: list[str] = []
    monkeypatch.setattr("pulumi.log.warn", lambda text, *_: warned.append(text))
    given: Any = config
    record(lambda: Airflow("airflow", given))
    assert warned == said(**config)


@pytest.mark.parametrize(
    ("version", "tested"),
    [
        ("v1.34.3", True), ("v1.34.99+k3s1", True), ("v1.34.2-gke.100", True),
        ("v1.33.5-eks-3025e55", False), ("v1.35.0", False), ("v1.100.0", False), ("v1.3.4", False), ("unknown", False),
    ],
)  # fmt: skip
def test_the_minor_version_of_a_cluster_decides(version: str, tested: bool, golden: Golden) -> None:
    warning = kubernetes_warning(version)
    assert (warning is None) is tested
    if warning:
        assert warning == golden


def test_versions_compare_by_their_numbers_and_a_pre_release_comes_before_its_release() -> None:
    ascending = ["3.2.10", "3.3.0.dev0", "3.3.0", "3.9.9", "3.10.0rc1", "v3.10.0"]
    assert sorted(ascending, key=order) == ascending
    assert order("3.3.0b1") == order("3.3.0-rc.2") < order("3.3.0-b1") == order("3.3.0-acme")
    assert [text for text in ("", "latest", "3.3.2.1", "9" * 5000, "0123abc", "\u0663.3.2") if order(text)] == []


def test_every_advisory_has_a_range_and_a_record_and_the_first_row_has_none() -> None:
    for hole in ADVISORIES:
        assert order(hole.since) < order(hole.fixed) <= order(TESTED[0].airflow)
        assert hole.url.endswith(hole.id)
    assert not list(versions._known(TESTED[0].airflow))


def test_the_declared_version_of_the_chart_is_judged_beside_a_local_one() -> None:
    local = {"path": str(CONTRACT_CHART)}
    (problem,) = problems({"dags": HTTPS, "chart": {**local, "version": "1.15.0"}}).problems
    assert problem.path == "chart.version"
    (warning,) = version_warnings(settings(dags=HTTPS, chart={**local, "version": "1.99.0"}))
    assert "airflow:chart.version = '1.99.0'" in warning
    assert not list(version_warnings(settings(dags=HTTPS, chart=local)))
