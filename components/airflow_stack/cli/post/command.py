"""Posts what a pipeline found: a comment about a change, an issue about drift or newer versions. `python3 -m airflow_stack.cli.post.command` lists how.

What it reads was made by code of a pull request that nobody has looked at: it is bounded, never run, and never chooses where it is
posted. Runs on Python alone, as `forge.py` does.
"""

import io
import os
import re
import sys
import zipfile
from collections.abc import Callable, Iterator, Mapping
from itertools import islice
from pathlib import Path

from airflow_stack.cli.post.git_host import COMMENT, DRIFT, VERSIONS, Forge, GitHub, GitLab
from airflow_stack.errors import UserError

LONGEST = 65_536 - max(len(COMMENT), len(DRIFT.marker))
"""Characters of a comment or an issue that GitHub takes, without the marker."""
LARGEST = 2_000_000
"""Bytes of an artifact, packed or not, or of a file."""
_ARTIFACTS = 10
_FILE = re.compile(r"number|diff\.md|(preview|drift|same|unknown)-[a-z0-9-]{1,40}\.txt")
_MENTION = re.compile(r"(?<!\w)@(?=\w)")
_CONTROL = re.compile(r"\x1b\[[0-9;]*[A-Za-z]|[^\n\t -\U0010ffff]|[\u202a-\u202e\u2066-\u2069]")
_CUT = "\n… cut here; the pipeline has all of it\n"

Found = Mapping[str, str]
"""File name to text."""


def comment(found: Found, commit: str, pipeline: str) -> str:
    """The rendered diff, then what each stack's preview printed, folded, as far as there is room."""
    footer = f"\n\n<sub>Made by the change's own code at {commit}; [pipeline]({pipeline})</sub>\n"
    text = _clean(found.get("diff.md", "")).removeprefix(COMMENT).strip()
    if not text:
        text = "The stacks could not be rendered; the pipeline says why."
    if len(text) > LONGEST:
        text = "What would change is too long for a comment; the pipeline shows it."
    previews = _of("preview", found)
    for left, (stack, printed) in zip(range(len(previews), 0, -1), previews.items(), strict=True):
        text += _folded(f"<code>pulumi preview</code> of {stack}", printed, (LONGEST - len(footer) - len(text)) // left)
    return text + footer if len(text) + len(footer) <= LONGEST else text


def drift(found: Found, pipeline: str) -> str:
    """The stacks that have drifted; empty when none has."""
    texts = _of("drift", found)
    if not texts:
        return ""
    says = f"Stacks that are not as Pulumi left them: {', '.join(texts)}.\n\n"
    says += "Somebody changed them by hand, or an update was broken off. `pulumi refresh` takes what is there into the state; "
    says += f"`pulumi up` puts it back. This issue closes itself when nothing differs. [Pipeline]({pipeline})\n"
    return says + "".join(_folded(stack, text, (LONGEST - len(says)) // len(texts)) for stack, text in texts.items())


def _of(kind: str, found: Found) -> dict[str, str]:
    """The texts of one kind, by stack."""
    return {name[len(kind) + 1 : -len(".txt")]: found[name] for name in sorted(found) if name.startswith(f"{kind}-")}


def _folded(title: str, text: str, room: int) -> str:
    """A text that is shown as it is, whatever is in it."""
    text = _clean(text)
    fence = "`" * max(3, 1 + max((len(run) for run in re.findall("`+", text)), default=0))
    head, tail = f"\n\n<details><summary>{title}</summary>\n\n{fence}text\n", f"\n{fence}\n\n</details>"
    room -= len(head) + len(tail)
    if len(text) > room:
        text = text[: room - len(_CUT)] + _CUT if room > 10 * len(_CUT) else ""
    return head + text + tail if text else ""


def _clean(text: str) -> str:
    """Nothing that a terminal would act on, nobody called."""
    return _MENTION.sub("@\u200b", _CONTROL.sub("", text))


def read_folder(folder: Path) -> Found:
    """The files of a pipeline's earlier jobs."""
    files = (file for file in sorted(folder.glob("*")) if _FILE.fullmatch(file.name))
    return {file.name: file.read_text(errors="replace") for file in files if file.stat().st_size <= LARGEST}


def read_artifacts(github: GitHub, run: int) -> Found:
    """The files of a workflow run's artifacts. They are read where they are: nothing is unpacked."""
    found: dict[str, str] = {}
    for artifact in islice(github.artifacts(run), _ARTIFACTS):
        if artifact["name"].startswith("found-") and artifact["size_in_bytes"] <= LARGEST:
            found |= _members(github.archive(artifact["id"]))
    return found


def _members(archive: bytes) -> Iterator[tuple[str, str]]:
    room = LARGEST
    with zipfile.ZipFile(io.BytesIO(archive)) as files:
        for member in files.infolist():
            if _FILE.fullmatch(member.filename) and member.file_size <= room:
                room -= member.file_size
                yield member.filename, files.read(member).decode(errors="replace")


def proven(github: GitHub, number: str, commit: str, repository: str) -> int:
    """The pull request's number, if that pull request is open and at the commit that was previewed; else 0."""
    if not re.fullmatch(r"[1-9][0-9]{0,9}", number.strip()):
        raise UserError(f"{number.strip()[:40]!r} is no number of a pull request")
    pull = github.pull_request(int(number))
    head = pull["head"]
    same = head["sha"] == commit and (head["repo"] or {}).get("full_name") == repository
    return int(number) if same and pull["state"] == "open" else 0


def github_comment() -> None:
    """Post what a workflow run found, in the pull request that it ran for."""
    github, commit = GitHub(os.environ["GITHUB_REPOSITORY"]), os.environ["HEAD_SHA"]
    found = read_artifacts(github, int(os.environ["RUN_ID"]))
    if "number" not in found:
        raise UserError("the workflow run names no pull request: its job `diff` did not get so far")
    if number := proven(github, found["number"], commit, os.environ["HEAD_REPOSITORY"]):
        github.comment(number, comment(found, commit, os.environ["RUN_URL"]))
    else:
        print("Nothing posted: the pull request is closed, or at another commit by now.")


def gitlab_comment() -> None:
    """Post what the pipeline found, in its merge request."""
    text = comment(read_folder(Path("found")), os.environ["CI_COMMIT_SHA"], os.environ["CI_PIPELINE_URL"])
    _gitlab().comment(int(os.environ["CI_MERGE_REQUEST_IID"]), text)


def github_drift() -> None:
    """Keep the issue about drift."""
    _keep_issue(GitHub(os.environ["GITHUB_REPOSITORY"]), os.environ["RUN_URL"])


def gitlab_drift() -> None:
    """Keep the issue about drift."""
    _keep_issue(_gitlab(), os.environ["CI_PIPELINE_URL"])


def github_versions() -> None:
    """Keep the issue about newer versions: written while there are some, closed once the tested ones are the newest."""
    from airflow_stack.cli.post import newer_versions  # reads components/, which the other jobs do not check out

    github = GitHub(os.environ["GITHUB_REPOSITORY"])
    if text := newer_versions.report(github.tags):
        github.issue(VERSIONS, f"{text}\n[Pipeline]({os.environ['RUN_URL']})\n")
    else:
        github.close_issue(VERSIONS)


def _keep_issue(forge: Forge, pipeline: str) -> None:
    """Written while a stack differs, closed when all that were looked at do not; a stack that could not be looked at closes nothing."""
    found = read_folder(Path("found"))
    if text := drift(found, pipeline):
        forge.issue(DRIFT, text)
    elif found and all(name.startswith("same-") for name in found):
        forge.close_issue(DRIFT)


def _gitlab() -> GitLab:
    return GitLab(os.environ["CI_API_V4_URL"], os.environ["CI_PROJECT_ID"])


ACTIONS: dict[str, Callable[[], None]] = {
    "github-comment": github_comment,
    "github-drift": github_drift,
    "github-versions": github_versions,
    "gitlab-comment": gitlab_comment,
    "gitlab-drift": gitlab_drift,
}


def main(arguments: list[str]) -> None:
    """Do what is named."""
    if len(arguments) != 1 or arguments[0] not in ACTIONS:
        raise SystemExit(f"usage: python3 -m airflow_stack.cli.post.command {'|'.join(ACTIONS)}")
    try:
        ACTIONS[arguments[0]]()
    except UserError as error:
        raise SystemExit(f"error: {error}") from None


if __name__ == "__main__":
    main(sys.argv[1:])
