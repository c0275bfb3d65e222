"""Where the DAGs come from: `dags.*` of the chart as `airflow:dags`."""

import re
from typing import Any

from airflow_stack.cli.adopt.credential_settings import existing
from airflow_stack.cli.adopt.model import Adoption, Given, Live
from airflow_stack.credentials import GIT_SSH_KEY, GIT_TOKEN
from airflow_stack.settings.images import AirflowImage


def dags(given: Given, adoption: Adoption, live: Live | None) -> None:
    """DAG settings; a source that has none stops the adoption."""
    claim = given.part("dags.persistence")
    if claim.get("enabled"):
        adoption.stops.append(
            "dags.persistence: DAGs on a volume have no setting. They come from git (airflow:dags.repository) or are in the image "
            "(airflow:dags.delivery image); the volume is left alone"
        )
    if given.take("dags.gitSync.enabled") is True:
        _git_sync(given, adoption, live)
    else:
        given.part("dags.gitSync")
        _without_git_sync(adoption)
    if given.take("dagProcessor.dagBundleConfigList"):
        adoption.stops.append(
            "dagProcessor.dagBundleConfigList: bundles are made from airflow:dags.delivery gitBundle, dags.repository and dags.moreRepositories; "
            "write those by hand, and call the bundle of dags.repository dags-folder"
        )


def _without_git_sync(adoption: Adoption) -> None:
    image = adoption.settings.get("images", {}).get("airflow", {})
    if image.get("repository") not in (None, AirflowImage().repository):
        adoption.put("dags.delivery", "image")
        adoption.settings["dags"]["path"] = ""
        adoption.advice.append(
            "dags: no git-sync and an image of your own, so the DAGs are taken to be in it: airflow:dags.delivery image"
        )
    else:
        adoption.put("dags.repository", "<repository>")
        adoption.advice.append(
            "dags: no git-sync, and no image of your own with DAGs in it: set airflow:dags.repository"
        )


def _git_sync(given: Given, adoption: Adoption, live: Live | None) -> None:
    def git(key: str, default: str = "") -> str:
        return given.text(f"dags.gitSync.{key}", default)

    repository = _without_password(git("repo", "https://github.com/apache/airflow.git"), adoption)
    adoption.put("dags.repository", repository or "<repository>")
    _ref(git("branch", "v2-2-stable"), git("ref"), git("rev"), adoption)
    adoption.settings["dags"]["path"] = git("subPath", "tests/dags").strip("/")
    if (depth := given.take("dags.gitSync.depth", 1)) != 1:
        adoption.put("dags.depth", depth)
    for key in ("period", "wait"):
        polled = given.take(f"dags.gitSync.{key}")
        adoption.drop(
            f"dags.gitSync.{key}", polled, "polling follows from airflow:dags.visibleWithinSeconds, 60 by default"
        )
    adoption.put("dags.knownHosts", git("knownHosts"))
    _access(git("sshKeySecret"), git("sshKey"), git("credentialsSecret"), given, adoption, live)


def _ref(branch: str, ref: str, rev: str, adoption: Adoption) -> None:
    if branch:
        adoption.put("dags.branch", branch)
        if ref and ref != branch:
            adoption.advice.append(
                f"dags.gitSync.ref: {ref!r} was never followed, for git-sync lets branch {branch!r} win; kept is the branch"
            )
        return
    pinned = rev if rev not in ("", "HEAD") else ref
    hexadecimal = re.fullmatch(r"[0-9a-f]{40}|[0-9a-f]{64}", pinned)
    adoption.put("dags.commit" if hexadecimal else "dags.tag", pinned)
    if pinned and not hexadecimal:
        adoption.advice.append(
            f"dags.gitSync.ref: {pinned!r} is taken for a tag; is it a branch, then use airflow:dags.branch"
        )


def _without_password(url: str, adoption: Adoption) -> str:
    """The URL without what stands before its host; a user who has no password may stay, as SSH needs one."""
    found = re.match(r"(https?://)[^/@]+@(.*)|(\w+://[^/@:]*):[^/@]*(@.*)", url, re.DOTALL)
    if not found:
        return url
    if found[1]:
        adoption.secrets[GIT_TOKEN.setting] = ""
        adoption.put("dags.authentication", "token")
    adoption.stops.append(
        "dags.gitSync.repo: the URL holds a password, which would stay in Helm's records; make a new token or key and set it as "
        "airflow:gitToken or airflow:gitSshKey"
    )
    return "".join(part for part in found.groups() if part)


def _access(
    ssh_secret: str,
    ssh_key: str,
    token_secret: str,
    given: Given,
    adoption: Adoption,
    live: Live | None,
) -> None:
    repository = adoption.settings["dags"]["repository"]
    if ssh_secret or ssh_key:
        adoption.put("dags.authentication", "sshKey")
        if live:
            existing(GIT_SSH_KEY, ssh_secret, adoption, live)
            return
        extra = given.part(f"extraSecrets.{ssh_secret}")
        inline = GIT_SSH_KEY.inline[0] if ssh_key else _key_of(ssh_secret, extra, GIT_SSH_KEY.key)
        adoption.secrets[GIT_SSH_KEY.setting] = inline or f"Secret {ssh_secret}, key {GIT_SSH_KEY.key}"
        if inline and not ssh_key:
            adoption.advice.append(
                f"extraSecrets.{ssh_secret}: the key is a stack secret now, encoded in Base64 or not; the program makes the Secret {GIT_SSH_KEY.secret} of it"
            )
    elif token_secret:
        adoption.put("dags.authentication", "token")
        if live:
            existing(GIT_TOKEN, token_secret, adoption, live)
            return
        extra = given.part(f"extraSecrets.{token_secret}")
        where = _key_of(token_secret, extra, GIT_TOKEN.key) or _key_of(token_secret, extra, "GIT_SYNC_PASSWORD")
        adoption.secrets[GIT_TOKEN.setting] = where or f"Secret {token_secret}, key {GIT_TOKEN.key}"
    elif not repository.startswith("http"):
        adoption.stops.append(
            f"dags.gitSync.repo: {repository} is reached by SSH, and no key is given; set the secret airflow:gitSshKey"
        )


def _key_of(secret: str, extra: dict[str, Any], key: str) -> str | None:
    """Path of one key in the chart's `extraSecrets`, whose data are text that holds YAML."""
    for part in ("data", "stringData"):
        if f"{key}:" in str(extra.get(part, "")):
            return f"extraSecrets.{secret}.{part}.{key}"
    return None
