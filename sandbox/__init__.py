"""Toolchain and throwaway clusters for `make up` and the engine tests."""

from pathlib import Path

from airflow_stack.errors import UserError

_LOG_LINES = 15


class SandboxError(UserError):
    """The sandbox cannot go on."""

    @classmethod
    def from_log(cls, failure: str, log: Path) -> "SandboxError":
        """A failure with the last lines of its log."""
        tail = "\n".join(log.read_text(errors="replace").splitlines()[-_LOG_LINES:])
        return cls(f"{failure}. Last lines of {log}:\n{tail}")
