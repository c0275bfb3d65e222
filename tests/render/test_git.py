"""Variables of git-sync in all its pods, for each access, notation of a URL, kind of ref, and executor.

Each access is rendered with each executor. The kinds of ref alternate, because they do not depend on the access.
"""

from functools import cache
from itertools import product
from pathlib import Path
from typing import NamedTuple

import pytest

from airflow_stack.chart.values import chart_values
from airflow_stack.cli.helm import helm_template
from airflow_stack.git.known_hosts import known_hosts_for
from airflow_stack.settings.models import Chart
from tests.support.cases import EXECUTORS, HOST_KEY, Config, settings
from tests.support.manifests import Manifest, containers, pods

OWN_KEYS = f"[git.acme.com]:2222 {HOST_KEY}\n"
SSH_FILES = {"/etc/git-secret/ssh": "gitSshKey", "/etc/git-secret/known_hosts": "known_hosts"}
SSH = {
    **dict.fromkeys(("GIT_SSH_KEY_FILE", "GITSYNC_SSH_KEY_FILE"), "/etc/git-secret/ssh"),
    **dict.fromkeys(("GIT_SYNC_SSH", "GITSYNC_SSH", "GIT_KNOWN_HOSTS", "GITSYNC_SSH_KNOWN_HOSTS"), "true"),
    **dict.fromkeys(("GIT_SSH_KNOWN_HOSTS_FILE", "GITSYNC_SSH_KNOWN_HOSTS_FILE"), "/etc/git-secret/known_hosts"),
}
TOKEN = {
    name: f"airflow-git-credentials/{name}"
    for name in ("GIT_SYNC_USERNAME", "GITSYNC_USERNAME", "GIT_SYNC_PASSWORD", "GITSYNC_PASSWORD")
}
APP = {
    "GITSYNC_GITHUB_APP_PRIVATE_KEY": "airflow-github-app/githubAppPrivateKey",
    "GITSYNC_GITHUB_APP_INSTALLATION_ID": "12345678",
}


class Way(NamedTuple):
    """A type of access to a repository, and its variables of git-sync."""

    dags: Config
    access: dict[str, str]
    """Variables of the access. Those from a Secret are written as `secret/key`."""
    known_hosts: str | None = None


GITHUB_KEYS = known_hosts_for("github.com")
WAYS = {
    "a key, scp": Way({"repository": "git@github.com:acme/dags.git", "authentication": "sshKey"}, SSH, GITHUB_KEYS),
    "a key, ssh:// with a port": Way(
        {"repository": "ssh://git@git.acme.com:2222/acme/dags.git", "authentication": "sshKey", "knownHosts": OWN_KEYS}, SSH, OWN_KEYS),
    "a generated key, scp": Way({"repository": "git@gitlab.com:a/b/dags", "authentication": "generatedSshKey"}, SSH, known_hosts_for("gitlab.com")),
    "a generated key, ssh://": Way({"repository": "ssh://git@github.com/acme/dags"}, SSH, GITHUB_KEYS),
    "a token": Way({"repository": "https://github.com/acme/dags.git", "authentication": "token"}, TOKEN),
    "a token, a port": Way({"repository": "https://git.acme.com:8443/acme/dags", "authentication": "token"}, TOKEN),
    "a GitHub App": Way(
        {"repository": "https://github.com/acme/dags", "githubApp": {"applicationId": 123456, "installationId": 12345678}},
        {**APP, "GITSYNC_GITHUB_APP_APPLICATION_ID": "123456", "GITSYNC_GITHUB_BASE_URL": "https://api.github.com/"}),
    "a GitHub App of GitHub Enterprise": Way(
        {"repository": "https://ghe.acme.com/acme/dags", "githubApp": {"clientId": "Iv1.a", "installationId": 12345678}},
        {**APP, "GITSYNC_GITHUB_APP_CLIENT_ID": "Iv1.a", "GITSYNC_GITHUB_BASE_URL": "https://ghe.acme.com/api/v3/"}),
    "nothing": Way({"repository": "https://github.com/acme/dags.git", "authentication": "none"}, {}),
}  # fmt: skip

COMMIT = "0123456789abcdef0123456789abcdef01234567"
# Ref of the stack, then branch, revision and ref of git-sync: the branch wins over the ref, and only allows the revision HEAD.
REFS: list[tuple[Config, tuple[str, str, str]]] = [
    ({}, ("main", "HEAD", "main")),
    ({"branch": "release/2026.11"}, ("release/2026.11", "HEAD", "release/2026.11")),
    ({"tag": "v1"}, ("", "", "v1")),
    ({"commit": COMMIT}, ("", "", COMMIT)),
]

# Pods that read DAG files. The API server reads the DAGs from the database.
PODS = {
    "KubernetesExecutor": {"airflow-dag-processor", "airflow-triggerer"},
    "LocalExecutor": {"airflow-dag-processor", "airflow-triggerer", "airflow-scheduler"},
    "CeleryExecutor": {"airflow-dag-processor", "airflow-triggerer", "airflow-worker"},
}
CASES = {
    f"{way}, {executor}": (way, executor, REFS[turn % len(REFS)])
    for turn, (way, executor) in enumerate(product(WAYS, EXECUTORS))
}
every_case = pytest.mark.parametrize("case", CASES)


@cache
def rendered(case: str, chart: Path) -> list[Manifest]:
    way, executor, (ref, _) = CASES[case]
    found = settings(executor=executor, dags={**WAYS[way].dags, **ref})
    return helm_template(Chart(path=str(chart)), "airflow", "airflow", chart_values(found))


def git_sync(manifests: list[Manifest]) -> dict[str, Manifest]:
    return {name: container for name, container in containers(manifests) if "/git-sync" in name}


def variables(container: Manifest) -> dict[str, str]:
    """Variables of a container. Those from a Secret are written as `secret/key`."""
    found = {}
    for variable in container["env"]:
        reference = variable.get("valueFrom", {}).get("secretKeyRef")
        found[variable["name"]] = f"{reference['name']}/{reference['key']}" if reference else variable["value"]
    return found


def test_every_kind_of_ref_is_covered_with_every_executor() -> None:
    assert {(executor, ref[2]) for _, executor, (_, ref) in CASES.values()} == {
        (executor, ref[2]) for executor in EXECUTORS for _, ref in REFS
    }


@every_case
def test_only_pods_that_read_dag_files_have_git_sync(case: str, chart: Path) -> None:
    _, executor, _ = CASES[case]
    beside = {f"{pod}/{name}" for pod in PODS[executor] for name in ("git-sync-init", "git-sync")}
    # A task pod fetches its DAG file only once.
    task = {"task/git-sync-init"} if executor == "KubernetesExecutor" else set()
    assert git_sync(rendered(case, chart)).keys() == beside | task


@every_case
def test_git_sync_gets_repository_and_ref(case: str, chart: Path) -> None:
    way, _, (_, ref) = CASES[case]
    for name, container in git_sync(rendered(case, chart)).items():
        told = variables(container)
        assert told["GITSYNC_REPO"] == told["GIT_SYNC_REPO"] == WAYS[way].dags["repository"], name
        assert tuple(told.get(key, "") for key in ("GIT_SYNC_BRANCH", "GIT_SYNC_REV", "GITSYNC_REF")) == ref, name


@every_case
def test_git_sync_gets_only_its_own_credentials(case: str, chart: Path) -> None:
    way = WAYS[CASES[case][0]]
    words = ("SSH", "KNOWN", "USERNAME", "PASSWORD", "GITHUB")
    for name, container in git_sync(rendered(case, chart)).items():
        told = {key: value for key, value in variables(container).items() if any(word in key for word in words)}
        assert told == way.access, name
        files = {m["mountPath"]: m["subPath"] for m in container["volumeMounts"] if m["mountPath"] != "/git"}
        assert files == (SSH_FILES if way.known_hosts else {}), name


@every_case
def test_the_key_is_mounted_from_its_secret_and_the_host_keys_match_the_host(case: str, chart: Path) -> None:
    way, manifests = WAYS[CASES[case][0]], rendered(case, chart)
    with_git = {name.partition("/")[0] for name in git_sync(manifests)}
    for pod, template in pods(manifests):
        keys = [v["secret"] for v in template["spec"].get("volumes") or [] if v["name"] == "git-sync-ssh-key"]
        if pod in with_git and way.known_hosts:
            assert keys == [{"secretName": "airflow-ssh-secret", "defaultMode": 0o440}], pod
            assert template["spec"]["securityContext"]["fsGroup"] == 0, (
                "git-sync is in group 0, which must be able to read the key"
            )
    (config,) = (m["data"] for m in manifests if m["metadata"]["name"] == "airflow-config")
    assert config.get("known_hosts", "").strip() == (way.known_hosts or "").strip()
