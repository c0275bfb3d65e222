"""The record of a promotion: an annotated tag `promoted/<stack>/<time>` that is pushed together with the branch. Pure.

Every clone of the repository has it, so a rollback needs no other state.
"""

import re
from dataclasses import dataclass
from datetime import datetime
from secrets import token_hex

_LABELS = {"kind": "Kind", "ref": "Ref", "before": "Before", "after": "After", "source": "From", "verified": "Check"}
_NOTHING = "nothing"
_HASH = re.compile("[0-9a-f]{40}([0-9a-f]{24})?")


@dataclass(frozen=True)
class PromotionRecord:
    """One promotion or rollback of one stack."""

    kind: str
    """`promotion` or `rollback`."""
    ref: str
    before: str | None
    after: str
    source: str = ""
    """The stack whose commit was promoted."""
    verified: str = ""

    def text(self, stack: str) -> str:
        """Message of the tag: a line for people, then one line for each field."""
        values = {**vars(self), "before": self.before or _NOTHING}
        lines = [f"{label}: {values[name]}" for name, label in _LABELS.items() if values[name]]
        return f"{self.kind} of {stack} to {self.after[:12]}\n\n" + "\n".join(lines) + "\n"

    @classmethod
    def parse(cls, text: str) -> "PromotionRecord | None":
        """The record in a tag's message; None for other tags."""
        lines = dict(line.split(": ", 1) for line in text.splitlines() if ": " in line)
        if not {"Kind", "Ref", "Before", "After"} <= lines.keys():
            return None
        values = {name: lines.get(label, "") for name, label in _LABELS.items()}
        before = None if values.pop("before") == _NOTHING else lines["Before"]
        is_valid = all(map(_HASH.fullmatch, filter(None, (before, values["after"]))))
        return cls(before=before, **values) if is_valid else None


def prefix(stack: str) -> str:
    """Beginning of the names of a stack's tags."""
    return f"promoted/{stack}/"


def new_name(stack: str, now: datetime) -> str:
    """Name of a new tag. Names sort by time and are unique."""
    return f"{prefix(stack)}{now:%Y%m%dT%H%M%SZ}-{token_hex(3)}"


def last_promotion(records: list[PromotionRecord], ref: str, head: str) -> PromotionRecord | None:
    """The promotion that moved a ref to its current commit; `records` are sorted by time.

    A promotion whose push failed, or that was rolled back, does not end at the current commit.
    """
    made = [each for each in records if (each.kind, each.ref, each.after) == ("promotion", ref, head)]
    return made[-1] if made else None
