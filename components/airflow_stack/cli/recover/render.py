"""The lines that `recover` prints."""

from .inspection import Recovery


def report(recovery: Recovery) -> str:
    """One line for each leftover."""
    lines = [f"- {leftover}" for leftover in recovery.leftovers]
    return "\n".join(lines) or f"stack {recovery.stack!r} has nothing to repair"
