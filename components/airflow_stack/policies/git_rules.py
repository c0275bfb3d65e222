"""Rules about the DAG repository: the ref that Airflow follows, and the identity of the git host."""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from airflow_stack.choices import Tier
from airflow_stack.git import host_keys
from airflow_stack.git.url import GitUrl

from .connection_rules import is_plain, repositories, sends_a_credential
from .model import Resource, Rule, Violation, at, leaves, truth
from .places import maps, variables, without_comments
from .workload_rules import containers

_CHART_BRANCH = "v2-2-stable"  # the chart's default of branch and ref (1.22.0, values.yaml)
_SSH = re.compile(r"^\s*((git\+)?ssh://|[\w.-]+@[^/:]+:|[\w.-]+:(?!//))", re.IGNORECASE)
_UNCHECKED = re.compile(r"strict_?host_?key_?checking\W{1,4}(no|off|false|accept-new)\b", re.IGNORECASE)
_UNVERIFIED = re.compile(r"ssl_?verify\W{1,5}(no|off|false|0)\b", re.IGNORECASE)
_IS_OFF = re.compile(r"\s*(no|off|false|0)?\s*", re.IGNORECASE)
_CHECKED = re.compile(r"^GIT_?SYNC_SSH_KNOWN_HOSTS$|^GIT_KNOWN_HOSTS$")
_DEVELOPMENT = re.compile(r"^(main|master|trunk|dev|develop|development|next|staging|HEAD)$", re.IGNORECASE)
_RELEASE_REF = re.compile(r"^(release|releases|prod|production|live|stable)([-/].*)?$|^v?\d+\.\d+", re.IGNORECASE)


def _known_hosts(resource: Resource) -> Iterator[Violation]:
    yield from _unverified_tls(resource)
    yield from _credentials_in_the_clear(resource)
    if not resource.is_airflow:
        return
    values = resource.at("values", {})
    sync = at(values, "dags.gitSync", {})
    way_out = "set the host's keys: airflow:dags.knownHosts (not needed for GitHub, GitLab and Bitbucket)"
    reason = "an impostor of the git host could make Airflow run any code"
    if (
        truth(at(sync, "enabled", False))
        and _SSH.match(at(sync, "repo", ""))
        and not at(sync, "knownHosts", "").strip()
    ):
        yield Violation("values.dags.gitSync.knownHosts", reason, way_out, "not set")
    elif truth(at(sync, "enabled", False)) and (
        missing := _missing_key(at(sync, "repo", ""), at(sync, "knownHosts", ""))
    ):
        yield Violation("values.dags.gitSync.knownHosts", missing, way_out)
    for index, variable in enumerate(at(sync, "env", [])):
        if _CHECKED.match(at(variable, "name", "")) and not truth(at(variable, "value", True)):
            yield Violation(f"values.dags.gitSync.env.{index}", reason, f"remove it; {way_out}")
    for path, text in leaves(values):
        if _UNCHECKED.search(text) or (_UNCHECKED.search(f"{path[-1]}={text}")):
            yield Violation(f"values.{'.'.join(path)}", reason, f"check host keys strictly; {way_out}")


def _unverified_tls(resource: Resource) -> Iterator[Violation]:
    """Places that switch git's verification of the HTTPS server off."""
    found = [
        each.path for each in variables(resource) if each.name == "GIT_SSL_NO_VERIFY"
    ]  # git asks only if it exists
    settings = {each.name: each for each in variables(resource) if each.name.startswith("GIT_CONFIG_")}
    for name, each in settings.items():
        value = settings.get(name.replace("_KEY_", "_VALUE_"))
        if "sslverify" in (each.value or "").lower() and value is not None and _IS_OFF.fullmatch(value.value or ""):
            found.append(value.path)
    texts = [*_texts(resource.at("values", {}), "values")] if resource.is_airflow else []
    for place, container in containers(resource):
        texts += _texts(container, place)
    found += (path for path, text in texts if _UNVERIFIED.search(without_comments(text)))
    for path in dict.fromkeys(found):
        yield Violation(
            path,
            "an impostor of the git host could make Airflow run any code",
            "remove it; for a CA of your own, mount it with airflow:values volumes and dags.gitSync.extraVolumeMounts, "
            "and set GIT_SSL_CAINFO in dags.gitSync.env",
        )


def _texts(value: Mapping[str, Any], root: str) -> Iterator[tuple[str, str]]:
    """Every text, and every command as one line."""
    yield from ((f"{root}.{'.'.join(path)}", text) for path, text in leaves(value))
    for path, inner in maps(value, (root,)):
        for key in ("command", "args"):
            if isinstance(words := inner.get(key), list):
                yield ".".join((*path, key)), " ".join(map(str, words))


def _credentials_in_the_clear(resource: Resource) -> Iterator[Violation]:
    for path, url in repositories(resource):
        if is_plain(url) and sends_a_credential(resource, path):
            yield Violation(
                path,
                "sends the token unencrypted, and an impostor of the git host could make Airflow run any code",
                "use https:// or SSH (airflow:dags.repository), then replace the token",
            )


def _missing_key(repository: str, known_hosts: str) -> str | None:
    """The reason why git-sync would refuse the host of an SSH URL; None for other URLs."""
    try:
        url = GitUrl.parse(repository)
    except ValueError:
        return None
    return host_keys.refusal(known_hosts, url.host, url.port) if url.is_ssh else None


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
            "set one of airflow:dags.branch, airflow:dags.tag and airflow:dags.commit; with a tag or commit, branch and rev are empty",
            branch,
        )
    elif rev != ("HEAD" if branch else ""):
        yield Violation(
            "values.dags.gitSync.rev",
            "git-sync exits if both a branch and another revision are set, and follows rev without a branch",
            "set airflow:dags.tag or airflow:dags.commit; with a branch, rev is HEAD",
            rev,
        )


def _followed(resource: Resource) -> Iterator[tuple[str, str]]:
    """Path and value of each ref that git-sync or git bundles follow."""
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
    return re.sub(r"^(refs/)?(heads|tags|remotes/[^/]+|origin)/", "", ref.strip())


def _production_ref(resource: Resource) -> Iterator[Violation]:
    for key, ref in _followed(resource):
        if _DEVELOPMENT.match(_bare(ref)):
            yield Violation(
                key,
                "every merge would run in production within a minute, without further review",
                "follow a branch that only promotions move, such as airflow:dags.branch release, or a tag",
                ref,
            )


def _staging_ref(resource: Resource) -> Iterator[Violation]:
    for key, ref in _followed(resource):
        if _RELEASE_REF.match(_bare(ref)):
            yield Violation(
                key,
                "merged commits would run nowhere before their release",
                "follow the branch of merged commits, such as airflow:dags.branch main",
                ref,
            )


RULES = (
    Rule("known-hosts", "The git host is verified, by its host keys or by TLS.", "https://github.com/helm/charts/issues/19509", _known_hosts),
    Rule("branch-is-ref", "git-sync follows its configured ref.", "https://github.com/apache/airflow/issues/42918", _branch_is_ref),
    Rule(
        "production-ref",
        "Production follows a release, not the development branch.",
        "https://github.com/apache/airflow/issues/42918",
        _production_ref,
        only=Tier.PRODUCTION,
    ),
    Rule(
        "staging-ref",
        "Staging follows merged commits, not a release.",
        "https://airflow.apache.org/docs/apache-airflow/stable/best-practices.html#staging-environment",
        _staging_ref,
        only=Tier.STAGING,
    ),
)  # fmt: skip
