"""`airflow-stack init`: a complete repository, or one message and nothing written."""

import re
from pathlib import Path

import pytest
import yaml

from airflow_stack.cli.init.model import template_files
from airflow_stack.cli.stack_file import settings
from tests.support.cases import ROOT
from tests.support.command import Command
from tests.support.golden import Golden
from tools.release import version

REPOSITORY = "https://gitlab.com/team/dags.git"


def test_a_new_repository_has_every_file_of_the_template_with_the_teams_texts(
    run_command: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    done = run_command("init", "team", "--repository", REPOSITORY)
    assert done.status == 0
    written = {str(path.relative_to("team")) for path in Path("team").rglob("*") if path.is_file()}
    assert written == {
        str(path.relative_to(ROOT / "template")) for path in (ROOT / "template").rglob("*") if path.is_file()
    }
    assert yaml.safe_load(Path("team/Pulumi.yaml").read_text())["name"] == "team"
    assert not [path for path in written if re.search(r"\$\{[A-Z]", Path("team", path).read_text())]
    for stack in ("staging", "prod"):
        assert settings(Path("team"), stack).dags.repository == REPOSITORY


def test_the_template_pins_the_version_of_this_package() -> None:
    assert template_files("team", None)["requirements.txt"] == f"airflow-stack[cluster,policies]=={version()}\n"


@pytest.mark.parametrize(
    "arguments",
    [["full"], ["new", "--repository", "acme/dags"], ["new", "--name", "a/b"], ["full/Pulumi.yaml"]],
    ids=["existing files", "no URL", "no project name", "a file"],
)
def test_nothing_is_written_without_a_valid_request(
    run_command: Command, arguments: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, golden: Golden
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("full").mkdir()
    Path("full/Pulumi.yaml").write_text("name: mine\n")
    done = run_command("init", *arguments)
    assert done.status == 1
    assert done.err == golden
    assert sorted(map(str, Path().rglob("*"))) == ["full", "full/Pulumi.yaml"]
