"""Rules about the repository of the DAGs: what is followed, and whose word is taken for it."""

import re
from collections.abc import Iterator
from typing import Any

from airflow_stack.policies.model import Environment, Resource, Rule, Violation, at, leaves, truth

_CHART_BRANCH = "v2-2-stable"  # branch and ref of the chart where they are left out (1.22.0, values.yaml)
_SSH = re.compile(r"^(ssh://|[\w.-]+@[^/:]+:)")
_UNCHECKED = re.compile(r"strict_?host_?key_?checking\W{1,4}(no|off|false|accept-new)\b", re.IGNORECASE)
_CHECKED = re.compile(r"^GIT_?SYNC_SSH_KNOWN_HOSTS$|^GIT_KNOWN_HOSTS$")
_WORKED_ON = re.compile(r"^(main|master|trunk|dev|develop|development|next|staging|HEAD)$", re.IGNORECASE)
_RELEASED = re.compile(r"^(release|releases|prod|production|live|stable)([-/].*)?$|^v?\d+\.\d+", re.IGNORECASE)


def _known_hosts(resource: Resource) -> Iterator[Violation]:
    if not resource.is_airflow:
        return
    values = resource.at("values", {})
    sync = at(values, "dags.gitSync", {})
    way_out = "give the host's keys: airflow:dags.knownHosts (known for GitHub, GitLab and Bitbucket)"
    reason = "whoever answers for the git host can hand Airflow any code to run"
    if (
        truth(at(sync, "enabled", False))
        and _SSH.match(at(sync, "repo", ""))
        and not at(sync, "knownHosts", "").strip()
    ):
        yield Violation("values.dags.gitSync.knownHosts", reason, way_out, "not set")
    for index, variable in enumerate(at(sync, "env", [])):
        if _CHECKED.match(at(variable, "name", "")) and not truth(at(variable, "value", True)):
            yield Violation(f"values.dags.gitSync.env.{index}", reason, f"take it out; {way_out}")
    for path, text in leaves(values):
        if _UNCHECKED.search(text) or (_UNCHECKED.search(f"{path[-1]}={text}")):
            yield Violation(f"values.{'.'.join(path)}", reason, f"check host keys strictly; {way_out}")


def _branch_is_ref(resource: Resource) -> Iterator[Violation]:
    sync = resource.at("values.dags.gitSync", {})
    if not resource.is_airflow or not truth(at(sync, "enabled", False)):
        return
    branch, ref = at(sync, "branch", _CHART_BRANCH), at(sync, "ref", _CHART_BRANCH)
    rev = at(sync, "rev", "HEAD")
    if branch and branch != ref:
        yield Violation(
            "values.dags.gitSync.branch",
            f"git-sync follows the branch and not the ref {ref!r}",
            "name it once, in airflow:dags.branch, airflow:dags.tag or airflow:dags.commit; for a tag or commit branch and rev are empty",
            branch,
        )
    elif rev != ("HEAD" if branch else ""):
        yield Violation(
            "values.dags.gitSync.rev",
            "git-sync ends at once with a branch and another revision, and follows rev where there is no branch",
            "name the tag or commit in airflow:dags.tag or airflow:dags.commit; beside a branch rev is HEAD",
            rev,
        )


def _followed(resource: Resource) -> Iterator[tuple[str, str]]:
    """What Airflow's DAGs follow, with its path: by git-sync or by git bundles."""
    if not resource.is_airflow:
        return
    values = resource.at("values", {})
    if truth(at(values, "dags.gitSync.enabled", False)):
        kind = "branch" if at(values, "dags.gitSync.branch", _CHART_BRANCH) else "ref"
        yield f"values.dags.gitSync.{kind}", at(values, f"dags.gitSync.{kind}", _CHART_BRANCH)
    bundles: list[dict[str, Any]] = at(values, "dagProcessor.dagBundleConfigList", [])
    for index, bundle in enumerate(bundles):
        if ref := at(bundle, "kwargs.tracking_ref", ""):
            yield f"values.dagProcessor.dagBundleConfigList.{index}.kwargs.tracking_ref", ref


def _bare(ref: str) -> str:
    return re.sub(r"^refs/(heads|tags)/", "", ref)


def _production_ref(resource: Resource) -> Iterator[Violation]:
    for key, ref in _followed(resource):
        if _WORKED_ON.match(_bare(ref)):
            yield Violation(
                key,
                "every merge would run in production within a minute, seen by nobody",
                "follow a branch that moves by promotion alone, such as airflow:dags.branch release, or a tag",
                ref,
            )


def _staging_ref(resource: Resource) -> Iterator[Violation]:
    for key, ref in _followed(resource):
        if _RELEASED.match(_bare(ref)):
            yield Violation(
                key,
                "what is merged would run nowhere before it is released",
                "follow what is merged, such as airflow:dags.branch main",
                ref,
            )


RULES = (
    Rule("known-hosts", "The git host is verified by its host keys.", "https://github.com/helm/charts/issues/19509", _known_hosts),
    Rule("branch-is-ref", "git-sync follows its configured ref.", "https://github.com/apache/airflow/issues/42918", _branch_is_ref),
    Rule(
        "production-ref",
        "Production follows a release, not the development branch.",
        "https://github.com/apache/airflow/issues/42918",
        _production_ref,
        only=Environment.PRODUCTION,
    ),
    Rule(
        "staging-ref",
        "Staging follows merged commits, not a release.",
        "https://airflow.apache.org/docs/apache-airflow/stable/best-practices.html#staging-environment",
        _staging_ref,
        only=Environment.STAGING,
    ),
)  # fmt: skip
