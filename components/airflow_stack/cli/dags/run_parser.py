"""The DAG gate: has the real Airflow of `airflow_env` parse DAG files, apart from this machine's Airflow and from the stack's.

`dags_check_inside` is the half that runs in there; what of its answers is wrong, `dags_findings` decides.
"""

import json
import os
import subprocess
import tempfile
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from airflow_stack.cli.dags import dag_parser as dags_check_inside
from airflow_stack.cli.dags.model import Finding, Required, findings_of
from airflow_stack.errors import UserError


@dataclass(frozen=True)
class Report:
    """What a check found."""

    files: int
    dags: list[str]
    findings: list[Finding]

    def as_json(self, **more: object) -> str:
        """The report for a program."""
        return json.dumps({**asdict(self), **more}, indent=2)


def check(
    path: Path,
    python: str,
    environment: Mapping[str, str],
    *,
    required: Collection[Required] = (),
    timeout: float = 30,
    shown: Callable[[int, int], None] = lambda _done, _of: None,
) -> Report:
    """Check a DAG folder, or one file of it.

    Args:
        path: The folder, or the file, whose folder then counts as the DAG folder.
        python: The interpreter that has Airflow.
        environment: Variables of the stack's containers.
        required: What every DAG must have.
        timeout: Seconds that one file may take.
        shown: Told how many files are done.

    Raises:
        UserError: there is nothing to check, or Airflow itself does not run.
    """
    if not path.exists():
        raise UserError(f"{path} is not there; name a DAG folder, or a DAG file")
    place = path.resolve()
    request = {
        "root": str(place if place.is_dir() else place.parent),
        "file": "" if place.is_dir() else str(place),
        "timeout": timeout,
        "processes": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1,
    }
    results: list[dict[str, Any]] = []
    count = 0
    for answer in _answers(python, request, environment):
        count = answer.get("files", count)
        if "failed" in answer:
            raise UserError(f"Airflow's own parser failed on {answer['file']}:\n{answer['failed']}")
        if "file" in answer:
            results.append(answer)
        shown(len(results), count)
    dags = sorted(dag["id"] for result in results for dag in result.get("dags", ()))
    findings = findings_of(results, required, timeout)
    if not dags and not findings:
        raise UserError(f"no DAG was found in {path}, in {count} files that Airflow would read; name the DAG folder")
    return Report(count, dags, findings)


def _answers(python: str, request: Mapping[str, object], environment: Mapping[str, str]) -> Iterator[dict[str, Any]]:
    with tempfile.TemporaryDirectory() as home, tempfile.TemporaryFile("w+") as errors:
        process = subprocess.Popen(
            [python, "-I", dags_check_inside.__file__],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
            env=environment_of(os.environ, environment, home, request["timeout"]),
        )
        with process:
            assert process.stdin and process.stdout  # noqa: S101  (for the type checker)
            process.stdin.write(json.dumps(request))
            process.stdin.close()
            yield from map(json.loads, process.stdout)
        if process.returncode:
            errors.seek(0)
            raise UserError(
                f"Airflow did not run (exit status {process.returncode}); remove {Path(python).parents[1]} to install it anew. "
                f"It said:\n{errors.read()[-2000:]}"
            )


def environment_of(own: Mapping[str, str], stack: Mapping[str, str], home: str, timeout: object) -> dict[str, str]:
    """What Airflow runs with: nothing of this machine's Airflow, nor a way to the stack's database or secrets."""
    mine = {name: value for name, value in own.items() if not name.startswith("AIRFLOW__")}
    theirs = {
        name: value
        for name, value in stack.items()
        if not name.startswith("AIRFLOW__")
        or name in ("AIRFLOW__CORE__EXECUTOR", "AIRFLOW__CORE__DAG_IGNORE_FILE_SYNTAX")
    }
    return {
        "AIRFLOW__CORE__EXECUTOR": "LocalExecutor,CeleryExecutor,KubernetesExecutor",
        **theirs,
        **mine,
        "AIRFLOW_HOME": home,
        "_AIRFLOW_PROCESS_CONTEXT": "client",  # as in the DAG processor: code of users, not of the server
        "AIRFLOW__CORE__DAGS_FOLDER": f"{home}/dags",
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__CORE__DAGBAG_IMPORT_TIMEOUT": str(timeout),
        "AIRFLOW__CORE__DAGBAG_IMPORT_ERROR_TRACEBACK_DEPTH": "1000",
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": f"sqlite:///{home}/none.db",
    }
