"""Runs `dag_parser.py` with the real Airflow, separate from other Airflows of this machine and from the stack."""

import json
import os
import subprocess
import tempfile
from collections.abc import Callable, Collection, Iterator, Mapping
from pathlib import Path
from typing import Any

from airflow_stack.errors import UserError

from . import dag_parser
from .model import DagCheckReport, Required, find_problems

_KEPT_SETTINGS = ("AIRFLOW__CORE__EXECUTOR", "AIRFLOW__CORE__DAG_IGNORE_FILE_SYNTAX")


def check_dags(
    path: Path,
    python: str,
    variables: Mapping[str, str],
    *,
    required: Collection[Required] = (),
    timeout: float = 30,
    progress: Callable[[int, int], None] = lambda _done, _total: None,
) -> DagCheckReport:
    """Check a DAG folder, or one file.

    Args:
        path: The folder, or the file, whose folder then counts as the DAG folder.
        python: Interpreter with Airflow.
        variables: Environment variables of the stack's containers.
        required: Attributes that every DAG must have.
        timeout: Seconds that one file may take.
        progress: Receives the numbers of checked files and of all files.

    Raises:
        UserError: there is nothing to check, or Airflow does not run.
    """
    if not path.exists():
        raise UserError(f"{path} does not exist; name a DAG folder, or a DAG file")
    place = path.resolve()
    request = {
        "root": str(place if place.is_dir() else place.parent),
        "file": "" if place.is_dir() else str(place),
        "timeout": timeout,
        "processes": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1,
    }
    results: list[dict[str, Any]] = []
    total = 0
    for answer in _answers(python, request, variables):
        total = answer.get("files", total)
        if "failed" in answer:
            raise UserError(f"Airflow's parser failed on {answer['file']}:\n{answer['failed']}")
        if "file" in answer:
            results.append(answer)
        progress(len(results), total)
    dags = sorted(dag["id"] for result in results for dag in result.get("dags", ()))
    problems = find_problems(results, required, timeout)
    if not dags and not problems:
        raise UserError(f"{path} has no DAG, in {total} files that Airflow would read; name the DAG folder")
    return DagCheckReport(total, dags, problems)


def _answers(python: str, request: Mapping[str, object], variables: Mapping[str, str]) -> Iterator[dict[str, Any]]:
    with tempfile.TemporaryDirectory() as home, tempfile.TemporaryFile("w+") as errors:
        process = subprocess.Popen(
            [python, "-I", dag_parser.__file__],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
            env=parser_environment(os.environ, variables, home, request["timeout"]),
        )
        with process:
            assert process.stdin and process.stdout  # noqa: S101  (for the type checker)
            process.stdin.write(json.dumps(request))
            process.stdin.close()
            yield from map(json.loads, process.stdout)
        if process.returncode:
            errors.seek(0)
            raise UserError(
                f"Airflow failed (exit status {process.returncode}); delete {Path(python).parents[1]} to install it again. "
                f"Its output:\n{errors.read()[-2000:]}"
            )


def parser_environment(own: Mapping[str, str], stack: Mapping[str, str], home: str, timeout: object) -> dict[str, str]:
    """Environment of the parser: no settings of this machine's Airflow, and no access to the stack's database or secrets."""
    mine = {name: value for name, value in own.items() if not name.startswith("AIRFLOW__")}
    theirs = {
        name: value for name, value in stack.items() if not name.startswith("AIRFLOW__") or name in _KEPT_SETTINGS
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
