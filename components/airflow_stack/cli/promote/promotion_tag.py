"""The record of a promotion: the text of an annotated tag `promoted/<stack>/<time>` that is pushed together with the branch.

So that whoever clones the repository knows where a stack was before, with no state of ours. Pure.
"""

import re
from dataclasses import dataclass
from datetime import datetime
from secrets import token_hex

_LABELS = {"kind": "Kind", "ref": "Ref", "before": "Before", "after": "After", "source": "From", "verified": "Check"}
_NOTHING = "nothing"
_HASH = re.compile("[0-9a-f]{40}([0-9a-f]{24})?")


@dataclass(frozen=True)
class Record:
    """One move of one stack."""

    kind: str
    """`promotion` or `rollback`."""
    ref: str
    before: str | None
    after: str
    source: str = ""
    """The stack that it came from."""
    verified: str = ""

    def text(self, stack: str) -> str:
        """What the tag says, to people first."""
        values = {**vars(self), "before": self.before or _NOTHING}
        lines = [f"{label}: {values[name]}" for name, label in _LABELS.items() if values[name]]
        return f"{self.kind} of {stack} to {self.after[:12]}\n\n" + "\n".join(lines) + "\n"

    @classmethod
    def parse(cls, text: str) -> "Record | None":
        """Read a tag's text; None where somebody else wrote it."""
        lines = dict(line.split(": ", 1) for line in text.splitlines() if ": " in line)
        if not {"Kind", "Ref", "Before", "After"} <= lines.keys():
            return None
        values = {name: lines.get(label, "") for name, label in _LABELS.items()}
        before = None if values.pop("before") == _NOTHING else lines["Before"]
        return (
            cls(before=before, **values) if all(map(_HASH.fullmatch, filter(None, (before, values["after"])))) else None
        )


def prefix(stack: str) -> str:
    """What the names of a stack's records begin with."""
    return f"promoted/{stack}/"


def name(stack: str, now: datetime) -> str:
    """A new record's name: they sort by time, and no two are alike."""
    return f"{prefix(stack)}{now:%Y%m%dT%H%M%SZ}-{token_hex(3)}"


def last_promotion(records: list[Record], ref: str, head: str) -> Record | None:
    """The promotion that brought a ref to where it is now; `records` are sorted by time.

    One whose push came to nothing, or that was rolled back, does not end where the ref is.
    """
    made = [each for each in records if (each.kind, each.ref, each.after) == ("promotion", ref, head)]
    return made[-1] if made else None
