"""Pulumi packages that are extras of this project, and may not be installed where a stack needs one."""

from importlib.util import find_spec

from airflow_stack.choices import GitHost
from airflow_stack.git.hosts import DEPLOY_KEY_PACKAGES, kind_of
from airflow_stack.git.url import GitUrl


def missing_deploy_key_package(url: GitUrl, git_host: GitHost | None) -> str | None:
    """Name of the extra that adds deploy keys on the host of `url`, such as `github`, if its package is not installed.

    Args:
        url: The repository.
        git_host: Software of its host, if its name does not tell.
    """
    kind = kind_of(url, git_host)
    return kind.value if kind in DEPLOY_KEY_PACKAGES and find_spec(DEPLOY_KEY_PACKAGES[kind]) is None else None
