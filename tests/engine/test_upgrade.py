"""Upgrades from the saved releases, with the real engine and existing objects.

`tools/released/<version>/` has the settings and states of a release (tools/releases.py, docs/decisions/0010). They are restored in the cluster,
and then this checkout is deployed.
"""

import json
import os
import re
import shutil
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

import pytest
import yaml
from lightkube import ApiError, Client
from lightkube.resources.core_v1 import Namespace, Secret

from sandbox import toolchain
from sandbox.plugins.kubernetes_provider import PROVIDER
from sandbox.plugins.property_values import is_secret
from sandbox.plugins.protocol import Request
from sandbox.sandbox_stack import SandboxStack
from sandbox.simulated import SimulatedCluster
from tests.support.cases import CONTRACT_CHART, ROOT
from tools import release, releases
from tools.releases import RELEASED

CHART = os.environ.get("AIRFLOW_CHART") or str(CONTRACT_CHART)
CHANGELOG = ROOT / "CHANGELOG.md"
PACKAGE = Path("components", "airflow_stack")


def namespace(version: str, name: str) -> str:
    """Namespace of a released stack."""
    settings = yaml.safe_load((RELEASED / version / f"Pulumi.{name}.yaml").read_text())
    return str(settings["config"].get("airflow:namespace", "airflow"))


KEPT = sorted((file.parent.name, file.stem) for file in RELEASED.glob("*/*.json"))
HARMLESS = {"same", "update", "create"}
# Types that may be replaced, because they hold no data.
REPLACEABLE = (
    "kubernetes:batch/v1:Job",  # runs again when its image or inputs change, by design (docs/decisions/0001)
    "pulumi:providers:",  # its name contains the version of the plugin
)
MOVED = "airflow:index:Keys"
LOST = """\
An upgrade of stack {stack} from {version} would lose these resources:
{lost}
If they were renamed or moved, add their former URNs: pulumi.ResourceOptions(aliases=[pulumi.Alias(name=..., type_=..., parent=...)]).
If an input replaces them, keep its value for existing stacks. If the loss is intended, announce each in CHANGELOG.md under "Upgrading", with the
fate of its data: "- `{example}` is replaced: ...", or "is deleted"."""

Deployed = Callable[..., SandboxStack]


@pytest.fixture
def deployed(
    open_stack: Callable[..., SandboxStack],
    client: Client,
    cluster: SimulatedCluster,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[Deployed]:
    """Restore the state of a release. After the test its namespace is deleted, even if the test has failed."""
    monkeypatch.setenv("KUBECONFIG", cluster.kubeconfig)
    monkeypatch.setenv("PATH", str(toolchain.cache_folder() / "bin"), prepend=os.pathsep)
    PROVIDER.configure({"enableSecretMutable": "true"})
    delete = PROVIDER.resources["kubernetes:core/v1:Namespace"].delete
    namespaces: list[str] = []

    def restored(version: str, name: str, project: Path = ROOT) -> SandboxStack:
        namespaces.append(own := namespace(version, name))
        delete(Request(id=own))  # the namespace of an earlier test may still be terminating
        stack = open_stack(name, project)
        releases.configure(stack, RELEASED / version / f"Pulumi.{name}.yaml", CHART)
        releases.restore(stack, RELEASED / version / f"{name}.json", CHART, PROVIDER.resources)
        return stack

    yield restored
    for own in namespaces:  # without waiting
        with suppress(ApiError):
            client.delete(Namespace, own)


def losses(name: str, version: str, steps: Mapping[str, Sequence[str]]) -> str:
    """Message about forbidden replacements and deletions of an upgrade, with the fix. Empty if there are none."""
    announcements = announcements_since(version)
    lost = {
        urn.split("::", 2)[-1]: operation
        for operation in sorted(steps.keys() - HARMLESS)
        for urn in steps[operation]
        if is_loss(urn, announcements)
    }
    lines = "\n".join(f"  {operation}: {urn}" for urn, operation in sorted(lost.items()))
    example = min(lost, default="").split("::")[-1]
    return LOST.format(stack=name, version=version, lost=lines, example=example) if lost else ""


def is_loss(urn: str, announcements: str) -> bool:
    """Whether a resource holds data whose loss the changelog does not announce."""
    types, name = urn.split("::")[-2:]
    announced = re.search(rf"^- `{re.escape(name)}` is (replaced|deleted)", announcements, re.MULTILINE)
    return not types.split("$")[-1].startswith(REPLACEABLE) and not announced


def announcements_since(version: str) -> str:
    """Changelog sections "Upgrading" of all later versions."""
    since = re.split(rf"^## \[?{re.escape(version)}\b", CHANGELOG.read_text(), flags=re.MULTILINE)[0]
    return "\n".join(re.findall(r"^### Upgrading\n(.*?)(?=^##|\Z)", since, flags=re.MULTILINE | re.DOTALL))


def held(stack: SandboxStack, announcements: str = "") -> set[str]:
    """Identity of each object, and each secret that exists only in the state, except those that may be replaced."""
    found = set()
    for resource in releases.read_state(stack)["deployment"]["resources"]:
        if not resource["custom"] or not is_loss(resource["urn"], announcements):
            continue
        outputs = resource["outputs"]
        if resource["type"].startswith("kubernetes:"):
            found.add(f"{resource['type']} {resource['id']} {outputs.get('metadata', {}).get('uid')}")
        else:
            found |= {value["plaintext"] for value in outputs.values() if is_secret(value)}
    return found


@pytest.mark.parametrize(("version", "name"), KEPT)
def test_an_upgrade_replaces_and_deletes_nothing(version: str, name: str, deployed: Deployed) -> None:
    stack = deployed(version, name)
    before = held(stack, announcements_since(version))
    assert len(before) > 12
    preview = stack.preview("--diff")
    assert preview.ok, preview.output
    if words := losses(name, version, preview.steps):
        pytest.fail(words, pytrace=False)
    upgraded = stack.up()
    assert upgraded.ok, upgraded.output
    assert before <= held(stack), "the preview has announced no loss"


def moved(project: Path, aliases: str) -> None:
    """Copy the program with another type name, which changes the URNs below it, and with a change of the release."""
    options = f"pulumi.ResourceOptions.merge(opts, pulumi.ResourceOptions(aliases=[{aliases}]))"
    for module, old, new in (
        (
            "parts/generated_credentials",
            '("airflow:index:AirflowCredentials", name, None, opts)',
            f'("{MOVED}", name, None, {options})',
        ),
        ("parts/release", '"maxHistory": 10', '"maxHistory": 9'),
    ):
        source = (ROOT / PACKAGE / f"{module}.py").read_text()
        assert source.count(old) == 1
        (project / PACKAGE / f"{module}.py").write_text(source.replace(old, new))


def test_a_moved_resource_keeps_key_and_identity_only_with_an_alias(
    deployed: Deployed, client: Client, tmp_path: Path
) -> None:
    shutil.copytree(ROOT / "components", tmp_path / "components")
    for name in ("__main__.py", "Pulumi.yaml"):
        shutil.copy(ROOT / name, tmp_path)
    (tmp_path / ".venv").symlink_to(sys.prefix)
    version, name = release.version(), "dev"
    stack = deployed(version, name, tmp_path)
    before, key = held(stack), client.get(Secret, "airflow-fernet-key", namespace="airflow").data
    assert key

    moved(tmp_path, aliases="")
    words = losses(name, version, stack.preview().steps)
    was = "airflow:index:Airflow$airflow:index:AirflowCredentials"
    assert f"  delete: {was}$random:index/randomPassword:RandomPassword::airflow-fernet-key-1\n" in words
    assert f"  delete: {was}$kubernetes:core/v1:Secret::airflow-fernet-key\n" in words
    assert "pulumi.Alias" in words

    moved(tmp_path, aliases='pulumi.Alias(type_="airflow:index:AirflowCredentials")')
    preview = stack.preview("--diff")
    assert preview.ok, preview.output
    assert losses(name, version, preview.steps) == ""
    assert "airflow-release" in {urn.split("::")[-1] for urn in preview.steps["update"]}, "the release changes as well"
    upgraded = stack.up()
    assert upgraded.ok, upgraded.output
    assert f"${MOVED}$random:index/randomPassword:RandomPassword::airflow-fernet-key-1" in json.dumps(stack.export())
    assert before <= held(stack)
    assert client.get(Secret, "airflow-fernet-key", namespace="airflow").data == key


def test_announced_replacements_and_replacements_by_design_are_accepted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    changelog = tmp_path / "CHANGELOG.md"
    monkeypatch.setattr(f"{__name__}.CHANGELOG", changelog)
    changelog.write_text(
        "## 2\n### Upgrading\n- `logs` is deleted: copy them\n## 1\n### Upgrading\n- `key` is deleted\n"
    )
    stack, secret = "urn:pulumi:dev::airflow::", "airflow:index:Airflow$kubernetes:core/v1:Secret::"
    steps = {
        "replace": [f"{stack}airflow:index:Airflow$kubernetes:batch/v1:Job::migration"],
        "delete": [f"{stack}{secret}logs", f"{stack}{secret}key"],
        "update": [f"{stack}{secret}other"],
    }
    assert f":\n  delete: {secret}key\nIf" in losses("dev", "1", steps), "version 2 does not announce it"
    assert losses("dev", "1", {**steps, "delete": [f"{stack}{secret}logs"]}) == ""
