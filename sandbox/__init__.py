"""The toolchain and the throwaway cluster behind `make up` and the engine tests."""


class SandboxError(Exception):
    """Something that the user can mend; the message says what and how."""
