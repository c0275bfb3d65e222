"""The form of what the blast radius consists of."""

from dataclasses import dataclass
from enum import IntEnum


class Level(IntEnum):
    """How much a change asks of its reviewer; the value is the command's exit status."""

    NONE = 0
    CHANGE = 2
    DANGEROUS = 3


@dataclass(frozen=True)
class Finding:
    """One thing that would happen, in words; values stand in backquotes."""

    kind: str
    text: str
    level: Level = Level.CHANGE


def dangerous(kind: str, text: str) -> Finding:
    """A finding that may cost data, running tasks or an outage, or that cannot be carried out."""
    return Finding(kind, text, Level.DANGEROUS)
