"""`make released`: saves the states of a release, from which tests/engine/test_upgrade.py upgrades (docs/decisions/0010).

`tools/released/<version>/` has the settings and the state of each stack. It is written once per release. The saved state has only the inputs of
Kubernetes objects: `restore` creates the objects in a cluster and adds their outputs. Secrets are in plain text, because they are placeholders,
or random values of a deleted cluster.
"""

import json
import shutil
import sys
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import yaml

from sandbox import config_copy, pins, toolchain
from sandbox.plugins.property_values import Value, is_secret, plain, secret
from sandbox.plugins.protocol import Request, ResourceType
from sandbox.pulumi_environment import environment
from sandbox.sandbox_stack import SandboxStack
from sandbox.simulated import SimulatedCluster
from tests.support.cases import CONTRACT_CHART, GIVEN, ROOT, SERVED, STACKS
from tools.release import version

RELEASED = ROOT / "tools" / "released"
_CHART = "<chart>"
_VOLATILE = {"created", "modified", "sourcePosition", "stackTrace"}
_RESTORED = {"id", "outputs"}


def configure(stack: SandboxStack, settings: Path, chart: str) -> None:
    """Configure a stack with settings and placeholder secrets."""
    config_copy.write(settings, stack.config_file, throwaway=True, chart=chart)
    for key in config_copy.missing_secrets(stack.config_file):
        stack.set_secret(key, GIVEN[key.removeprefix("airflow:")])


def read_state(stack: SandboxStack) -> dict[str, Any]:
    """State of a stack with secrets in plain text."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "state.json"
        _run(stack, "export", "--show-secrets", "--file", str(file))
        state: dict[str, Any] = json.loads(file.read_text())
    return state


def restore(stack: SandboxStack, state: Path, chart: str, kinds: Mapping[str, ResourceType]) -> None:
    """Create the objects of a released state in the cluster, in the order of the state, and import the state into the stack."""
    content = json.loads(state.read_text().replace(_CHART, chart))
    for resource in content["deployment"]["resources"]:
        if kind := kinds.get(resource["type"]):
            inputs = kind.check(Request(inputs=_secrets(_from_state, resource["inputs"])))
            resource["id"], outputs = kind.create(Request(inputs=inputs))
            resource |= {"inputs": _secrets(_to_state, inputs), "outputs": _secrets(_to_state, outputs)}
    salt = yaml.safe_load(stack.config_file.read_text())["encryptionsalt"]
    content["deployment"]["secrets_providers"] = {"type": "passphrase", "state": {"salt": salt}}
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "state.json"
        file.write_text(json.dumps(content))
        _run(stack, "import", "--file", str(file))


def main() -> None:
    """Deploy each stack and save its state, once per version."""
    folder = RELEASED / version()
    if folder.exists():
        sys.exit(
            f"{folder.relative_to(ROOT)} exists, and released states never change. "
            "Increase the version in pyproject.toml, or remove the folder if the version was not released"
        )
    with tempfile.TemporaryDirectory() as home:
        written = Path(home) / "released"
        cluster = SimulatedCluster(Path(home) / "cluster")
        try:
            cluster.start(toolchain.ensure([*pins.ENGINE, *SimulatedCluster.tools]))
            for name in STACKS:
                _write(name, written, Path(home) / name, cluster)
        finally:
            cluster.stop()
        shutil.copytree(written, folder)
    print(f"Wrote {folder.relative_to(ROOT)}. Commit it with the release.")


def _write(name: str, folder: Path, home: Path, cluster: SimulatedCluster) -> None:
    settings = folder / f"Pulumi.{name}.yaml"
    config_copy.write(ROOT / settings.name, settings, throwaway=True, served=SERVED)
    stack = SandboxStack(ROOT, name, home, environment(ROOT, home, cluster.kubeconfig, toolchain.cache_folder()))
    stack.create()
    configure(stack, settings, str(CONTRACT_CHART))
    deployed = stack.up()
    if not deployed.ok:
        sys.exit(deployed.output)
    state = read_state(stack)
    resources = [_saved(resource) for resource in state["deployment"]["resources"]]
    content = {"version": state["version"], "deployment": {"manifest": {}, "resources": resources}}
    text = json.dumps(content, indent=1, sort_keys=True).replace(str(CONTRACT_CHART), _CHART)
    (folder / f"{name}.json").write_text(f"{text}\n")


def _saved(resource: dict[str, Any]) -> dict[str, Any]:
    """Resource without fields of the day and the machine, and without fields that `restore` or an upgrade sets."""
    only_in_state = resource["custom"] and not resource["type"].startswith("kubernetes:")
    dropped = _VOLATILE if only_in_state else _VOLATILE | _RESTORED
    return {key: value for key, value in resource.items() if key not in dropped}


def _run(stack: SandboxStack, *arguments: str) -> None:
    # In the folder of the settings: in the project, Pulumi would write a salt into the checkout's stack file.
    done = stack.run("--cwd", str(stack.config_file.parent), "stack", *arguments, "--stack", stack.name)
    if not done.ok:
        raise RuntimeError(done.output)


def _from_state(mark: Value) -> Value:
    return secret(json.loads(mark["plaintext"]))


def _to_state(mark: Value) -> Value:
    return secret(None) | {"plaintext": json.dumps(plain(mark))}


def _secrets(convert: Callable[[Value], Value], value: Value) -> Value:
    """Convert each secret in a value to the notation of the state or of the plugins."""
    if is_secret(value):
        return convert(value)
    if isinstance(value, dict):
        return {key: _secrets(convert, item) for key, item in value.items()}
    return [_secrets(convert, item) for item in value] if isinstance(value, list) else value


if __name__ == "__main__":
    main()
