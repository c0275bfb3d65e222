"""The two renderings of each stack: as it was at the base, and as it is in the work tree, each by its own tree's program.

Owns processes and Helm; what is compared later are plain `Side`s. Needs no cluster, no Pulumi login and no secrets.
"""

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from airflow_stack.cli.recording import with_name
from airflow_stack.credentials import CREDENTIALS
from airflow_stack.errors import UserError

Manifest = dict[str, Any]
RELEASE = "kubernetes:helm.sh/v3:Release"
_INSIDE = Path(__file__).with_name("record_tree.py")


@dataclass(frozen=True)
class Side:
    """One rendering of one stack."""

    settings: Mapping[str, Any]
    """Every setting as a stack file names it, defaults filled in; no secrets."""
    objects: Mapping[str, Manifest]
    """Manifests by `Kind/name`; of a Secret's values there are digests."""
    protected: frozenset[str] = frozenset()
    """The objects that Pulumi refuses to delete."""
    released: frozenset[str] = frozenset()
    """The objects that are Helm's."""
    renewed: frozenset[str] = frozenset()
    """The secret settings whose encrypted text is not the base's."""


@dataclass(frozen=True)
class Tree:
    """One checkout of the project."""

    folder: Path
    name: str
    stacks: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)

    def has(self, stack: str) -> bool:
        """Whether there is such a stack."""
        return (self.folder / f"Pulumi.{stack.rsplit('/', 1)[-1]}.yaml").is_file()


# One runs again with every change of the release, the other is protected with all the rest; neither changes anything itself.
_FOLLOWERS = ("-rollout-job", "-protection")


def side(described: Mapping[str, Any], released: Iterable[Manifest], renewed: frozenset[str] = frozenset()) -> Side:
    """A rendering, from what the program registered and what Helm made of the release."""
    own = [
        (with_name(r["inputs"], r["name"]), r["protect"])
        for r in described["resources"]
        if r["type"].startswith("kubernetes:") and r["type"] != RELEASE and not r["name"].endswith(_FOLLOWERS)
    ]
    charts = {_key(manifest): manifest for manifest in released}
    objects = {**{_key(manifest): manifest for manifest, _ in own}, **charts}
    return Side(
        settings=described["settings"],
        objects=_renewed(objects, renewed) if renewed else objects,
        protected=frozenset(_key(manifest) for manifest, is_protected in own if is_protected),
        released=frozenset(charts),
        renewed=renewed,
    )


def _key(manifest: Manifest) -> str:
    return f"{manifest['kind']}/{manifest['metadata']['name']}"


def _renewed(objects: Mapping[str, Manifest], settings: frozenset[str]) -> dict[str, Manifest]:
    """The objects as new contents of the given secrets leave them: the made-up ones are the same on both sides."""
    changed = [credential for credential in CREDENTIALS if credential.setting in settings]
    secrets = {name for credential in changed for name in (credential.secret, *credential.copies)}
    found: dict[str, Manifest] = json.loads(json.dumps(objects))
    for key, manifest in found.items():
        for part in ("data", "stringData"):
            if key.startswith("Secret/") and key.removeprefix("Secret/") in secrets and part in manifest:
                manifest[part] = {name: f"{digest} renewed" for name, digest in manifest[part].items()}
        annotations = manifest.get("spec", {}).get("template", {}).get("metadata", {}).get("annotations") or {}
        for name in secrets & {name.removeprefix("checksum/") for name in annotations}:
            annotations[f"checksum/{name}"] += " renewed"
    return found


def described(trees: Sequence[Tree], stacks: Sequence[str], chart: Path | None) -> list[Tree]:
    """What the program of each tree registers for its stacks; the trees work at the same time.

    Raises:
        UserError: a tree's program fails, or settings of a stack are wrong.
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


def _start(tree: Tree, stacks: Sequence[str], chart: Path | None, target: Path) -> "subprocess.Popen[str]":
    # -P: the folder of the script holds modules of ours, which the tree's program must not find before its own.
    return subprocess.Popen(
        [sys.executable, "-P", str(_INSIDE), str(target), str(chart or ""), *stacks],
        cwd=tree.folder,
        env={**os.environ, "PYTHONPATH": str(tree.folder / "components")},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )


def _read(tree: Tree, target: Path, status: int, errors: str) -> Tree:
    if status:
        reason = (errors.strip().splitlines() or ["no reason given"])[-1].replace(str(tree.folder), ".")
        raise UserError(
            f"the program of {tree.name} cannot be rendered: {reason}\n"
            "`airflow-stack render` in a checkout of it shows more; a base from before that command cannot be compared with"
        )
    found = json.loads(target.read_text())
    for description in found.values():
        if problem := description.get("problem"):
            raise UserError(f"{tree.name}: {problem.replace(str(tree.folder), '.')}")
    return Tree(tree.folder, tree.name, found)
