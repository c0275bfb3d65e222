"""Comment and issue from the files of a pipeline. Their texts come from code that was not reviewed, so they are made inert. Pure."""

import re
from collections.abc import Mapping

from .git_host import COMMENT, DRIFT

MAX_CHARACTERS = 65_536 - max(len(COMMENT), len(DRIFT.marker))
"""Most characters of a comment or an issue on GitHub, without the marker."""
_MENTION = re.compile(r"(?<!\w)@(?=\w)")
_CONTROL = re.compile(r"\x1b\[[0-9;]*[A-Za-z]|[^\n\t -\U0010ffff]|[\u202a-\u202e\u2066-\u2069]")
_CUT = "\n… cut here; the pipeline has the complete text\n"

PipelineFiles = Mapping[str, str]
"""Texts by the names of their files."""


def comment(files: PipelineFiles, commit: str, pipeline: str) -> str:
    """The comment: the rendered diff, then the folded previews of the stacks, as far as there is room."""
    footer = f"\n\n<sub>Made by the change's own code at {commit}; [pipeline]({pipeline})</sub>\n"
    text = _clean(files.get("diff.md", "")).removeprefix(COMMENT).strip()
    if not text:
        text = "The stacks could not be rendered; see the pipeline."
    if len(text) > MAX_CHARACTERS:
        text = "The effects of this change are too long for a comment; see the pipeline."
    previews = _by_stack("preview", files)
    for left, (stack, preview) in zip(range(len(previews), 0, -1), previews.items(), strict=True):
        room = (MAX_CHARACTERS - len(footer) - len(text)) // left
        text += _folded(f"<code>pulumi preview</code> of {stack}", preview, room)
    return text + footer if len(text) + len(footer) <= MAX_CHARACTERS else text


def drift(files: PipelineFiles, pipeline: str) -> str:
    """The issue about stacks that have drifted; empty if there are none."""
    texts = _by_stack("drift", files)
    if not texts:
        return ""
    head = f"Stacks that differ from Pulumi's state: {', '.join(texts)}.\n\n"
    head += (
        "They were changed by hand, or an update was interrupted. `pulumi refresh` copies the changes into the state; "
    )
    head += f"`pulumi up` reverts them. This issue is closed when nothing differs any more. [Pipeline]({pipeline})\n"
    room = (MAX_CHARACTERS - len(head)) // len(texts)
    return head + "".join(_folded(stack, text, room) for stack, text in texts.items())


def _by_stack(kind: str, files: PipelineFiles) -> dict[str, str]:
    """The texts of one kind, by stack."""
    return {name[len(kind) + 1 : -len(".txt")]: files[name] for name in sorted(files) if name.startswith(f"{kind}-")}


def _folded(title: str, text: str, room: int) -> str:
    """A folded text, in a fence that it cannot close."""
    text = _clean(text)
    fence = "`" * max(3, 1 + max((len(run) for run in re.findall("`+", text)), default=0))
    head, tail = f"\n\n<details><summary>{title}</summary>\n\n{fence}text\n", f"\n{fence}\n\n</details>"
    room -= len(head) + len(tail)
    if len(text) > room:
        text = text[: room - len(_CUT)] + _CUT if room > 10 * len(_CUT) else ""
    return head + text + tail if text else ""


def _clean(text: str) -> str:
    """The text without control characters and mentions."""
    return _MENTION.sub("@\u200b", _CONTROL.sub("", text))
