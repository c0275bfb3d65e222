"""Comments have a limited length, mention no user, and reach only their own pull request."""

import re
from collections.abc import Callable
from typing import Any

import pytest

from airflow_stack.cli.diff import render_markdown
from airflow_stack.cli.post import command, git_host, render
from airflow_stack.errors import UserError
from tests.support.fake_github import SHA
from tests.support.golden import Golden


def test_the_comment_is_found_by_the_marker_of_the_diff() -> None:
    assert render_markdown.MARKER + "\n" == git_host.COMMENT


def comment(**found: str) -> str:
    return render.comment(
        {name.replace("_", "-") + (".md" if name == "diff" else ".txt"): found[name] for name in found},
        SHA,
        "https://x/1",
    )


def test_a_diff_of_the_maximum_length_is_posted_completely(golden: Golden) -> None:
    diff = git_host.COMMENT + "x" * (render.MAX_CHARACTERS - 1) + "\n"
    assert comment(diff=diff, preview_prod="y") == diff.removeprefix(git_host.COMMENT).strip()
    assert comment(diff=diff + "xx") == golden


def test_previews_share_the_space_left_by_the_diff(golden: Golden) -> None:
    text = comment(diff="what changes", preview_prod="p" * 90_000, preview_staging="short", preview_dev="d" * 90_000)
    assert len(text) <= render.MAX_CHARACTERS
    assert text.startswith("what changes")
    assert re.sub(r"(p{9,}|d{9,})", "…", text) == golden
    assert text.count("<details>") == text.count("</details>") == 3


def test_output_of_a_preview_cannot_leave_its_block() -> None:
    text = comment(diff="d", preview_prod="```\n</details> @everyone \x1b[31m\x1b[0m ``` ````\u202e\x07")
    assert "\n`````text\n" in text
    assert "\x1b" not in text and "\x07" not in text and "\u202e" not in text
    assert "@everyone" not in text


def test_a_comment_mentions_no_user_and_keeps_addresses() -> None:
    text = comment(diff="@acme/admins look; git@github.com:acme/dags.git")
    assert "@acme/admins" not in text
    assert "git@github.com:acme/dags.git" in text


def test_a_missing_diff_is_reported(golden: Golden) -> None:
    assert comment() == golden


class Pulls(git_host.GitHub):
    """GitHub with one pull request."""

    def __init__(self, **changed: object) -> None:
        self._changed = changed

    def pull_request(self, number: int) -> dict[str, Any]:
        return {"state": "open", "head": {"sha": SHA, "repo": {"full_name": "fork/airflow"}}, **self._changed}


def test_a_pull_request_must_have_the_same_commit_and_repository() -> None:
    assert command.open_pull_request(Pulls(), "12\n", SHA, "fork/airflow") == 12
    assert command.open_pull_request(Pulls(), "12", SHA[::-1], "fork/airflow") == 0
    assert command.open_pull_request(Pulls(), "12", SHA, "other/airflow") == 0
    assert command.open_pull_request(Pulls(state="closed"), "12", SHA, "fork/airflow") == 0
    assert command.open_pull_request(Pulls(head={"sha": SHA, "repo": None}), "12", SHA, "fork/airflow") == 0


@pytest.mark.parametrize("number", ["", "0", "1 2", "1/../../issues/2", "-1", "\u0661", "9" * 11, "x"])
def test_an_invalid_number_sends_no_request_to_github(number: str) -> None:
    with pytest.raises(UserError, match="is not the number of a pull request"):
        command.open_pull_request(Pulls(), number, SHA, "fork/airflow")


Kept = list[str]


@pytest.mark.parametrize(
    ("found", "done"),
    [
        ({"drift-prod.txt": "~ Deployment", "same-staging.txt": ""}, ["issue"]),
        ({"same-prod.txt": "", "same-staging.txt": ""}, ["close"]),
        ({"same-prod.txt": "", "unknown-staging.txt": "no such host"}, []),
        ({}, []),
    ],
)
def test_the_issue_is_open_while_a_stack_drifts_and_closed_once_all_match(
    found: dict[str, str], done: Kept, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept: Kept = []
    records: Callable[..., Any] = lambda name: lambda *_: kept.append(name)  # noqa: E731
    monkeypatch.setattr(git_host.GitHub, "issue", records("issue"))
    monkeypatch.setattr(git_host.GitHub, "close_issue", records("close"))
    monkeypatch.setattr(command, "read_folder", lambda _: found)
    monkeypatch.setenv("GITHUB_REPOSITORY", "acme/airflow")
    monkeypatch.setenv("RUN_URL", "https://x/1")
    command.github_drift()
    assert kept == done
