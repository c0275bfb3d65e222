"""Names of branches and tags follow git's own rules; `git check-ref-format` is the judge where it is installed."""

import subprocess

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_stack.choices import GitRefKind
from airflow_stack.git.ref_name import checked

BRANCH, TAG = GitRefKind.BRANCH, GitRefKind.TAG


@pytest.mark.parametrize(
    "name", ["main", "release/2026.11", "feature/über", "v1.2.3", "a@b", "dependabot/pip/x-1.0", "heads", "1", "f{oo}"]
)
@pytest.mark.parametrize("kind", [BRANCH, TAG])
def test_a_name_that_git_allows_is_taken(name: str, kind: GitRefKind) -> None:
    assert checked(name, kind) == name


@pytest.mark.parametrize(
    "name",
    ["/main", "main/", "a//b", "release.lock", "a.lock/b", ".a", "a/.b", "a..b", "@", "a@{1}", "a\\b", "a b", "a~1", "a^", "a:b",
     "a?", "a*", "a[b", "-a", "a.", "a\x7f", "HEAD", '"main"', "'main'", "${GIT_BRANCH}", "$BRANCH", "{{ branch }}", "<branch>",
     "%BRANCH%", "refs/pull/1/head", "refs/remotes/origin/main", "refs/heads/", "refs/heads/.a", "0123456789" * 4],
)  # fmt: skip
@pytest.mark.parametrize("kind", [BRANCH, TAG])
def test_a_name_that_git_refuses_or_that_is_no_branch_or_tag_is_refused(name: str, kind: GitRefKind) -> None:
    with pytest.raises(ValueError, match=r"must be|looks like|is neither|is a commit|is a branch"):
        checked(name, kind)


def test_the_full_name_of_a_branch_is_taken_as_its_short_name() -> None:
    assert checked("refs/heads/release/2026", BRANCH) == "release/2026"


@pytest.mark.parametrize(
    ("name", "kind", "fix"),
    [
        ("refs/tags/v1", BRANCH, "set dags.tag to v1"),
        ("refs/tags/v1", TAG, "v1"),
        ("refs/heads/main", TAG, "set dags.branch to main"),
    ],
)
def test_the_full_name_of_a_tag_or_of_the_other_kind_is_answered_with_the_setting(
    name: str, kind: GitRefKind, fix: str
) -> None:
    with pytest.raises(ValueError, match=r"must be|is a") as refused:
        checked(name, kind)
    assert str(refused.value).endswith(fix)


@given(
    name=st.text(
        st.sampled_from("ab./@{}~^:?*[\\- \x7fé") | st.characters(exclude_categories=["Cs"]), min_size=1, max_size=8
    )
)
def test_no_name_is_taken_that_git_refuses(name: str) -> None:
    try:
        taken = checked(name, BRANCH)
    except ValueError:
        return
    done = subprocess.run(["git", "check-ref-format", "--branch", taken], capture_output=True, check=False)
    assert done.returncode == 0
