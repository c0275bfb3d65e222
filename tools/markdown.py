"""The little Markdown that generated pages need, as GitHub reads it."""

import re
from collections.abc import Iterable, Sequence


def anchor(heading: str) -> str:
    """What GitHub makes of a heading for links."""
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")


def link(text: str, heading: str) -> str:
    """A link to a heading of the same page."""
    return f"[{text}](#{anchor(heading)})"


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table; a bar within a cell would end it, in code too."""
    lines = [head, ["---"] * len(head), *([" ".join(cell.split()).replace("|", r"\|") for cell in row] for row in rows)]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def code(text: str) -> str:
    """The text as code; nothing stays nothing."""
    return f"`{text}`" if text else ""


def fenced(text: str, language: str) -> str:
    """A block of code."""
    return f"```{language}\n{text.rstrip()}\n```\n"


def flowchart(direction: str, lines: Iterable[str]) -> str:
    """A picture that GitHub draws from its text (https://mermaid.js.org/syntax/flowchart.html)."""
    return fenced("\n".join([f"flowchart {direction}", *(f"  {line}" for line in lines)]), "mermaid")
