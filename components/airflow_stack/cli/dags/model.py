"""Problems of DAG files: place, message and advice, from the results of `dag_parser.py`. Reads no file."""

import os
import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any


class Required(StrEnum):
    """Attributes that are optional for Airflow and can be required with `--require`."""

    START_DATE = "start-date"
    TAGS = "tags"


_LABELS = {Required.START_DATE: "start date", Required.TAGS: "tags"}


@dataclass(frozen=True, order=True)
class DagFileProblem:
    """One problem, and its place."""

    path: str
    line: int
    what: str
    """Message and advice."""

    def __str__(self) -> str:
        """A line that terminals and editors open."""
        return f"{self.path}:{self.line}: {self.what}"


@dataclass(frozen=True)
class DagCheckReport:
    """Result of a check."""

    files: int
    dags: list[str]
    problems: list[DagFileProblem]


_ADVICE = (
    (
        r"No module named 'airflow\.providers\.",
        "if the stack's image has this provider, list its package in a file for --requirements",
    ),
    (
        r"No module named 'airflow\.|cannot import name .* from 'airflow",
        "Airflow 3 has moved it: `ruff check --select AIR3 --fix` corrects the import",
    ),
    (
        r"No module named",
        "a package of the stack's image: list it in a file for --requirements; a module of your own: "
        "import it relative to the DAG folder, which is on sys.path",
    ),
    (r"unexpected keyword argument '(schedule_interval|timetable)'", "in Airflow 3 its name is schedule"),
    (
        r"(?i)variable.not.found|Variable \S+ (not found|does not exist)",
        "looked up during the import, which queries the server at every parse: use {{ var.value.NAME }} in a template, "
        "look it up inside a task, or set AIRFLOW_VAR_<NAME> for the check",
    ),
    (
        r"conn_id `?[^`]*`? isn't defined|(?i:connection.not.found)",
        "looked up during the import: look it up inside a task; for the check alone, set AIRFLOW_CONN_<ID> and name it with --env",
    ),
    (r"import timeout", "move slow code into a task; --timeout changes the limit"),
    (r"^SystemExit", "a DAG file must not exit its interpreter"),
)
"""Patterns of Airflow's messages, and advice."""


def find_problems(
    results: list[dict[str, Any]], required: Collection[Required], timeout: float
) -> list[DagFileProblem]:
    """The problems in the results of all files, sorted by file and line.

    Args:
        results: One result of `dag_parser.py` for each file.
        required: Attributes that every DAG must have.
        timeout: Seconds that one file may take.
    """
    found: set[DagFileProblem] = set()
    first: dict[str, str] = {}
    for result in sorted(results, key=lambda result: str(result["file"])):
        file = result["file"]
        if "ended" in result:
            found.add(_ended(result, timeout))
        for error in result.get("errors", ()):
            found.add(_error(file, error, result["created"]))
        for dag in result.get("dags", ()):
            path, line = shown_path(file), dag["line"]
            place = f"{path}:{line}"
            if (other := first.setdefault(dag["id"], place)) != place:
                found.add(DagFileProblem(path, line, f"DAG id {dag['id']!r} is already used in {other}"))
            missing = [_LABELS[attribute] for attribute in required if not dag[attribute]]
            found |= {DagFileProblem(path, line, f"DAG {dag['id']!r} has no {label}") for label in missing}
    return sorted(found)


def _ended(result: Mapping[str, Any], timeout: float) -> DagFileProblem:
    """A file that exited its interpreter or did not finish."""
    file, line = (result["frames"] or [[result["file"], 1]])[0]
    if result["ended"] == "timeout":
        what = f"does not finish within {timeout:g} s, nor when interrupted; move slow code into a task"
    else:
        what = f"exits the interpreter (exit status {result['ended']}); a DAG file must not"
    return DagFileProblem(shown_path(file), line, what + _imported_by(file, result["file"]))


def _error(file: str, error: Mapping[str, Any], created: Mapping[str, int]) -> DagFileProblem:
    """An import error: at the user's last line in the traceback, or at the DAG's definition."""
    lines = error["text"].strip().splitlines()
    deepest = max((index for index, line in enumerate(lines) if line.startswith("  File ")), default=-1)
    last = next((line for line in lines[deepest + 1 :] if not line.startswith(" ")), lines[-1])
    message = re.sub(r"^(\w+\.)+", "", last)
    advice = next((f" ({text})" for pattern, text in _ADVICE if re.search(pattern, message)), "")
    named = [line for dag, line in created.items() if re.search(rf"(?<!\w){re.escape(dag)}(?!\w)", message)]
    place, line = error["frames"][-1] if error["frames"] else (file, (named or [*created.values(), 1])[0])
    return DagFileProblem(shown_path(place), line, message + advice + _imported_by(place, file))


def _imported_by(place: str, file: str) -> str:
    return "" if place == file else f" [imported by {shown_path(file)}]"


def shown_path(file: str) -> str:
    """The path relative to the working folder, or to GitHub's workspace, if it is below."""
    here = Path(os.environ.get("GITHUB_WORKSPACE") or Path.cwd()).resolve()
    path = Path(file)
    return str(path.relative_to(here) if path.is_relative_to(here) else path)
