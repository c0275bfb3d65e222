"""The template of a team's own repository: its files, and the texts that a team replaces."""

from collections.abc import Iterator
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path

from airflow_stack.errors import UserError

PLACEHOLDER = "git@github.com:acme/dags.git"
DESCRIPTION = "Apache Airflow on Kubernetes from git"


def template_files(name: str, repository: str | None) -> dict[str, str]:
    """Content of each file by its path.

    Args:
        name: Name of the Pulumi project.
        repository: URL of the DAG repository. None keeps the template's example.
    """
    texts = {"${PROJECT}": name, "${DESCRIPTION}": DESCRIPTION, PLACEHOLDER: repository or PLACEHOLDER}
    found = {}
    for path, file in _walk(files("airflow_stack") / "template"):
        content = file.read_text()
        for old, new in texts.items():
            content = content.replace(old, new)
        found[path] = content
    return found


def _walk(folder: Traversable, prefix: str = "") -> Iterator[tuple[str, Traversable]]:
    for each in sorted(folder.iterdir(), key=lambda item: item.name):
        if each.is_file():
            yield f"{prefix}{each.name}", each
        elif each.name != "__pycache__":
            yield from _walk(each, f"{prefix}{each.name}/")


def write(folder: Path, content: dict[str, str]) -> None:
    """Write the files of a new repository.

    Raises:
        UserError: a file exists already, or the folder is not writable. Nothing is written in the first case.
    """
    if existing := sorted(path for path in content if (folder / path).exists()):
        raise UserError(
            f"{folder} has {', '.join(existing)} already\n    fix: name an empty folder, or move the files away first"
        )
    try:
        for path, text in content.items():
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            (folder / path).write_text(text)
    except OSError as error:
        raise UserError(f"{folder} cannot be written: {error.strerror}\n    fix: name another folder") from None
