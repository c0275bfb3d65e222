"""Comment and issue from the files of a pipeline. Their texts come from code that was not reviewed, so they are made inert. Pure."""

import re
from collections.abc import Mapping

from .git_host import COMMENT, DRIFT

MAX_CHARACTERS = 65_536 - max(len(COMMENT), len(DRIFT.marker))
"""Most characters of a comment or an issue on GitHub, without the marker."""
_CONTROL = re.compile(
    r"\x1b\[[0-9;]*[A-Za-z]|[^\n\t -\U0010ffff]|[\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]"
)
# Mentions, references to issues, entities (also of mentions), HTML, links, images and link definitions. A space without width ends each before its second character.
_ACTIVE = re.compile(r"(?<!\w)@(?=\w)|&(?=[#\w])|#(?=\d)|<(?=[a-zA-Z/!?])|\](?=[(:\[])")
_FOLD, _UNFOLD = re.compile(r"<details><summary>([\w ,./-]{1,80})</summary>"), "</details>"
_MAX_FOLDS = 8
_FENCE = re.compile(r" {0,3}(`{3,60}(?!`)|~{3,60}(?!~))(.*)")
_CUT = "\n… cut here; the pipeline has the complete text\n"

PipelineFiles = Mapping[str, str]
"""Texts by the names of their files."""


def comment(files: PipelineFiles, commit: str, pipeline: str) -> str:
    """The comment: its origin, the rendered diff, then the folded previews of the stacks, as far as there is room.

    Args:
        files: Texts of the change's own code.
        commit: The commit of that code.
        pipeline: Address of the pipeline.
    """
    head = f"<sub>**Made by the change's own code** (all below this line), at {commit}; [pipeline]({pipeline})</sub>\n\n---\n\n"
    room = MAX_CHARACTERS - len(head)
    text = inert(files.get("diff.md", "").removeprefix(COMMENT), room).strip()
    if not text:
        text = "The stacks could not be rendered; see the pipeline."
    previews = _by_stack("preview", files)
    for left, (stack, preview) in zip(range(len(previews), 0, -1), previews.items(), strict=True):
        text += _folded(f"<code>pulumi preview</code> of {stack}", preview, (room - len(text)) // left)
    return head + text


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
    text = _without_active_text(text)
    fence = "`" * max(3, 1 + max((len(run) for run in re.findall("`+", text)), default=0))
    head, tail = f"\n\n<details><summary>{title}</summary>\n\n{fence}text\n", f"\n{fence}\n\n</details>"
    room -= len(head) + len(tail)
    if len(text) > room:
        text = text[: room - len(_CUT)] + _CUT if room > 10 * len(_CUT) else ""
    return head + text + tail if text else ""


def inert(markdown: str, room: int) -> str:
    """Markdown without mentions, HTML, links and images, cut to `room` characters, and with every fold and fence closed.

    Folds of the form that `diff` writes stay.
    """
    lines, folds, fence = list[str](), 0, ""
    room -= len(_CUT) + 200  # what closes fences and folds
    for line in _CONTROL.sub("", markdown).splitlines():
        safe = _ACTIVE.sub("\\g<0>\u200b", line)
        match = _FENCE.fullmatch(line)
        opens = match and not (match[1][0] == "`" and "`" in match[2])
        if fence and match and match[1].startswith(fence) and not match[2].strip():
            fence = ""
        elif not fence and opens and match:
            fence = match[1]
        elif not fence and folds < _MAX_FOLDS and _FOLD.fullmatch(line):
            folds, safe = folds + 1, line
        elif not fence and folds and line == _UNFOLD:
            folds, safe = folds - 1, line
        room -= len(safe) + 1
        if room < 0:
            lines.append(_CUT)
            break
        lines.append(safe)
    return "\n".join([*lines, *([fence] if fence else []), *["\n" + _UNFOLD] * folds])


def _without_active_text(text: str) -> str:
    return _ACTIVE.sub("\\g<0>\u200b", _CONTROL.sub("", text))
