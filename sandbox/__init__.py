"""The toolchain and the throwaway cluster behind `make up` and the engine tests."""

from pathlib import Path

from airflow_stack.errors import UserError

_LOG_LINES = 15


class SandboxError(UserError):
    """Something that the user can mend; the message says what and how."""

    @classmethod
    def from_log(cls, what: str, log: Path) -> "SandboxError":
        """Describe a failure by the end of its log."""
        tail = "\n".join(log.read_text(errors="replace").splitlines()[-_LOG_LINES:])
        return cls(f"{what}, see {log}; it ends with\n{tail}")
