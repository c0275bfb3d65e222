"""Renders stacks of a project tree with the tree's own program. Needs no cluster, no Pulumi login and no secrets."""

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from airflow_stack.cli.pulumi_state import RELEASE
from airflow_stack.cli.recording import with_name
from airflow_stack.credentials import CREDENTIALS
from airflow_stack.errors import UserError

from .model import Manifest, RenderedStack

_RECORD_TREE = Path(__file__).with_name("record_tree.py")
# The rollout Job runs with every change of the release, and the protection protects other objects. Neither changes anything itself.
_WITHOUT_EFFECT = ("-rollout-job", "-protection")


@dataclass(frozen=True)
class ProjectTree:
    """The files of the project in one version."""

    folder: Path
    name: str
    """Name in messages."""
    stacks: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    """Settings and resources of each stack, as `record_tree.py` writes them."""

    def has(self, stack: str) -> bool:
        """Whether the tree has the file of a stack."""
        return (self.folder / f"Pulumi.{stack.rsplit('/', 1)[-1]}.yaml").is_file()


def rendered_stack(
    recorded: Mapping[str, Any], released: Iterable[Manifest], reencrypted: frozenset[str] = frozenset()
) -> RenderedStack:
    """One rendering.

    Args:
        recorded: Settings and resources, as `record_tree.py` writes them.
        released: Manifests of the Helm release.
        reencrypted: Secret settings with another encrypted text than in the base.
    """
    own = [
        (with_name(resource["inputs"], resource["name"]), resource["protect"])
        for resource in recorded["resources"]
        if resource["type"].startswith("kubernetes:")
        and resource["type"] != RELEASE
        and not resource["name"].endswith(_WITHOUT_EFFECT)
    ]
    of_chart = {_key(manifest): manifest for manifest in released}
    objects = {**{_key(manifest): manifest for manifest, _ in own}, **of_chart}
    return RenderedStack(
        settings=recorded["settings"],
        objects=_with_new_secrets(objects, reencrypted) if reencrypted else objects,
        protected=frozenset(_key(manifest) for manifest, is_protected in own if is_protected),
        released=frozenset(of_chart),
        reencrypted=reencrypted,
    )


def _key(manifest: Manifest) -> str:
    return f"{manifest['kind']}/{manifest['metadata']['name']}"


def _with_new_secrets(objects: Mapping[str, Manifest], settings: frozenset[str]) -> dict[str, Manifest]:
    """The objects as if these secrets had changed. Their placeholders are the same in both renderings."""
    changed = [credential for credential in CREDENTIALS if credential.setting in settings]
    secrets = {name for credential in changed for name in (credential.secret, *credential.copies)}
    found: dict[str, Manifest] = json.loads(json.dumps(objects))
    for key, manifest in found.items():
        for part in ("data", "stringData"):
            if key.startswith("Secret/") and key.removeprefix("Secret/") in secrets and part in manifest:
                manifest[part] = {name: f"{digest} changed" for name, digest in manifest[part].items()}
        annotations = manifest.get("spec", {}).get("template", {}).get("metadata", {}).get("annotations") or {}
        for name in secrets & {name.removeprefix("checksum/") for name in annotations}:
            annotations[f"checksum/{name}"] += " changed"
    return found


def recorded(trees: Sequence[ProjectTree], stacks: Sequence[str], chart: Path | None) -> list[ProjectTree]:
    """The trees with the resources of their stacks. The trees are recorded in parallel.

    Raises:
        UserError: the program of a tree fails, or settings of a stack are wrong.
    """
    with tempfile.TemporaryDirectory() as folder:
        started = [
            _start(tree, [stack for stack in stacks if tree.has(stack)], chart, Path(folder, str(number)))
            for number, tree in enumerate(trees)
        ]
        done = [(process, process.communicate()[1]) for process in started]
        return [
            _read(tree, Path(folder, str(number)), process.returncode, errors)
            for number, (tree, (process, errors)) in enumerate(zip(trees, done, strict=True))
        ]


def _start(tree: ProjectTree, stacks: Sequence[str], chart: Path | None, target: Path) -> "subprocess.Popen[str]":
    # -P keeps the script's folder off sys.path: its modules must not shadow those of the tree's program.
    return subprocess.Popen(
        [sys.executable, "-P", str(_RECORD_TREE), str(target), str(chart or ""), *stacks],
        cwd=tree.folder,
        env={**os.environ, "PYTHONPATH": str(tree.folder / "components")},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )


def _read(tree: ProjectTree, target: Path, status: int, errors: str) -> ProjectTree:
    if status:
        reason = (errors.strip().splitlines() or ["no reason given"])[-1].replace(str(tree.folder), ".")
        raise UserError(
            f"the program of {tree.name} cannot be rendered: {reason}\n"
            "`airflow-stack render` in a checkout of it shows more; a base without that command cannot be compared"
        )
    found = json.loads(target.read_text())
    for stack in found.values():
        if problem := stack.get("problem"):
            raise UserError(f"{tree.name}: {problem.replace(str(tree.folder), '.')}")
    return ProjectTree(tree.folder, tree.name, found)
