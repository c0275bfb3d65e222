"""Runs the commands of `airflow-stack` and of the sandbox: every error is one message, and every signal cleans up."""

import errno
import os
import sys
import traceback
from contextlib import suppress
from pathlib import Path
from typing import Never, TextIO

import typer

from airflow_stack.cli.interrupts import unwinding
from airflow_stack.errors import UserError

_TRACEBACK = "AIRFLOW_STACK_TRACEBACK"
_EXTRAS = {"httpx2": "cluster", "lightkube": "cluster", "uv": "dags"}
"""Extra of this package that brings a module, as in pyproject.toml."""


def run(app: typer.Typer) -> Never:
    """Run a command. Every error ends in one message and exit status 1, without a traceback."""
    with unwinding():
        status = _run(app)
        for stream in (sys.stdout, sys.stderr):
            status = _flushed(stream) or status
    raise SystemExit(status)


def _run(app: typer.Typer) -> int:
    try:
        app(color=_color())
    except SystemExit as ended:
        if ended.code is None or isinstance(ended.code, int):
            return ended.code or 0
        raise
    except UserError as error:
        return _failed(str(error))
    except OSError as error:
        if not error.filename:
            return _failed(f"standard output: {error.strerror}; free space, or write it to another place")
        return _failed(f"{error.filename}: {error.strerror}; correct the path, or its permissions")
    except Exception as error:
        missing = error.name if isinstance(error, ModuleNotFoundError) else None
        if extra := _EXTRAS.get(missing or ""):
            return _failed(f"this command needs {missing}; install it: pip install 'airflow-stack[{extra}]'")
        if os.environ.get(_TRACEBACK):
            raise
        # Without the text of the exception, which may be a secret.
        last = traceback.extract_tb(error.__traceback__)[-1]
        where = f"{type(error).__name__} at {Path(last.filename).name}:{last.lineno}"
        return _failed(f"this is a defect of airflow-stack ({where}); report it with the output of {_TRACEBACK}=1")
    return 0


def _failed(message: str) -> int:
    with suppress(OSError):
        typer.secho(f"error: {message}", fg="red", err=True, color=_color())
    return 1


def _color() -> bool | None:
    """False with NO_COLOR (https://no-color.org); None: on a terminal."""
    return False if os.environ.get("NO_COLOR") else None


def _flushed(stream: TextIO) -> int:
    """Exit status of writing what a stream still holds: 1 for a full disk or a closed pipe."""
    try:
        stream.flush()
    except OSError as error:
        with suppress(OSError, ValueError):  # so that the interpreter does not fail once more
            os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
        if stream is sys.stdout and error.errno != errno.EPIPE:
            _failed(f"standard output: {error.strerror}; free space, or write it to another place")
        return 1
    return 0
