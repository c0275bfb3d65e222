"""Text of `airflow-stack init`."""

import shlex
from collections.abc import Iterable
from pathlib import Path


def summary(folder: Path, files: Iterable[str], repository: str | None) -> str:
    """The written files, and the next step."""
    lines = [f"wrote {folder / file}" for file in files]
    if folder != Path():
        lines.append(f"next: cd {shlex.quote(str(folder))}, and follow README.md")
    else:
        lines.append("next: follow README.md")
    if not repository:
        lines.append("Set airflow:dags.repository in both stack files to your DAG repository first.")
    return "\n".join(lines)
