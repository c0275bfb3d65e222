"""An upgrade from every released version that is kept, through the real engine and on objects that are really there.

`tools/released/<version>/` says what a release left behind (tools/releases.py, docs/decisions/0010). It is put into the cluster and into a
state, with the settings of that day; then this checkout is deployed over it.
"""

import json
import os
import re
import shutil
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from pathlib import Path

import pytest
import yaml
from lightkube import Client
from lightkube.resources.core_v1 import Secret

from sandbox import toolchain
from sandbox.plugins.kubernetes_provider import PROVIDER
from sandbox.plugins.property_values import is_secret
from sandbox.plugins.protocol import Request
from sandbox.sandbox_stack import SandboxStack
from sandbox.simulated import SimulatedCluster
from tests.support.cases import CONTRACT_CHART, ROOT
from tools import releases
from tools.releases import RELEASED

CHART = os.environ.get("AIRFLOW_CHART") or str(CONTRACT_CHART)
CHANGELOG = ROOT / "CHANGELOG.md"
PACKAGE = Path("components", "airflow_stack")
KEPT = sorted((file.parent.name, file.stem) for file in RELEASED.glob("*/*.json"))
HARMLESS = {"same", "update", "create"}
# What may go and come anew, as it holds nothing.
MAY_GO = (
    "kubernetes:batch/v1:Job",  # runs again when its image or inputs change, by design (docs/decisions/0001)
    "pulumi:providers:",  # has the version of its plugin in its name
)
MOVED = "airflow:index:Keys"
LOST = """\
Whoever upgrades stack {stack} from {version} would lose these:
{lost}
If they were renamed or moved, give each its earlier URN: pulumi.ResourceOptions(aliases=[pulumi.Alias(name=..., type_=..., parent=...)]).
If an input replaces them, leave that input as it was for stacks that exist. If they are to go, say so in CHANGELOG.md under "Upgrading", a
line for each, with what becomes of its data: "- `{example}` is replaced: ...", or "is deleted"."""

Deployed = Callable[..., SandboxStack]


@pytest.fixture(scope="module")
def background() -> Iterator[Executor]:
    """Where a namespace goes while the next stack comes."""
    with ThreadPoolExecutor() as pool:
        yield pool


@pytest.fixture
def deployed(
    open_stack: Callable[..., SandboxStack],
    cluster: SimulatedCluster,
    background: Executor,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[Deployed]:
    """Bring back what a release left behind; afterwards its namespace goes with all that is in it, however far the test came."""
    monkeypatch.setenv("KUBECONFIG", cluster.kubeconfig)
    monkeypatch.setenv("PATH", str(toolchain.cache_folder() / "bin"), prepend=os.pathsep)
    PROVIDER.configure({"enableSecretMutable": "true"})
    vanish, places = PROVIDER.resources["kubernetes:core/v1:Namespace"].delete, []

    def bring_back(version: str, name: str, project: Path = ROOT) -> SandboxStack:
        settings = RELEASED / version / f"Pulumi.{name}.yaml"
        place = Request(id=yaml.safe_load(settings.read_text())["config"].get("airflow:namespace", "airflow"))
        vanish(place)  # that of an earlier test may be on its way still
        places.append(place)
        stack = open_stack(name, project)
        releases.configure(stack, settings, CHART)
        releases.restore(stack, settings.with_name(f"{name}.json"), CHART, PROVIDER.resources)
        return stack

    yield bring_back
    for place in places:
        background.submit(vanish, place)


def complaint(name: str, version: str, steps: Mapping[str, Sequence[str]]) -> str:
    """What an upgrade replaces or deletes although it must not, and what to do; empty if there is nothing."""
    told = told_since(version)
    lost = {
        urn.split("::", 2)[-1]: operation
        for operation in sorted(steps.keys() - HARMLESS)
        for urn in steps[operation]
        if may_not_go(urn, told)
    }
    lines = "\n".join(f"  {operation}: {urn}" for urn, operation in sorted(lost.items()))
    example = min(lost, default="").split("::")[-1]
    return LOST.format(stack=name, version=version, lost=lines, example=example) if lost else ""


def may_not_go(urn: str, told: str) -> bool:
    """Whether users would miss it: it holds something, and the changelog does not tell them that it goes."""
    types, name = urn.split("::")[-2:]
    announced = re.search(rf"^- `{re.escape(name)}` is (replaced|deleted)", told, re.MULTILINE)
    return not types.split("$")[-1].startswith(MAY_GO) and not announced


def told_since(version: str) -> str:
    """What the changelog says under "Upgrading" of every version after this one."""
    since = re.split(rf"^## \[?{re.escape(version)}\b", CHANGELOG.read_text(), flags=re.MULTILINE)[0]
    return "\n".join(re.findall(r"^### Upgrading\n(.*?)(?=^##|\Z)", since, flags=re.MULTILINE | re.DOTALL))


def held(stack: SandboxStack, told: str = "") -> set[str]:
    """The identity of every object, and every secret that is in the state alone, but for what may go."""
    found = set()
    for resource in releases.read_state(stack)["deployment"]["resources"]:
        if not resource["custom"] or not may_not_go(resource["urn"], told):
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
    before = held(stack, told_since(version))
    assert len(before) > 12
    preview = stack.preview("--diff")
    assert preview.ok, preview.output
    if words := complaint(name, version, preview.steps):
        pytest.fail(words, pytrace=False)
    upgraded = stack.up()
    assert upgraded.ok, upgraded.output
    assert before <= held(stack), "the preview promised that all of them stay"


def moved(project: Path, aliases: str) -> None:
    """Make of a copy of the program one with a type of another name, and so another URN for all below it, and with a change to the release."""
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


def test_a_moved_resource_is_lost_without_an_alias_and_keeps_key_and_identity_with_it(
    deployed: Deployed, client: Client, tmp_path: Path
) -> None:
    shutil.copytree(ROOT / "components", tmp_path / "components")
    for name in ("__main__.py", "Pulumi.yaml"):
        shutil.copy(ROOT / name, tmp_path)
    (tmp_path / ".venv").symlink_to(sys.prefix)
    version, name = releases.version(), "dev"
    stack = deployed(version, name, tmp_path)
    before, key = held(stack), client.get(Secret, "airflow-fernet-key", namespace="airflow").data
    assert key

    moved(tmp_path, aliases="")
    words = complaint(name, version, stack.preview().steps)
    was = "airflow:index:Airflow$airflow:index:AirflowCredentials"
    assert f"  delete: {was}$random:index/randomPassword:RandomPassword::airflow-fernet-key-1\n" in words
    assert f"  delete: {was}$kubernetes:core/v1:Secret::airflow-fernet-key\n" in words
    assert "pulumi.Alias" in words

    moved(tmp_path, aliases='pulumi.Alias(type_="airflow:index:AirflowCredentials")')
    preview = stack.preview("--diff")
    assert preview.ok, preview.output
    assert complaint(name, version, preview.steps) == ""
    assert "airflow-release" in {urn.split("::")[-1] for urn in preview.steps["update"]}, "a change is part of it"
    upgraded = stack.up()
    assert upgraded.ok, upgraded.output
    assert f"${MOVED}$random:index/randomPassword:RandomPassword::airflow-fernet-key-1" in json.dumps(stack.export())
    assert before <= held(stack)
    assert client.get(Secret, "airflow-fernet-key", namespace="airflow").data == key


def test_what_is_replaced_by_design_or_announced_is_no_loss(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
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
    assert f":\n  delete: {secret}key\nIf" in complaint("dev", "1", steps), "2 does not announce it"
    assert complaint("dev", "1", {**steps, "delete": [f"{stack}{secret}logs"]}) == ""
