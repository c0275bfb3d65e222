"""Comments have a limited length, mention no user, and reach only their own pull request."""

import re
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_stack.cli.diff import render_markdown
from airflow_stack.cli.post import command, git_host, pipeline_files, render
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


ORIGIN = (
    f"<sub>**Made by the change's own code** (all below this line), at {SHA}; [pipeline](https://x/1)</sub>\n\n---\n\n"
)


def below(**found: str) -> str:
    """The comment without its first line, which must be there."""
    text = comment(**found)
    assert text.startswith(ORIGIN)
    assert len(git_host.COMMENT + text) <= 65_536
    return text.removeprefix(ORIGIN)


@pytest.mark.parametrize(
    "diff",
    [
        "", "A" * 65_497, "A" * 2_000_000, "<\n" * 65_000, "@a " * 60_000, "### No changes\n<!--", "<details>\n" * 9, "<details><summary>x</summary>\n" * 99,
        "```\n", "~~~~\n", "`" * 70_000, "````text\n```\n", "<script>", "<style>*{display:none}</style>", "\u202e", "<sub>**Made by", "[a]: http://x",
    ],
)  # fmt: skip
def test_the_origin_is_the_first_line_whatever_the_content_is(diff: str) -> None:
    text = below(diff=diff, preview_prod="Resources:\n    42 unchanged")
    assert text.count("<details>") == text.count("</details>") <= 9
    assert not re.search(r"<(?!details><summary>|/details>|/?summary>|/?code>)[a-zA-Z/!]", text)


@given(st.text(alphabet=st.sampled_from("<>!-/@&#;`~[]()detailsummry \n0x64")))
def test_arbitrary_content_has_no_html_mention_entity_or_link(diff: str) -> None:
    text = below(diff=diff)
    assert not re.search(r"(?<!\w)@\w|&[#\w]|\]\(|!\[[^\]]*\]\(|<!", text)
    assert text.count("<details>") == text.count("</details>")


@pytest.mark.parametrize(
    "mention",
    ["@octocat", "@acme/admins", "&#64;octocat", "&commat;acme/admins", "&#x40;octocat", "&amp;#64;octocat", "acme/dags#12", "#12", "[x](https://evil)", "![x](https://evil)"],
)  # fmt: skip
def test_a_mention_reference_or_link_is_inert_however_it_is_encoded(mention: str) -> None:
    for text in (below(diff=f"see {mention} now"), below(diff="d", preview_prod=f"see {mention} now")):
        assert mention not in text
        assert mention in text.replace("\u200b", "")


def test_a_diff_of_its_maximum_length_is_posted_completely_and_a_longer_one_is_cut() -> None:
    lines = "\n".join(["x" * 99] * (render_markdown.LIMIT // 100))
    assert below(diff=git_host.COMMENT + lines).startswith(lines)
    assert below(diff=lines + "\nx" * 9_000).rstrip().endswith("… cut here; the pipeline has the complete text")


def test_folds_and_fences_of_a_diff_stay() -> None:
    diff = "#### `prod`\n\n<details><summary>9 objects differ</summary>\n\n```diff\n~ a\n! <b>\n```\n\n</details>"
    assert below(diff=diff).replace("\u200b", "") == diff


def test_previews_share_the_space_left_by_the_diff(golden: Golden) -> None:
    text = below(diff="what changes", preview_prod="p" * 90_000, preview_staging="short", preview_dev="d" * 90_000)
    assert text.startswith("what changes")
    assert re.sub(r"(p{9,}|d{9,})", "…", text) == golden
    assert text.count("<details>") == text.count("</details>") == 3


def test_a_file_counts_only_in_the_artifact_of_its_job() -> None:
    assert pipeline_files.files_of("found-diff") == ("number", "diff.md")
    assert pipeline_files.files_of("found-prod") == ("preview-prod.txt",)
    assert pipeline_files.files_of("other") == pipeline_files.files_of("found-Prod/../x") == ()


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


class Requests(git_host.GitLab):
    """GitLab with one merge request."""

    def __init__(self, **changed: object) -> None:
        self._changed = changed

    def merge_request(self, number: int) -> dict[str, Any]:
        return {"state": "opened", "head_pipeline": {"id": 7}, **self._changed}


def test_a_merge_request_must_be_open_and_have_this_pipeline_as_its_newest() -> None:
    pipeline = {"id": 7, "ref": "refs/merge-requests/12/head", "source": "merge_request_event"}
    assert command.open_merge_request(Requests(), pipeline) == 12
    assert command.open_merge_request(Requests(), {**pipeline, "ref": "refs/merge-requests/12/merge"}) == 12
    assert command.open_merge_request(Requests(), {**pipeline, "ref": "main"}) == 0
    assert command.open_merge_request(Requests(), {**pipeline, "source": "push"}) == 0
    assert command.open_merge_request(Requests(state="merged"), pipeline) == 0
    assert command.open_merge_request(Requests(head_pipeline={"id": 8}), pipeline) == 0
    assert command.open_merge_request(Requests(head_pipeline=None), pipeline) == 0


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
