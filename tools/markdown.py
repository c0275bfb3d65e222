"""Markdown for generated pages, as rendered by GitHub."""

import re
from collections.abc import Iterable, Sequence


def anchor(heading: str) -> str:
    """Anchor of a heading on GitHub."""
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")


def link(text: str, heading: str) -> str:
    """Link to a heading on the same page."""
    return f"[{text}](#{anchor(heading)})"


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Table. Bars in cells are escaped, in code as well."""
    lines = [head, ["---"] * len(head), *([" ".join(cell.split()).replace("|", r"\|") for cell in row] for row in rows)]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def code(text: str) -> str:
    """Text as a code span. An empty text stays empty."""
    return f"`{text}`" if text else ""


def fenced(text: str, language: str) -> str:
    """Code block."""
    return f"```{language}\n{text.rstrip()}\n```\n"


def flowchart(direction: str, lines: Iterable[str]) -> str:
    """Mermaid flowchart (https://mermaid.js.org/syntax/flowchart.html)."""
    return fenced("\n".join([f"flowchart {direction}", *(f"  {line}" for line in lines)]), "mermaid")
