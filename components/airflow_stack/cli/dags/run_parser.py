"""Runs `dag_parser.py` with the real Airflow, separate from other Airflows of this machine and from the stack."""

import json
import os
import re
import subprocess
import tempfile
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from airflow_stack.cli.interrupts import ended
from airflow_stack.errors import UserError

from . import dag_parser
from .model import DagCheckReport, Required, find_problems

_KEPT = re.compile(
    r"PATH|LD_LIBRARY_PATH|TMPDIR|TZ|LANG|LANGUAGE|LC_\w+|USER|LOGNAME|SSL_CERT_(FILE|DIR)|REQUESTS_CA_BUNDLE"
    r"|(?i:https?|all|no)_(?i:proxy)|AIRFLOW_VAR_\w+"
)
"""Variables of this process that the code of DAG files may see. A DAG file of a pull request is not trusted: no token is among them."""
_KEPT_SETTINGS = ("AIRFLOW__CORE__EXECUTOR", "AIRFLOW__CORE__DAG_IGNORE_FILE_SYNTAX")


def check_dags(
    path: Path,
    python: str,
    variables: Mapping[str, str],
    *,
    required: Collection[Required] = (),
    timeout: float = 30,
    passed: Collection[str] = (),
    progress: Callable[[int, int], None] = lambda _done, _total: None,
) -> DagCheckReport:
    """Check a DAG folder, or one file.

    Args:
        path: The folder, or the file, whose folder then counts as the DAG folder.
        python: Interpreter with Airflow.
        variables: Environment variables of the stack's containers.
        required: Attributes that every DAG must have.
        timeout: Seconds that one file may take.
        passed: Variables of this process that DAG files may see, besides the usual ones.
        progress: Receives the numbers of checked files and of all files.

    Raises:
        UserError: there is nothing to check, or Airflow does not run.
    """
    try:
        place = path.resolve(strict=True)
    except (OSError, RuntimeError):  # of a link to itself
        raise UserError(f"{path} does not exist; name a DAG folder, or a DAG file") from None
    request = {
        "root": str(place if place.is_dir() else place.parent),
        "file": "" if place.is_dir() else str(place),
        "timeout": timeout,
        "processes": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1,
    }
    results: list[dict[str, Any]] = []
    total = 0
    for answer in _answers(python, request, variables, passed):
        total = answer.get("files", total)
        if "failed" in answer:
            raise UserError(f"Airflow's parser failed on {answer['file']}:\n{answer['failed']}")
        if "unreadable" in answer:
            raise UserError(
                f"Airflow cannot list the files of {path}: {answer['unreadable']}\n"
                "    fix: remove the link or file, or name it in .airflowignore"
            )
        if "file" in answer:
            results.append(answer)
        progress(len(results), total)
    dags = sorted(dag["id"] for result in results for dag in result.get("dags", ()))
    problems = find_problems(results, required, timeout)
    if not dags and not problems:
        raise UserError(f"{path} has no DAG, in {total} files that Airflow would read; name the DAG folder")
    return DagCheckReport(total, dags, problems)


def _answers(
    python: str, request: Mapping[str, object], variables: Mapping[str, str], passed: Collection[str]
) -> Iterator[dict[str, Any]]:
    with tempfile.TemporaryDirectory() as home, tempfile.TemporaryFile("w+") as errors:
        process = subprocess.Popen(
            [python, "-I", dag_parser.__file__],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
            env=parser_environment(os.environ, variables, home, request["timeout"], passed),
        )
        with ended(process):
            assert process.stdin and process.stdout  # noqa: S101  (for the type checker)
            with suppress(BrokenPipeError):  # its exit status says more
                process.stdin.write(json.dumps(request))
                process.stdin.close()
            # Up to the last answer, not to the end of the pipe: a process that a DAG file has left behind may hold it open.
            for line in process.stdout:
                answer = json.loads(line)
                if "done" in answer:
                    break
                yield answer
            process.wait()
        if process.returncode:
            errors.seek(0)
            raise UserError(
                f"Airflow failed (exit status {process.returncode}); delete {Path(python).parents[1]} to install it again. "
                f"Its output:\n{errors.read()[-2000:]}"
            )


def parser_environment(
    own: Mapping[str, str], stack: Mapping[str, str], home: str, timeout: object, passed: Collection[str] = ()
) -> dict[str, str]:
    """Environment of the parser: no credential of this shell, no settings of this machine's Airflow, no access to the stack's database or secrets.

    Args:
        own: Environment of this process, of which only what `_KEPT` and `passed` name reaches the code of DAG files.
        stack: Environment variables of the stack's containers.
        home: Empty folder.
        timeout: Seconds that one file may take.
        passed: More names of variables of this process.
    """
    mine = {name: _without_user(value) for name, value in own.items() if _KEPT.fullmatch(name)}
    theirs = {
        name: value for name, value in stack.items() if not name.startswith("AIRFLOW__") or name in _KEPT_SETTINGS
    }
    return {
        "AIRFLOW__CORE__EXECUTOR": "LocalExecutor,CeleryExecutor,KubernetesExecutor",
        **theirs,
        **mine,
        **{name: own[name] for name in passed if name in own},
        "HOME": home,
        "AIRFLOW_HOME": home,
        "_AIRFLOW_PROCESS_CONTEXT": "client",  # as in the DAG processor: code of users, not of the server
        "AIRFLOW__CORE__DAGS_FOLDER": f"{home}/dags",
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__CORE__DAGBAG_IMPORT_TIMEOUT": str(timeout),
        "AIRFLOW__CORE__DAGBAG_IMPORT_ERROR_TRACEBACK_DEPTH": "1000",
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": f"sqlite:///{home}/none.db",
    }


def _without_user(value: str) -> str:
    """The value without user and password, as the URL of a proxy may have them."""
    return re.sub(r"^(\w+://)[^/]*@", r"\1", value)
