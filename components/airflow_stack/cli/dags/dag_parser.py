"""Parses DAG files as Airflow's DAG processor does: each in a process of its own, forked when Airflow is imported.

Runs by the Python of `airflow_env`, so it imports nothing of ours. Takes a request as JSON on standard input and answers with a
JSON object a line, first how many files there are, then one for each. It judges nothing: `dags_check` does.
"""

import faulthandler
import importlib
import json
import os
import re
import signal
import sys
import tempfile
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import nullcontext, suppress
from multiprocessing.connection import Connection, Pipe, wait
from types import FrameType
from typing import IO, Any, NoReturn

_FRAME = re.compile(r'File "([^"]+)", line (\d+)')
# Airflow's own limit comes first and names the line; what ignores it is given this much longer.
_GRACE_SECONDS = 2


class _NoServer:
    """What a DAG file may ask of the API server: it knows no variable and no connection."""

    lock = nullcontext()

    def send(self, message: Any) -> Any:  # noqa: ANN401  (of Airflow's own types)
        """Answer as the API server does when there is no such thing."""
        comms = importlib.import_module("airflow.sdk.execution_time.comms")
        kind = "CONNECTION_NOT_FOUND" if hasattr(message, "conn_id") else "VARIABLE_NOT_FOUND"
        return comms.ErrorResponse(error=comms.ErrorType[kind], detail={"key": getattr(message, "key", None)})

    def send_request(self, log: object, msg: Any) -> None:  # noqa: ANN401
        """Be asked as Airflow 3.0.0 asks, in two steps."""
        self._said = self.send(msg)

    def get_message(self) -> Any:  # noqa: ANN401
        """Answer what was asked last."""
        return self._said


def frames(text: str, root: str) -> list[tuple[str, int]]:
    """The lines of a traceback that are the user's own."""
    return [(file, int(line)) for file, line in _FRAME.findall(text) if file.startswith(root + os.sep)]


def _parse(file: str, root: str) -> dict[str, Any]:
    """Have Airflow parse one file, in this process."""
    task_runner: Any = importlib.import_module("airflow.sdk.execution_time.task_runner")
    task_runner.SUPERVISOR_COMMS = _NoServer()
    importlib.import_module("airflow.sdk.execution_time.supervisor").block_orm_access()
    if root not in sys.path:
        sys.path.append(root)
    created: dict[str, int] = {}
    _record_lines(file, created)
    processor = importlib.import_module("airflow.dag_processing.processor")
    # requests_fd is of 3.0.0, bundle_name of 3.2 and later; the others ignore them.
    request = processor.DagFileParseRequest(file=file, bundle_path=root, bundle_name="dags-folder", requests_fd=0)
    result = processor._parse_file(request, importlib.import_module("structlog").get_logger())
    errors = (result.import_errors or {}).values()
    return {
        "errors": [{"text": text, "frames": frames(text, root)} for text in errors],
        "created": created,
        "dags": [_described(dag.data["dag"], created) for dag in result.serialized_dags],
    }


def _described(dag: dict[str, Any], created: dict[str, int]) -> dict[str, Any]:
    tasks = [task.get("__var", task) for task in dag["tasks"]]
    started = dag.get("start_date") or (tasks and all(task.get("start_date") for task in tasks))
    return {
        "id": dag["dag_id"],
        "line": created.get(dag["dag_id"], 1),
        "start-date": bool(started),
        "tags": bool(dag.get("tags")),
    }


def _record_lines(file: str, created: dict[str, int]) -> None:
    """Note on which line of the file each DAG is made; Airflow keeps the file only."""
    dag = importlib.import_module("airflow.sdk.definitions.dag").DAG
    finish: Callable[[Any], None] = dag.__attrs_post_init__

    def recorded(self: Any) -> None:  # noqa: ANN401
        created.setdefault(self.dag_id, _line(sys._getframe(1), file))
        finish(self)

    dag.__attrs_post_init__ = recorded


def _line(frame: FrameType | None, file: str) -> int:
    while frame:
        decorated = frame.f_locals.get("f") if frame.f_code.co_name == "factory" else None  # of Airflow's @dag
        code = getattr(decorated, "__code__", None)
        if code and code.co_filename == file:
            return int(code.co_firstlineno)
        if frame.f_code.co_filename == file:
            return frame.f_lineno
        frame = frame.f_back
    return 1


def _child(file: str, request: dict[str, Any], answer: Connection, crash: IO[bytes]) -> NoReturn:
    """Parse, answer, and end at once, whatever threads the file has started."""
    leave = os._exit

    def noted(status: int) -> None:
        faulthandler.dump_traceback(crash)
        leave(status)

    try:
        os.setsid()
        faulthandler.enable(crash)
        faulthandler.dump_traceback_later(request["timeout"] + _GRACE_SECONDS, exit=True, file=crash)
        os._exit = noted  # type: ignore[assignment]  # the only way out that leaves no traceback
        said = _parse(file, request["root"])
    except BaseException:  # what the file raises, Airflow has caught
        said = {"failed": traceback.format_exc()}
    answer.send_bytes(json.dumps(said).encode())
    leave(0)


class _Running:
    """One file being parsed."""

    def __init__(self, file: str, request: dict[str, Any]) -> None:
        self.file, self.root, self.begun = file, request["root"], time.monotonic()
        self.until = self.begun + request["timeout"] + 2 * _GRACE_SECONDS
        self._crash = tempfile.TemporaryFile()  # noqa: SIM115  (closed with the result)
        self.answer, there = Pipe(duplex=False)
        self.pid = os.fork()
        if self.pid == 0:
            _child(file, request, there, self._crash)
        there.close()

    def result(self) -> dict[str, Any]:
        """What the child said, or how it ended."""
        said: dict[str, Any] | None = None
        with suppress(EOFError, OSError), self.answer:
            said = json.loads(self.answer.recv_bytes()) if self.answer.poll() else None
        status = self.end(kill=said is not None or time.monotonic() > self.until)
        self._crash.seek(0)
        text = self._crash.read().decode(errors="replace")
        hung = time.monotonic() > self.until or text.startswith("Timeout")
        return {
            **(said or {"ended": "timeout" if hung else status, "frames": frames(text, self.root)[:1]}),
            "file": self.file,
            "seconds": round(time.monotonic() - self.begun, 2),
        }

    def end(self, *, kill: bool = True) -> int:
        """End the process and what it has started; the exit status, negative for a signal."""
        if kill:
            self._kill()
        status = os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])
        self._kill()
        return status

    def _kill(self) -> None:
        with suppress(ProcessLookupError, PermissionError):  # all have ended
            os.killpg(self.pid, signal.SIGKILL)


def _parse_all(files: list[str], request: dict[str, Any]) -> Iterator[dict[str, Any]]:
    waiting, running = files[::-1], dict[Connection, _Running]()
    try:
        while waiting or running:
            while waiting and len(running) < request["processes"]:
                child = _Running(waiting.pop(), request)
                running[child.answer] = child
            ready = wait(running, timeout=0.5)
            late = [answer for answer, child in running.items() if time.monotonic() > child.until]
            for answer in {*ready, *late}:
                yield running.pop(answer).result()  # type: ignore[call-overload]  # `wait` types for sockets too
    finally:
        for child in running.values():
            child.end()


def main() -> None:
    """Answer the request on standard input."""
    request = json.load(sys.stdin)
    out = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # what DAG files print goes nowhere
    utilities = importlib.import_module("airflow.utils.file")
    importlib.import_module("airflow.dag_processing.processor")
    importlib.import_module("airflow.sdk.execution_time.task_runner")
    root, file = request["root"], request["file"]
    files = [file] if file else sorted(utilities.list_py_file_paths(root))
    for module in sorted({module for path in files for module in utilities.iter_airflow_imports(path)}):
        with suppress(Exception):  # the file that imports it will tell
            importlib.import_module(module)  # once for all files
    out.write(json.dumps({"files": len(files)}) + "\n")
    for result in _parse_all(files, request):
        out.write(json.dumps(result) + "\n")


if __name__ == "__main__":
    main()
