"""What of Airflow's answers about DAG files is a finding, where it is, and what to do about it.

Takes the results of `dags_check_inside`, one for each file; reads no file itself.
"""

import os
import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any


class Required(StrEnum):
    """What Airflow does without and a team may not."""

    START_DATE = "start-date"
    TAGS = "tags"


_WORDS = {Required.START_DATE: "start date", Required.TAGS: "tags"}


@dataclass(frozen=True, order=True)
class Finding:
    """What is wrong, and where."""

    path: str
    line: int
    what: str

    def __str__(self) -> str:  # noqa: D105  (a line that terminals and editors open)
        return f"{self.path}:{self.line}: {self.what}"

    @property
    def annotation(self) -> str:
        """The finding as GitHub Actions shows it beside the line."""
        path = _escaped(self.path).replace(":", "%3A").replace(",", "%2C")
        return f"::error file={path},line={self.line},title=airflow-stack dags check::{_escaped(self.what)}"


# What a user can do about an error of Airflow's, by its text.
_ADVICE = (
    (
        r"No module named 'airflow\.providers\.",
        "if the stack's image has this provider, list its package in a file for --requirements",
    ),
    (
        r"No module named 'airflow\.|cannot import name .* from 'airflow",
        "Airflow 3 has moved it: `ruff check --select AIR3 --fix` knows where to",
    ),
    (
        r"No module named",
        "a package of the stack's image: list it in a file for --requirements; a module of your own: "
        "import it as seen from the DAG folder, which is on sys.path",
    ),
    (r"unexpected keyword argument '(schedule_interval|timetable)'", "Airflow 3 calls it schedule"),
    (
        r"(?i)variable.not.found|Variable \S+ (not found|does not exist)",
        "looked up while the file is imported, which asks the server at every parse: use {{ var.value.NAME }} in a template, "
        "look it up inside a task, or give the check AIRFLOW_VAR_<NAME>",
    ),
    (
        r"conn_id `?[^`]*`? isn't defined|(?i:connection.not.found)",
        "looked up while the file is imported: look it up inside a task, or give the check AIRFLOW_CONN_<ID>",
    ),
    (r"import timeout", "what takes long belongs inside a task; --timeout changes the limit"),
    (r"^SystemExit", "a DAG file must not end its interpreter"),
)


def findings_of(results: list[dict[str, Any]], required: Collection[Required], timeout: float) -> list[Finding]:
    """What is wrong, by file and line."""
    found: set[Finding] = set()
    first: dict[str, str] = {}
    for result in sorted(results, key=lambda result: str(result["file"])):
        file = result["file"]
        if "ended" in result:
            found.add(_ended(result, timeout))
        for error in result.get("errors", ()):
            found.add(_error(file, error, result["created"]))
        for dag in result.get("dags", ()):
            place = f"{shown_path(file)}:{dag['line']}"
            if (other := first.setdefault(dag["id"], place)) != place:
                found.add(Finding(shown_path(file), dag["line"], f"DAG id {dag['id']!r} is taken by {other}"))
            for need in required:
                if not dag[need]:
                    found.add(Finding(shown_path(file), dag["line"], f"DAG {dag['id']!r} has no {_WORDS[need]}"))
    return sorted(found)


def _ended(result: Mapping[str, Any], timeout: float) -> Finding:
    """A file that took the process with it, or held it."""
    file, line = (result["frames"] or [[result["file"], 1]])[0]
    if result["ended"] == "timeout":
        what = f"does not end within {timeout:g} s, nor when interrupted; what takes long belongs inside a task"
    else:
        what = f"ends the interpreter (exit status {result['ended']}); a DAG file must not"
    return Finding(shown_path(file), line, what + _through(file, result["file"]))


def _error(file: str, error: Mapping[str, Any], created: Mapping[str, int]) -> Finding:
    """What Airflow could not import or refuses, at the user's last line in the traceback, or where the DAG is made."""
    lines = error["text"].strip().splitlines()
    deepest = max((index for index, line in enumerate(lines) if line.startswith("  File ")), default=-1)
    last = next((line for line in lines[deepest + 1 :] if not line.startswith(" ")), lines[-1])
    message = re.sub(r"^(\w+\.)+", "", last)
    advice = next((f" ({way})" for pattern, way in _ADVICE if re.search(pattern, message)), "")
    named = [line for dag, line in created.items() if re.search(rf"(?<!\w){re.escape(dag)}(?!\w)", message)]
    where, line = error["frames"][-1] if error["frames"] else (file, (named or [*created.values(), 1])[0])
    return Finding(shown_path(where), line, message + advice + _through(where, file))


def _through(where: str, file: str) -> str:
    return "" if where == file else f" [imported by {shown_path(file)}]"


def shown_path(file: str) -> str:
    """The path as a person, a terminal or GitHub finds it: from the working folder where it is below."""
    here = Path(os.environ.get("GITHUB_WORKSPACE") or Path.cwd()).resolve()
    path = Path(file)
    return str(path.relative_to(here) if path.is_relative_to(here) else path)


def _escaped(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")
