"""Effects of changed files that no rendering shows: policies, pipelines, the program, its dependencies and tools. Pure.

The content of these files cannot be judged, so each of them is at least a change. Only paths that no deployment reads are left out.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from .changed_files import PIPELINES, ChangedFile
from .model import Effect, FieldChange, Severity
from .object_changes import field_changes
from .quoting import code, listed

_POLICIES = ("policies/", "components/airflow_stack/policies/")
_TOOLS = ("Makefile", "sandbox/", "tools/", ".ci/")
_DEPENDENCIES = re.compile(r"requirements[^/]*\.txt|pyproject\.toml|[^/]*\.lock|Pipfile|setup\.(py|cfg)")
_PROGRAM = re.compile(r"components/.*|[^/]*\.py|PulumiPlugin\.yaml")
# No deployment reads them. DAGs reach Airflow by git or in the image.
_WITHOUT_EFFECT = re.compile(
    r"(dags|docs|tests|examples|schemas|\.vscode|\.idea)/.*|(.*/)?[^/]*\.md|LICENSE[^/]*|NOTICE|CODEOWNERS|\.gitignore|\.gitattributes"
    r"|\.editorconfig|Pulumi\.[^/]*\.yaml"
)
_SENTENCES = {
    "policies": "The code of the policies changes ({files}): which rules still hold is not compared.",
    "pipeline": "Pipelines change ({files}): they run with the credentials of deployments.",
    "program": "The program changes ({files}).",
    "dependencies": "Dependencies change ({files}): {rendered}.",
    "tools": "Tools of the deployment change ({files}).",
    "files": "Other files change ({files}): whether a deployment reads them is not known.",
}
_RENDERED = {
    False: "both sides were rendered with the installed ones",
    True: "each side was rendered with its own",
}
_WEAKER = {
    "policies": " A file is deleted.",
    "pipeline": " Lines that protect are gone, or rights are added.",
}
# Lines that protect a deployment, and lines that give more rights.
_PROTECTING = re.compile(
    r"--policy-pack\b|airflow-stack check\b|persist-credentials: false|^\s*environment:|head\.repo\.full_name == github\.repository"
    r"|^\s*permissions: \{\}|--expect-no-changes|ref: \$\{\{ github\.event\.repository\.default_branch|CI_COMMIT_REF_PROTECTED|--require-hashes",
    re.MULTILINE,
)
_GRANTING = re.compile(
    r"pull_request_target|:\s*write\b|write-all|\bsecrets\.|secrets:\s*inherit|continue-on-error:\s*true|allow_failure:\s*true|\|\|\s*true\b",
    re.MULTILINE,
)


def file_effects(files: Sequence[ChangedFile], dag_folder: str, *, own_packages: bool = False) -> Iterator[Effect]:
    """Effects of the changed files.

    Args:
        files: Every file that differs.
        dag_folder: Folder of the DAGs (`dags.path`), which may be in the same repository.
        own_packages: Whether each side was rendered with the packages that it requires.
    """
    groups: dict[str, list[ChangedFile]] = {kind: [] for kind in _SENTENCES}
    for file in files:
        kind = _kind(file.path, dag_folder.strip("/"))
        if kind and not (kind == "files" and file.is_untracked):  # output of a pipeline, or of a tool
            groups[kind].append(file)
    for kind, changed in groups.items():
        if changed:
            severity = Severity.DANGEROUS if any(_is_weaker(kind, file) for file in changed) else Severity.CHANGE
            paths = listed((code(file.path) + (" is deleted" if file.is_deleted else "") for file in changed), 4)
            weaker = _WEAKER.get(kind, "") if severity is Severity.DANGEROUS else ""
            yield Effect(
                kind, _SENTENCES[kind].format(files=paths, rendered=_RENDERED[own_packages]) + weaker, severity
            )


def changes_program(files: Sequence[ChangedFile]) -> bool:
    """Whether a file of the program differs."""
    return any(_kind(file.path, "") == "program" for file in files)


def _kind(path: str, dag_folder: str) -> str:
    """The group of a file; empty for one that no deployment reads."""
    if path.startswith(PIPELINES):
        return "pipeline"
    if path.startswith(_POLICIES):
        return "policies"
    if path.startswith(_TOOLS):
        return "tools"
    if path == "Pulumi.yaml" or _WITHOUT_EFFECT.fullmatch(path):
        return ""
    if _DEPENDENCIES.fullmatch(path):
        return "dependencies"
    if _PROGRAM.fullmatch(path):
        return "program"
    return "" if dag_folder and path.startswith(f"{dag_folder}/") else "files"


def _is_weaker(kind: str, file: ChangedFile) -> bool:
    if kind == "policies":
        return file.is_deleted
    if kind != "pipeline":
        return False
    old, new = (
        {name: len(form.findall(text)) for name, form in (("protecting", _PROTECTING), ("granting", _GRANTING))}
        for text in (file.old, file.new)
    )
    return new["protecting"] < old["protecting"] or new["granting"] > old["granting"]


# Keys of Pulumi.yaml that decide which program, plugins, state and cluster a deployment uses.
_DECIDING = ("name", "runtime", "main", "backend", "plugins", "packages", "options", "config", "stackConfigDir")
_DESCRIBING = re.compile(r"(description|author|website|license|template)\b.*|config\.[^.]+\.(description|type)")


def project_effects(old: Mapping[str, Any], new: Mapping[str, Any]) -> Iterator[tuple[FieldChange, Effect]]:
    """Changed fields of `Pulumi.yaml` with their effects.

    Args:
        old: The file's content at the base; empty without a file.
        new: The same in the work tree.
    """
    for field in field_changes(old, new, settings=True):
        if _DESCRIBING.fullmatch(field.path):
            continue
        first, *rest = field.path.split(".")
        own_default = first == "config" and bool(rest) and ":" not in rest[0]  # of a setting of the program
        severity = Severity.DANGEROUS if first in _DECIDING and not own_default else Severity.CHANGE
        text = f"{code('Pulumi.yaml')} changes {code(field.path)}: it applies to every stack of the project."
        yield FieldChange(f"Pulumi.yaml {field.path}", field.old, field.new), Effect("project", text, severity)
