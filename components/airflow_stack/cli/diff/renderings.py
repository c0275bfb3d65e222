"""Renders stacks of a project tree with the tree's own program. Needs no cluster, no Pulumi login and no secrets."""

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Collection, Iterable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from airflow_stack.cli import given_yaml
from airflow_stack.cli.interrupts import ended
from airflow_stack.cli.progress import waiting
from airflow_stack.cli.pulumi_state import RELEASE
from airflow_stack.cli.recording import with_name
from airflow_stack.errors import UserError

from .model import Manifest, RenderedStack
from .tree_environments import TreeEnvironment

_RECORD_TREE = Path(__file__).with_name("record_tree.py")
# The rollout Job runs with every change of the release, and the protection protects other objects. Neither changes anything itself.
_WITHOUT_EFFECT = ("-rollout-job", "-protection")


@dataclass(frozen=True)
class ProjectTree:
    """The files of the project in one version."""

    folder: Path
    name: str
    """Name in messages."""
    environment: TreeEnvironment
    """Interpreter that runs the program."""
    stacks: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    """Settings and resources of each stack, as `record_tree.py` writes them."""

    def has(self, stack: str) -> bool:
        """Whether the tree has the file of a stack."""
        return self._file(stack).is_file()

    def stack_file(self, stack: str) -> Mapping[str, Any]:
        """Content of the file of a stack; empty without one."""
        return self._content(self._file(stack))

    def project_file(self) -> Mapping[str, Any]:
        """Content of `Pulumi.yaml`; empty without one."""
        return self._content(self.folder / "Pulumi.yaml")

    def _file(self, stack: str) -> Path:
        return self.folder / f"Pulumi.{stack.rsplit('/', 1)[-1]}.yaml"

    def _content(self, file: Path) -> Mapping[str, Any]:
        """Content of a YAML file that holds a map."""
        try:
            content = given_yaml.document(file) if file.is_file() else {}
        except UserError as error:
            raise UserError(f"{self.name}: {str(error).replace(f'{self.folder}/', '')}") from None
        return content if isinstance(content, dict) else {}


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
        settings=_as_deployed(recorded),
        objects=objects,
        protected=frozenset(_key(manifest) for manifest, is_protected in own if is_protected),
        released=frozenset(of_chart),
        reencrypted=reencrypted,
    )


def _as_deployed(recorded: Mapping[str, Any]) -> dict[str, Any]:
    """The settings with executor, image and namespace of the release: `values` may have others."""
    settings: dict[str, Any] = dict(recorded["settings"])
    release: Mapping[str, Any] = next((each["inputs"] for each in recorded["resources"] if each["type"] == RELEASE), {})
    values = release.get("values") or {}
    settings |= {"executor": values.get("executor") or settings.get("executor")}
    settings |= {"namespace": release.get("namespace") or settings.get("namespace")}
    images = settings.get("images") or {}
    own = (values.get("images") or {}).get("airflow") or {}
    tag = str(own.get("tag") or values.get("defaultAirflowTag") or "").partition("@")[0]
    if tag and tag != (images.get("airflow") or {}).get("tag"):
        repository = own.get("repository") or values.get("defaultAirflowRepository")
        settings["images"] = {**images, "airflow": {"repository": repository, "tag": tag}}
    return settings


def _key(manifest: Manifest) -> str:
    return f"{manifest['kind']}/{manifest['metadata']['name']}"


def recorded(
    trees: Sequence[ProjectTree],
    renewed: Mapping[str, Collection[str]],
    chart: Path | None,
    *,
    with_program: bool = False,
) -> list[ProjectTree]:
    """The trees with the resources of their stacks. The trees are recorded in parallel.

    Args:
        trees: The base and the work tree.
        renewed: The stacks, each with the secret settings that differ in the work tree.
        chart: Local chart for both trees.
        with_program: Whether to record `__main__.py` too.

    Raises:
        UserError: the program of a tree fails, or settings of a stack are wrong.
    """
    with tempfile.TemporaryDirectory() as folder, ExitStack() as running:
        started = [
            running.enter_context(
                ended(
                    _start(
                        tree,
                        {
                            stack: sorted(secrets) if number else []
                            for stack, secrets in renewed.items()
                            if tree.has(stack)
                        },
                        chart,
                        Path(folder, str(number)),
                        with_program=with_program,
                    )
                )
            )
            for number, tree in enumerate(trees)
        ]
        with waiting("waiting for the programs of both versions"):
            done = [(process, process.communicate()[1]) for process in started]
        return [
            _read(tree, Path(folder, str(number)), process.returncode, errors)
            for number, (tree, (process, errors)) in enumerate(zip(trees, done, strict=True))
        ]


def _start(
    tree: ProjectTree, stacks: Mapping[str, list[str]], chart: Path | None, target: Path, *, with_program: bool
) -> "subprocess.Popen[str]":
    # -P keeps the script's folder off sys.path: its modules must not shadow those of the tree's program.
    plan = [str(target), str(chart or ""), "program" if with_program else "", json.dumps(stacks)]
    return subprocess.Popen(
        [tree.environment.python, "-P", str(_RECORD_TREE), *plan],
        cwd=tree.folder,
        env=_variables(tree),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )


def _variables(tree: ProjectTree) -> dict[str, str]:
    """Variables of the tree's program: its package is the tree's own, or that of its environment."""
    if (tree.folder / "components" / "airflow_stack").is_dir():
        return {**os.environ, "PYTHONPATH": str(tree.folder / "components")}
    is_other = tree.environment.python != sys.executable
    return {key: value for key, value in os.environ.items() if not (is_other and key == "PYTHONPATH")}


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
    return replace(tree, stacks=found)
