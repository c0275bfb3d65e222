"""Names of branches and tags, by git's rules (git-check-ref-format(1), git-branch(1)). Pure."""

import re

from airflow_stack.choices import GitRefKind

# Rules 3, 4, 5, 8 and 10. All whitespace, of which git refuses only the blank.
_FORBIDDEN = re.compile(r"[\x00-\x20\x7f~^:?*\[\\\s]|\.\.|@\{")
_PLACEHOLDER = re.compile(r"\$[({\w]|\{\{|\}\}|^<.*>$|^%\w+%$|^(['\"]).*\1$")
_COMMIT = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")
_PREFIXES = {
    "refs/heads/": GitRefKind.BRANCH,
    "refs/tags/": GitRefKind.TAG,
    "heads/": GitRefKind.BRANCH,
    "tags/": GitRefKind.TAG,
}
_MUST = "must be a name that git allows for a branch or tag, such as main or release/2026.11"


def checked(name: str, kind: GitRefKind) -> str:
    """The short name of a branch or tag; `refs/heads/main` names the branch `main`.

    Args:
        name: Name as given.
        kind: `BRANCH` or `TAG`.

    Raises:
        ValueError: git refuses the name, or it is not a name of that kind.
    """
    for prefix, other in _PREFIXES.items():
        short = name.removeprefix(prefix)
        if short == name or not _is_allowed(short):
            continue
        if other is kind is GitRefKind.BRANCH:
            return checked(short, kind)
        if other is kind:
            raise ValueError(f"must be the tag's name alone: {short}")
        raise ValueError(f"is a {other.value}; set dags.{other.value} to {short}")
    if _PLACEHOLDER.search(name):
        raise ValueError("looks like an unexpanded variable, a placeholder or a quoted name; write the name itself")
    if remote := re.fullmatch(r"(?:origin|upstream|remotes/[^/]+)/(.+)", name):
        raise ValueError(
            f"looks like the name of a branch in a clone; write the name that the git host has: {remote[1]}"
        )
    if name in ("@", "HEAD", "FETCH_HEAD", "ORIG_HEAD", "MERGE_HEAD") or name.startswith("refs/"):
        raise ValueError(f"is neither a branch nor a tag; {_MUST}")
    if _COMMIT.fullmatch(name):
        raise ValueError("is a commit hash; set dags.commit")
    if not _is_allowed(name):
        raise ValueError(_MUST)
    return name


def _is_allowed(name: str) -> bool:
    """Whether `git check-ref-format --branch` takes the name."""
    parts = name.split("/")
    bad_part = any(not part or part.startswith(".") or part.endswith(".lock") for part in parts)
    return not (_FORBIDDEN.search(name) or bad_part or name.startswith("-") or name.endswith("."))
