"""The source of the DAGs: `dags.*` of the chart as `airflow:dags`."""

import re
from typing import Any

from airflow_stack.credentials import GIT_SSH_KEY, GIT_TOKEN
from airflow_stack.settings.images import AirflowImage

from .credential_settings import keep_secret
from .model import Adoption, ChartValues, InstalledRelease


def convert_dags(values: ChartValues, adoption: Adoption, release: InstalledRelease | None) -> None:
    """DAG settings. A source without a setting is a blocker."""
    claim = values.take_object("dags.persistence")
    if claim.get("enabled"):
        adoption.blockers.append(
            "dags.persistence: DAGs on a volume have no setting. Deliver them from git (airflow:dags.repository) or in the image "
            "(airflow:dags.delivery image); the volume is not touched"
        )
    if values.take("dags.gitSync.enabled") is True:
        _git_sync(values, adoption, release)
    else:
        values.take_object("dags.gitSync")
        _without_git_sync(adoption)
    if values.take("dagProcessor.dagBundleConfigList"):
        adoption.blockers.append(
            "dagProcessor.dagBundleConfigList: bundles follow from airflow:dags.delivery gitBundle, dags.repository and dags.moreRepositories; "
            "write these settings by hand. The bundle of dags.repository is named dags-folder"
        )


def _without_git_sync(adoption: Adoption) -> None:
    image = adoption.settings.get("images", {}).get("airflow", {})
    if image.get("repository") not in (None, AirflowImage().repository):
        adoption.set("dags.delivery", "image")
        adoption.settings["dags"]["path"] = ""
        adoption.notes.append(
            "dags: no git-sync and a custom image, so the DAGs are assumed to be in it: airflow:dags.delivery image"
        )
    else:
        adoption.set("dags.repository", "<repository>")
        adoption.notes.append("dags: neither git-sync nor a custom image with DAGs: set airflow:dags.repository")


def _git_sync(values: ChartValues, adoption: Adoption, release: InstalledRelease | None) -> None:
    def git(key: str, default: str = "") -> str:
        return values.take_text(f"dags.gitSync.{key}", default)

    repository = _without_password(git("repo", "https://github.com/apache/airflow.git"), adoption)
    adoption.set("dags.repository", repository or "<repository>")
    _ref(git("branch", "v2-2-stable"), git("ref"), git("rev"), adoption)
    adoption.settings["dags"]["path"] = git("subPath", "tests/dags").strip("/")
    if (depth := values.take("dags.gitSync.depth", 1)) != 1:
        adoption.set("dags.depth", depth)
    for key in ("period", "wait"):
        polled = values.take(f"dags.gitSync.{key}")
        adoption.drop(
            f"dags.gitSync.{key}",
            polled,
            "airflow:dags.visibleWithinSeconds decides how often git is polled, 60 by default",
        )
    adoption.set("dags.knownHosts", git("knownHosts"))
    _access(git("sshKeySecret"), git("sshKey"), git("credentialsSecret"), values, adoption, release)


def _ref(branch: str, ref: str, rev: str, adoption: Adoption) -> None:
    if branch:
        adoption.set("dags.branch", branch)
        if ref and ref != branch:
            adoption.notes.append(
                f"dags.gitSync.ref: {ref!r} was never followed, because git-sync prefers branch {branch!r}; the branch is kept"
            )
        return
    pinned = rev if rev not in ("", "HEAD") else ref
    hexadecimal = re.fullmatch(r"[0-9a-f]{40}|[0-9a-f]{64}", pinned)
    adoption.set("dags.commit" if hexadecimal else "dags.tag", pinned)
    if pinned and not hexadecimal:
        adoption.notes.append(
            f"dags.gitSync.ref: {pinned!r} is assumed to be a tag; for a branch use airflow:dags.branch"
        )


def _without_password(url: str, adoption: Adoption) -> str:
    """The URL without a password or token; a username for SSH stays."""
    match = re.match(r"(https?://)[^/@]+@(.*)|(\w+://[^/@:]*):[^/@]*(@.*)", url, re.DOTALL)
    if not match:
        return url
    if match[1]:
        adoption.secrets[GIT_TOKEN.setting] = ""
        adoption.set("dags.authentication", "token")
    adoption.blockers.append(
        "dags.gitSync.repo: the URL contains a password, which Helm's records keep; create a new token or key and set it as "
        "airflow:gitToken or airflow:gitSshKey"
    )
    return "".join(part for part in match.groups() if part)


def _access(
    ssh_secret: str,
    ssh_key: str,
    token_secret: str,
    values: ChartValues,
    adoption: Adoption,
    release: InstalledRelease | None,
) -> None:
    repository = adoption.settings["dags"]["repository"]
    if ssh_secret or ssh_key:
        adoption.set("dags.authentication", "sshKey")
        if release:
            keep_secret(GIT_SSH_KEY, ssh_secret, adoption, release)
            return
        extra = values.take_object(f"extraSecrets.{ssh_secret}")
        inline = GIT_SSH_KEY.inline[0] if ssh_key else _key_of(ssh_secret, extra, GIT_SSH_KEY.key)
        adoption.secrets[GIT_SSH_KEY.setting] = inline or f"Secret {ssh_secret}, key {GIT_SSH_KEY.key}"
        if inline and not ssh_key:
            adoption.notes.append(
                f"extraSecrets.{ssh_secret}: the key becomes a stack secret, encoded in Base64 or not; the program creates the Secret {GIT_SSH_KEY.secret} with it"
            )
    elif token_secret:
        adoption.set("dags.authentication", "token")
        if release:
            keep_secret(GIT_TOKEN, token_secret, adoption, release)
            return
        extra = values.take_object(f"extraSecrets.{token_secret}")
        place = _key_of(token_secret, extra, GIT_TOKEN.key) or _key_of(token_secret, extra, "GIT_SYNC_PASSWORD")
        adoption.secrets[GIT_TOKEN.setting] = place or f"Secret {token_secret}, key {GIT_TOKEN.key}"
    elif not repository.startswith("http"):
        adoption.blockers.append(
            f"dags.gitSync.repo: {repository} is reached by SSH, and the values have no key; set the secret airflow:gitSshKey"
        )


def _key_of(secret: str, extra: dict[str, Any], key: str) -> str | None:
    """Path of one key in the chart's `extraSecrets`, whose data are texts that contain YAML."""
    for part in ("data", "stringData"):
        if f"{key}:" in str(extra.get(part, "")):
            return f"extraSecrets.{secret}.{part}.{key}"
    return None
