"""Parses DAG files like Airflow's DAG processor: each in a process of its own, forked after Airflow is imported.

Runs with the Python of an `AirflowInstallation`, so it imports no other module of this package. Takes a request as JSON on standard input.
Prints one JSON object per line: first the number of files, then a result for each file.
"""

import ctypes
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
from pathlib import Path
from types import FrameType
from typing import IO, Any, NoReturn

_FRAME = re.compile(r'File "([^"]+)", line (\d+)')
# Airflow's own limit comes first and names the line. Code that ignores it gets this much longer.
_GRACE_SECONDS = 2
_ENDING = (signal.SIGHUP, signal.SIGTERM, signal.SIGQUIT)
_PR_SET_PDEATHSIG, _PR_SET_CHILD_SUBREAPER = 1, 36  # linux/prctl.h


class _EmptyServer:
    """An API server without variables and connections."""

    lock = nullcontext()

    def send(self, message: Any) -> Any:  # noqa: ANN401  (of Airflow's own types)
        """Answer like the API server: not found."""
        comms = importlib.import_module("airflow.sdk.execution_time.comms")
        kind = "CONNECTION_NOT_FOUND" if hasattr(message, "conn_id") else "VARIABLE_NOT_FOUND"
        return comms.ErrorResponse(error=comms.ErrorType[kind], detail={"key": getattr(message, "key", None)})

    def send_request(self, log: object, msg: Any) -> None:  # noqa: ANN401
        """Take a request of Airflow 3.0.0, which reads the answer in a second step."""
        self._answer = self.send(msg)

    def get_message(self) -> Any:  # noqa: ANN401
        """The answer to the last request."""
        return self._answer


def frames(text: str, root: str) -> list[tuple[str, int]]:
    """Files and lines of a traceback below `root`, which are the user's own."""
    return [(file, int(line)) for file, line in _FRAME.findall(text) if file.startswith(root + os.sep)]


def _parse(file: str, root: str) -> dict[str, Any]:
    """Parse one file with Airflow, in this process."""
    task_runner: Any = importlib.import_module("airflow.sdk.execution_time.task_runner")
    task_runner.SUPERVISOR_COMMS = _EmptyServer()
    importlib.import_module("airflow.sdk.execution_time.supervisor").block_orm_access()
    if root not in sys.path:
        sys.path.append(root)
    created: dict[str, int] = {}
    _record_lines(file, created)
    processor = importlib.import_module("airflow.dag_processing.processor")
    # Airflow 3.0.0 needs requests_fd, 3.2 and later bundle_name; other versions ignore them.
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
    """Record the line at which each DAG is defined; Airflow records only the file."""
    dag = importlib.import_module("airflow.sdk.definitions.dag").DAG
    finish: Callable[[Any], None] = dag.__attrs_post_init__

    def recorded(self: Any) -> None:  # noqa: ANN401
        created.setdefault(self.dag_id, _line(sys._getframe(1), file))
        finish(self)

    dag.__attrs_post_init__ = recorded


def _line(frame: FrameType | None, file: str) -> int:
    while frame:
        decorated = frame.f_locals.get("f") if frame.f_code.co_name == "factory" else None  # in Airflow's @dag
        code = getattr(decorated, "__code__", None)
        if code and code.co_filename == file:
            return int(code.co_firstlineno)
        if frame.f_code.co_filename == file:
            return frame.f_lineno
        frame = frame.f_back
    return 1


def _child(file: str, request: dict[str, Any], answer: Connection, crash: IO[bytes]) -> NoReturn:
    """Parse, answer, and exit at once, even if the file has started threads."""
    exit_process = os._exit

    def exit_with_traceback(status: int) -> None:
        faulthandler.dump_traceback(crash)
        exit_process(status)

    try:
        os.setsid()
        _end_with_parent(signal.SIGKILL)
        for number in _ENDING:
            signal.signal(number, signal.SIG_DFL)
        os.close(request["out"])  # processes that the file leaves behind must not hold the answers open
        faulthandler.enable(crash)
        faulthandler.dump_traceback_later(request["timeout"] + _GRACE_SECONDS, exit=True, file=crash)
        os._exit = exit_with_traceback  # type: ignore[assignment]  # it leaves no traceback otherwise
        result = _parse(file, request["root"])
    except BaseException:  # of Airflow itself: it catches those of the file
        result = {"failed": traceback.format_exc()}
    answer.send_bytes(json.dumps(result).encode())
    exit_process(0)


class _Child:
    """The process that parses one file."""

    def __init__(self, file: str, request: dict[str, Any]) -> None:
        self.file, self.root, self.began = file, request["root"], time.monotonic()
        self.until = self.began + request["timeout"] + 2 * _GRACE_SECONDS
        self._crash = tempfile.TemporaryFile()  # noqa: SIM115  (closed with the result)
        self.answer, other_end = Pipe(duplex=False)
        self.pid = os.fork()
        if self.pid == 0:
            _child(file, request, other_end, self._crash)
        other_end.close()

    def result(self) -> dict[str, Any]:
        """The answer of the process, or its exit status."""
        result: dict[str, Any] | None = None
        with suppress(EOFError, OSError), self.answer:
            result = json.loads(self.answer.recv_bytes()) if self.answer.poll() else None
        status = self.end(kill=result is not None or time.monotonic() > self.until)
        self._crash.seek(0)
        text = self._crash.read().decode(errors="replace")
        hung = time.monotonic() > self.until or text.startswith("Timeout")
        return {
            **(result or {"ended": "timeout" if hung else status, "frames": frames(text, self.root)[:1]}),
            "file": self.file,
            "seconds": round(time.monotonic() - self.began, 2),
        }

    def end(self, *, kill: bool = True) -> int:
        """End the process and its children. Returns the exit status, negative for a signal."""
        if kill:
            self._kill()
        status = os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])
        self._kill()
        return status

    def _kill(self) -> None:
        with suppress(ProcessLookupError, PermissionError):  # all have exited
            os.killpg(self.pid, signal.SIGKILL)


def _parse_all(files: list[str], request: dict[str, Any]) -> Iterator[dict[str, Any]]:
    waiting, running = files[::-1], dict[Connection, _Child]()
    try:
        while waiting or running:
            while waiting and len(running) < request["processes"]:
                child = _Child(waiting.pop(), request)
                running[child.answer] = child
            ready = wait(running, timeout=0.5)
            overdue = [answer for answer, child in running.items() if time.monotonic() > child.until]
            for answer in {*ready, *overdue}:
                yield running.pop(answer).result()  # type: ignore[call-overload]  # `wait` types for sockets too
    finally:
        for child in running.values():
            child.end()


def _prctl(option: int, value: int) -> None:
    """Linux only: elsewhere a process that a DAG file has put into a session of its own outlives the check."""
    with suppress(OSError, AttributeError):
        ctypes.CDLL(None).prctl(option, value, 0, 0, 0)


def _end_with_parent(number: int) -> None:
    _prctl(_PR_SET_PDEATHSIG, number)


def _end_strays() -> None:
    """End the processes that DAG files have left behind: this process has inherited them (prctl(2), PR_SET_CHILD_SUBREAPER)."""
    with suppress(ImportError):
        psutil: Any = importlib.import_module("psutil")  # Airflow needs it
        while strays := psutil.Process().children(recursive=True):
            for stray in strays:
                with suppress(psutil.Error):
                    stray.kill()
            psutil.wait_procs(strays, timeout=1)
            with suppress(ChildProcessError):
                while os.waitpid(-1, os.WNOHANG)[0]:
                    pass


def _files(root: str) -> list[str]:
    utilities = importlib.import_module("airflow.utils.file")
    return sorted(utilities.list_py_file_paths(root))


def _loop(root: str) -> str | None:
    """The link to a folder above it, which lets Airflow walk in circles."""
    for folder, names, _ in os.walk(root):
        for name in names:
            link = Path(folder, name)
            if link.is_symlink() and link.resolve() in [Path(folder).resolve(), *Path(folder).resolve().parents]:
                return f"{link} is a link to a folder above it"
    return None


def _imported_once(files: list[str]) -> None:
    """Import the parts of Airflow that DAG files import, before the forks. The file that imports a missing one reports it."""
    utilities = importlib.import_module("airflow.utils.file")
    modules: set[str] = set()
    for path in files:
        with suppress(Exception):  # of a file that is no text
            modules |= set(utilities.iter_airflow_imports(path))
    for module in sorted(modules):
        with suppress(Exception):
            importlib.import_module(module)


def main() -> None:
    """Answer the request on standard input."""
    _end_with_parent(signal.SIGTERM)
    _prctl(_PR_SET_CHILD_SUBREAPER, 1)
    for number in _ENDING:
        signal.signal(number, lambda number, _frame: sys.exit(128 + number))  # ends the children
    request = json.load(sys.stdin)
    request["out"] = os.dup(1)
    out = os.fdopen(request["out"], "w", buffering=1)
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # discards what DAG files print
    importlib.import_module("airflow.dag_processing.processor")
    importlib.import_module("airflow.sdk.execution_time.task_runner")
    root, file = request["root"], request["file"]
    try:
        files = [file] if file else _files(root)
    except Exception as error:
        out.write(json.dumps({"unreadable": _loop(root) or str(error)}) + "\n")
        return
    _imported_once(files)
    out.write(json.dumps({"files": len(files)}) + "\n")
    try:
        for result in _parse_all(files, request):
            out.write(json.dumps(result) + "\n")
        out.write(json.dumps({"done": True}) + "\n")
    finally:
        _end_strays()


if __name__ == "__main__":
    main()
