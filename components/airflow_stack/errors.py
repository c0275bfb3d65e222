"""What the commands raise when a user can mend it."""


class StackError(Exception):
    """A command failed; the message says why and what to do."""
