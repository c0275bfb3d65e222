"""`make release`: builds and tests the artifacts of a release, and lists them. Nothing is published.

`.github/workflows/release.yml` runs it for a tag, then attests and publishes `dist/`. One version counts: `project.version` of pyproject.toml.
"""

import hashlib
import json
import os
import re
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Annotated

import typer
from uv import find_uv_bin

from airflow_stack.cli.console import console
from airflow_stack.errors import UserError

ROOT = Path(__file__).parents[1]
PYTHONS = ("3.11", "3.12", "3.13", "3.14")
REPOSITORY = "https://github.com/acme/dags.git"
_SECTION = re.compile(r"^## (?P<title>[^\n]+)\n(?P<text>.*?)(?=^## |\Z)", re.MULTILINE | re.DOTALL)


def version(root: Path = ROOT) -> str:
    """The version in pyproject.toml."""
    return str(tomllib.loads((root / "pyproject.toml").read_text())["project"]["version"])


PINNED = (
    "template/requirements.txt",
    *(f"template/.github/workflows/{name}.yml" for name in ("deploy", "drift", "preview", "preview-comment")),
    "template/.gitlab-ci.yml",
    ".gitlab/stacks.yml",
)
"""Files that name the version of this package, each in a form of its own."""
_PIN = re.compile(
    r"(?:airflow-stack\[[a-z,]+\]==|airflow-stack/\.github/\S+@v|airflow-stack/v|(?:ref|default): v)(\d+\.\d+\.\d+)"
)


def changes(version: str, root: Path = ROOT) -> tuple[str, str]:
    """Title and text of a version's section in CHANGELOG.md; `Unreleased` before the version has one."""
    sections = {
        match["title"]: match["text"].strip() for match in _SECTION.finditer((root / "CHANGELOG.md").read_text())
    }
    for title, text in sections.items():
        if title.split(" ")[0].strip("[]") == version:
            return title, text
    return "Unreleased", sections.get("Unreleased", "")


def problems(tag: str | None, root: Path = ROOT) -> Iterator[str]:
    """Reasons against a release, each with the fix. Without a tag, as in a rehearsal, the changelog may be unreleased."""
    released = version(root)
    title, text = changes(released, root)
    others = {
        "components/airflow_stack/schema.json": json.loads((root / "components/airflow_stack/schema.json").read_text())[
            "version"
        ],
    }
    for file in PINNED:
        found = set(_PIN.findall((root / file).read_text())) or {"none"}
        others[file] = next(iter(found - {released}), released)
    for file, other in others.items():
        if other != released:
            yield f"{file} has version {other}, pyproject.toml has {released}; run `make generate`, and pin {released} in {file}"
    if not text:
        yield f"CHANGELOG.md has no text under {title}; describe the release there"
    if tag and tag != f"v{released}":
        yield f"the tag is {tag}, the version {released}; tag v{released}, or set project.version"
    if tag and title == "Unreleased":
        yield f"CHANGELOG.md has no section {released}; rename Unreleased to `{released} - <date>`"
    if tag and not (root / "tools" / "released" / released).is_dir():
        yield f"tools/released/{released} is missing; run `make released`"


def build(target: Path) -> list[Path]:
    """Build sdist and wheel from the committed files. The wheel is built from the sdist, as an installer of the sdist would."""
    with tempfile.TemporaryDirectory() as folder:
        archive = subprocess.run(["git", "archive", "HEAD"], cwd=ROOT, capture_output=True, check=True).stdout
        subprocess.run(["tar", "-x", "-C", folder], input=archive, check=True)
        with (Path(folder) / "pyproject.toml").open("a") as project:
            project.write(urls(os.environ.get("REPOSITORY_URL", "")))
        _run(
            find_uv_bin(), "build", "--no-build-isolation", "--python", sys.executable, "--out-dir", str(target), folder
        )
    return sorted([*target.glob("*.whl"), *target.glob("*.tar.gz")])


def urls(address: str) -> str:
    """The table `[project.urls]`, for the repository that builds the release. Empty without its address."""
    pages = {
        "Repository": "",
        "Documentation": "/tree/main/docs",
        "Changelog": "/blob/main/CHANGELOG.md",
        "Issues": "/issues",
    }
    rows = "".join(f'{name} = "{address}{path}"\n' for name, path in pages.items())
    return f"\n[project.urls]\n{rows}" if address else ""


def pythons(wanted: Sequence[str] = PYTHONS) -> dict[str, str]:
    """Installed interpreters by minor version."""
    found = {}
    for each in wanted:
        done = subprocess.run(
            [find_uv_bin(), "python", "find", "--no-project", "--no-python-downloads", each],
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode == 0:
            found[each] = done.stdout.strip()
    return found


def try_wheel(wheel: Path, python: str) -> str:
    """Install the wheel in a clean environment, and use it in an empty folder. Returns the number of installed packages."""
    with tempfile.TemporaryDirectory() as folder:
        environment, team = Path(folder, "venv"), Path(folder, "team")
        _run(find_uv_bin(), "venv", "--python", python, str(environment))
        installed = _run(find_uv_bin(), "pip", "install", "--python", str(environment / "bin" / "python"), str(wheel))
        command = str(environment / "bin" / "airflow-stack")
        if version() not in (shown := _run(command, "--version")):
            raise UserError(f"the installed command prints {shown.strip()!r} instead of the version")
        _run(command, "init", str(team), "--repository", REPOSITORY)
        for stack in ("staging", "prod"):
            _run(command, "check", "--stack", stack, cwd=team)
        _run(
            str(environment / "bin" / "python"), "-c", "from airflow_stack import Airflow, AirflowArgs, stack_arguments"
        )
        return f"{installed.count(' + ')} packages"


def bill_of_materials(target: Path) -> Path:
    """CycloneDX document of the locked dependencies (`requirements.txt`, with hashes)."""
    file = target / f"airflow_stack-{version()}.cdx.json"
    lock = [
        "requirements",
        "requirements.txt",
        "--pyproject",
        "pyproject.toml",
        "--output-reproducible",
        "--of",
        "JSON",
    ]
    _run(str(Path(sys.executable).with_name("cyclonedx-py")), *lock, "--output-file", str(file), cwd=ROOT)
    return file


def _run(*command: str, cwd: Path | None = None) -> str:
    done = subprocess.run(command, cwd=cwd, capture_output=True, text=True, check=False)
    if done.returncode:
        raise UserError(f"{' '.join(command)} failed:\n{done.stdout}{done.stderr}")
    return done.stdout + done.stderr


def main(
    tag: Annotated[str | None, typer.Option("--tag", help="Tag of the release. Default: a rehearsal.")] = None,
    target: Annotated[Path, typer.Option("--target", help="Folder of the artifacts.")] = Path("dist"),
    only: Annotated[
        list[str] | None, typer.Option("--python", help="Minor version of Python; may be repeated.")
    ] = None,
) -> None:
    """Build, test and list the artifacts of a release."""
    if wrong := list(problems(tag)):
        raise UserError("this cannot be released\n  " + "\n  ".join(wrong))
    if target.exists() and any(target.iterdir()):
        raise UserError(f"{target} is not empty; remove it first")
    target.mkdir(parents=True, exist_ok=True)
    console.print(f"Building airflow-stack {version()} from the committed files")
    artifacts = build(target)
    (wheel,) = (each for each in artifacts if each.suffix == ".whl")
    found = pythons(only or PYTHONS)
    for minor in only or PYTHONS:
        result = try_wheel(wheel, found[minor]) if minor in found else "not installed here, not tested"
        console.print(f"  wheel on Python {minor}: {result}")
    artifacts.append(bill_of_materials(target))
    (target / "CHANGES.md").write_text(changes(version())[1] + "\n")
    sums = [f"{hashlib.sha256(each.read_bytes()).hexdigest()}  {each.name}" for each in artifacts]
    (target / "SHA256SUMS").write_text("\n".join(sums) + "\n")
    typer.echo("\n".join(sums))
    console.print(
        "next: "
        + (
            "the workflow attests and publishes them"
            if tag
            else f"git tag v{version()} && git push origin v{version()}"
        )
    )


if __name__ == "__main__":
    try:
        typer.run(main)
    except UserError as error:
        sys.exit(f"error: {error}")
