"""The error that a user can correct."""


class UserError(Exception):
    """A command failed. The message names the cause and the fix, and is shown without a traceback."""
