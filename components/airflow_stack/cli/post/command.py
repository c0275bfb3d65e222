"""Posts the results of a pipeline: a comment about a change, an issue about drift or about newer versions.

`python3 -m airflow_stack.cli.post.command` lists the actions. The texts come from code of a pull request that was not reviewed: they are
limited, never executed, and never decide where they are posted. Needs only the standard library, like `git_host.py`.
"""

import os
import re
import sys
from collections.abc import Callable
from pathlib import Path

from airflow_stack.errors import UserError

from . import newer_versions, render
from .git_host import DRIFT, VERSIONS, CodeHost, GitHub, GitLab, Json
from .pipeline_files import read_artifacts, read_folder, read_jobs


def open_pull_request(github: GitHub, number: str, commit: str, repository: str) -> int:
    """Number of a pull request that is open and at the previewed commit; otherwise 0.

    Args:
        github: The repository.
        number: Number of the pull request, as the pipeline's files name it.
        commit: The previewed commit.
        repository: Full name of the repository that the commit was pushed to.

    Raises:
        UserError: `number` is not a number.
    """
    if not re.fullmatch(r"[1-9][0-9]{0,9}", number.strip()):
        raise UserError(f"{number.strip()[:40]!r} is not the number of a pull request")
    pull = github.pull_request(int(number))
    head = pull["head"]
    same = head["sha"] == commit and (head["repo"] or {}).get("full_name") == repository
    return int(number) if same and pull["state"] == "open" else 0


def github_comment() -> None:
    """Comment on the pull request of a workflow run."""
    github, commit = GitHub(os.environ["GITHUB_REPOSITORY"]), os.environ["HEAD_SHA"]
    files = read_artifacts(github, int(os.environ["RUN_ID"]))
    if "number" not in files:
        raise UserError("the workflow run names no pull request, because its job `diff` did not finish")
    if number := open_pull_request(github, files["number"], commit, os.environ["HEAD_REPOSITORY"]):
        github.comment(number, render.comment(files, commit, os.environ["RUN_URL"]))
    else:
        print("Nothing posted: the pull request is closed, or at another commit.")


def gitlab_comment() -> None:
    """Comment on the merge request of a pipeline that triggered this one."""
    number = os.environ["NOTE_PIPELINE"].strip()
    if not re.fullmatch(r"[1-9][0-9]{0,18}", number):
        raise UserError(f"{number[:40]!r} is not the number of a pipeline")
    gitlab = _gitlab()
    pipeline = gitlab.pipeline(int(number))
    if request := open_merge_request(gitlab, pipeline):
        text = render.comment(read_jobs(gitlab, int(number)), str(pipeline["sha"]), str(pipeline["web_url"]))
        gitlab.comment(request, text)
    else:
        print("Nothing posted: the merge request is closed, or has a newer pipeline.")


def open_merge_request(gitlab: GitLab, pipeline: Json) -> int:
    """Number of the open merge request whose newest pipeline this is; otherwise 0."""
    match = re.fullmatch(r"refs/merge-requests/([1-9][0-9]{0,9})/(head|merge|train)", str(pipeline.get("ref")))
    if not match or pipeline.get("source") != "merge_request_event":
        return 0
    request = gitlab.merge_request(int(match[1]))
    newest = (request.get("head_pipeline") or {}).get("id")
    return int(match[1]) if request.get("state") == "opened" and newest == pipeline["id"] else 0


def github_drift() -> None:
    """Update the issue about drift."""
    _update_drift_issue(GitHub(os.environ["GITHUB_REPOSITORY"]), os.environ["RUN_URL"])


def gitlab_drift() -> None:
    """Update the issue about drift."""
    _update_drift_issue(_gitlab(), os.environ["CI_PIPELINE_URL"])


def github_versions() -> None:
    """Update the issue about newer versions; close it if the tested ones are the newest."""
    github = GitHub(os.environ["GITHUB_REPOSITORY"])
    if text := newer_versions.report(github.tags):
        github.issue(VERSIONS, f"{text}\n[Pipeline]({os.environ['RUN_URL']})\n")
    else:
        github.close_issue(VERSIONS)


def _update_drift_issue(host: CodeHost, pipeline: str) -> None:
    """Write the issue if a stack has drifted. Close it if no stack has, and all could be checked."""
    files = read_folder(Path("found"))
    if text := render.drift(files, pipeline):
        host.issue(DRIFT, text)
    elif files and all(name.startswith("same-") for name in files):
        host.close_issue(DRIFT)


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
    """Run one action."""
    if len(arguments) != 1 or arguments[0] not in ACTIONS:
        raise SystemExit(f"usage: python3 -m airflow_stack.cli.post.command {'|'.join(ACTIONS)}")
    try:
        ACTIONS[arguments[0]]()
    except UserError as error:
        raise SystemExit(f"error: {error}") from None


if __name__ == "__main__":
    main(sys.argv[1:])
