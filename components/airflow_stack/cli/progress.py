"""Shows on a terminal what a command waits for. Standard output and files get nothing of it."""

import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

SILENT_SECONDS = 2.0
_WIDTH = 79


@contextmanager
def waiting(what: str) -> Iterator[None]:
    """Show what the block waits for, and how long already, from its third second on; remove the line at its end.

    Args:
        what: Such as "waiting for `pulumi stack export`".
    """
    if not sys.stderr.isatty():
        yield
        return
    ended = threading.Event()
    thread = threading.Thread(target=_show, args=(what, ended), daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


def _show(what: str, ended: threading.Event) -> None:
    began = time.monotonic()
    if ended.wait(SILENT_SECONDS):
        return
    while True:
        # Blanks instead of a control sequence, which NO_COLOR forbids.
        seconds = f", {time.monotonic() - began:.0f} s"
        sys.stderr.write(f"\r{what[: _WIDTH - len(seconds)] + seconds:<{_WIDTH}}")
        sys.stderr.flush()
        if ended.wait(1):
            sys.stderr.write(f"\r{'':{_WIDTH}}\r")
            sys.stderr.flush()
            return
