"""Runs one tool of the toolchain: `python -m sandbox.run_tool actionlint -version`."""

import os
import sys

from sandbox import SandboxError, pins, toolchain

if __name__ == "__main__":
    try:
        found = toolchain.ensure([pins.ALL[sys.argv[1]]])[sys.argv[1]]
    except SandboxError as error:
        raise SystemExit(f"error: {error}") from None
    os.execv(found.path, sys.argv[1:])  # noqa: S606  (no shell is wanted)
