"""Signals that end a command. Each one unwinds the stack, so that decrypted keys and temporary folders are removed and child processes end."""

import signal
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from types import FrameType
from typing import Never

# All that end a process and can be caught, besides SIGINT, which Python raises as KeyboardInterrupt.
_NAMES = ("SIGHUP", "SIGQUIT", "SIGTERM", "SIGUSR1", "SIGUSR2", "SIGALRM", "SIGVTALRM", "SIGPROF", "SIGXCPU")
_GRACE_SECONDS = 3


@contextmanager
def unwinding() -> Iterator[None]:
    """Raise `SystemExit` with status 128 + n at signal n. Signals that are ignored, as under `nohup`, stay ignored."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    handled = [number for name in _NAMES if (number := getattr(signal, name, None))]
    before = {number: signal.getsignal(number) for number in handled}

    def end(number: int, _frame: FrameType | None) -> Never:
        for each in (*handled, signal.SIGINT):  # a second one must not interrupt the removal
            signal.signal(each, signal.SIG_IGN)
        raise SystemExit(128 + number)

    for number, handler in before.items():
        if handler == signal.SIG_DFL:
            signal.signal(number, end)
    interrupt = signal.getsignal(signal.SIGINT)
    try:
        yield
    finally:
        for number, handler in (*before.items(), (signal.SIGINT, interrupt)):
            if handler is not None:  # set outside of Python
                signal.signal(number, handler)


@contextmanager
def ended(process: "subprocess.Popen[str]") -> Iterator["subprocess.Popen[str]"]:
    """End a process that still runs when the block is left: first with SIGTERM, so that it can end its own children."""
    try:
        yield process
    finally:
        if process.poll() is None:
            process.terminate()
            with suppress(subprocess.TimeoutExpired):
                process.wait(_GRACE_SECONDS)
        if process.poll() is None:
            process.kill()
            process.wait()
        for stream in (process.stdin, process.stdout, process.stderr):
            if stream:
                with suppress(OSError):  # what was not read yet
                    stream.close()
