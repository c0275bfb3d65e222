"""The source of the DAGs: `dags.*` of the chart as `airflow:dags`."""

import re
from dataclasses import dataclass

from airflow_stack.chart.delivery import BUNDLE
from airflow_stack.credentials import GIT_SSH_KEY, GIT_TOKEN
from airflow_stack.secret_forms import secret_text
from airflow_stack.settings.images import AirflowImage

from .credential_settings import keep_secret, name_secret
from .model import Adoption, ChartValues, InstalledRelease
from .text_values import text_at

_PLACE = "dags.gitSync"
_BUNDLES = "dagProcessor.dagBundleConfigList"


def convert_dags(values: ChartValues, adoption: Adoption, release: InstalledRelease | None) -> None:
    """DAG settings. A source without a setting is a blocker."""
    claim = values.take_object("dags.persistence")
    if claim.get("enabled"):
        adoption.stop(
            "dags.persistence",
            "DAGs on a volume have no setting. Deliver them from git (airflow:dags.repository) or in the image "
            "(airflow:dags.delivery image); the volume is not touched",
            "dags.repository",
            "dags.delivery",
        )
    else:
        adoption.drop("dags.persistence", claim, "is off, so its other values have no effect")
    if values.take_switch("dags.gitSync.enabled"):
        adoption.reach("dags.gitSync.enabled")
        _git_sync(values, adoption, release)
    else:
        adoption.drop("dags.gitSync", values.take_object("dags.gitSync"), "is off, so its other values have no effect")
        _without_git_sync(adoption)
    bundles = values.take("dagProcessor.dagBundleConfigList")
    if _is_default(bundles):
        adoption.note(_BUNDLES, "is the chart's default; the bundles follow from airflow:dags")
    elif bundles:
        adoption.stop(
            _BUNDLES,
            "bundles follow from airflow:dags.delivery gitBundle, dags.repository and dags.moreRepositories; "
            "write these settings by hand. The bundle of dags.repository is named dags-folder",
            "dags.delivery",
        )


def _is_default(bundles: object) -> bool:
    """Whether this is the list of the chart's values.yaml: the DAG folder alone."""
    only = bundles[0] if isinstance(bundles, list) and len(bundles) == 1 else None
    return (
        isinstance(only, dict) and only.get("name") == BUNDLE and str(only.get("classpath")).endswith(".LocalDagBundle")
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
        adoption.reach(f"{_PLACE}.{key}")
        return values.take_text(f"{_PLACE}.{key}", default)

    address = _Address.of(git("repo", "https://github.com/apache/airflow.git"))
    adoption.set("dags.repository", address.url or "<repository>")
    _ref(git("branch", "v2-2-stable"), git("ref"), git("rev"), adoption)
    adoption.settings["dags"]["path"] = git("subPath", "tests/dags").strip("/")
    depth = values.take(f"{_PLACE}.depth", 1)
    adoption.set("dags.depth", None if depth == 1 and not isinstance(depth, bool) else depth, f"{_PLACE}.depth")
    for key in ("period", "wait"):
        adoption.drop(
            f"{_PLACE}.{key}",
            values.take(f"{_PLACE}.{key}"),
            "airflow:dags.visibleWithinSeconds decides how often git is polled, 60 by default",
        )
    adoption.set("dags.knownHosts", git("knownHosts"))
    _access(git("sshKeySecret"), git("sshKey"), git("credentialsSecret"), address, values, adoption, release)


def _ref(branch: str, ref: str, rev: str, adoption: Adoption) -> None:
    """The ref that is followed.

    git-sync 3 clones the branch and checks out `rev`, a tag or a hash (kubernetes/git-sync#697). git-sync 4 refuses both together, and follows
    `ref`; it prefers the deprecated `branch`.
    """
    full_ref = ref if rev in ("", "HEAD") else rev
    branch, ref, rev = (each.removeprefix("refs/heads/") for each in (branch, ref, rev))
    if not branch and full_ref.startswith("refs/heads/"):
        branch = ref
    pinned = (rev if rev not in ("", "HEAD", branch) else "" if branch else ref).removeprefix("refs/tags/")
    if branch and not pinned:
        adoption.set("dags.branch", branch)
        if ref and ref != branch:
            adoption.notes.append(
                f"{_PLACE}.ref: {ref!r} was never followed, because git-sync prefers branch {branch!r}; the branch is kept"
            )
        return
    hexadecimal = re.fullmatch(r"[0-9a-f]{40}|[0-9a-f]{64}", pinned)
    if not hexadecimal and re.fullmatch(r"(?=.*\d)[0-9a-f]{7,39}", pinned):
        adoption.stop(
            f"{_PLACE}.{'rev' if rev else 'ref'}",
            f"{pinned} looks like a part of a commit hash; write all of it to airflow:dags.commit",
            "dags.commit",
            "dags.tag",
        )
    adoption.set("dags.commit" if hexadecimal else "dags.tag", pinned)
    if branch:
        adoption.notes.append(
            f"{_PLACE}.rev: {pinned!r} was checked out of branch {branch!r} by git-sync 3, so it is kept; for the branch use airflow:dags.branch"
        )
    elif pinned and not hexadecimal and not full_ref.startswith("refs/tags/"):
        adoption.notes.append(f"{_PLACE}.ref: {pinned!r} is assumed to be a tag; for a branch use airflow:dags.branch")


@dataclass(frozen=True)
class _Address:
    """URL of the repository without a password or token."""

    url: str
    username: str = ""
    """User of HTTPS, which is no token."""
    had_secret: bool = False

    @classmethod
    def of(cls, url: str) -> "_Address":
        match = re.match(r"(?P<scheme>https?://)(?P<user>[^/@:]*)(?P<password>:.*)?@(?P<rest>[^@]*)$", url, re.DOTALL)
        if match:
            user, password = match["user"], match["password"]
            is_token = not password and secret_text(f"{match['scheme']}{user}@")
            name = "" if is_token or secret_text(user) else user
            return cls(match["scheme"] + match["rest"], name, bool(password or is_token or secret_text(user)))
        if match := re.match(r"(\w+://[^/@:]*):[^/@]*(@.*)", url, re.DOTALL):  # the username of SSH stays
            return cls(match[1] + match[2], had_secret=True)
        return cls("", had_secret=True) if secret_text(url) else cls(url)


def _access(
    ssh_secret: str,
    ssh_key: str,
    token_secret: str,
    address: _Address,
    values: ChartValues,
    adoption: Adoption,
    release: InstalledRelease | None,
) -> None:
    if address.had_secret:
        if address.url.startswith("http"):
            adoption.secrets[GIT_TOKEN.setting] = ""
            adoption.set("dags.authentication", "token")
        adoption.stop(
            f"{_PLACE}.repo",
            "the URL contains a password, which Helm's records keep; create a new token or key and set it as airflow:gitToken or airflow:gitSshKey",
            "dags.repository",
        )
    if token_secret and address.url.startswith("http"):
        for key, given in (("sshKeySecret", ssh_secret), ("sshKey", ssh_key)):
            adoption.drop(f"{_PLACE}.{key}", given, "is left out, because the repository has an HTTPS URL")
        ssh_secret = ssh_key = ""
    if ssh_secret or ssh_key:
        adoption.drop(f"{_PLACE}.credentialsSecret", token_secret, "is left out, because the SSH key wins")
        adoption.set("dags.authentication", "sshKey")
        if release:
            keep_secret(GIT_SSH_KEY, ssh_secret, adoption, release)
            return
        place = GIT_SSH_KEY.inline[0] if ssh_key else _inline(ssh_secret, GIT_SSH_KEY.key, values, adoption)
        if place:
            adoption.secrets[GIT_SSH_KEY.setting] = place
        else:
            name_secret(GIT_SSH_KEY, ssh_secret, adoption)
    elif token_secret:
        adoption.set("dags.authentication", "token")
        if release:
            keep_secret(GIT_TOKEN, token_secret, adoption, release)
            return
        keys = (GIT_TOKEN.key, "GIT_SYNC_PASSWORD")  # of git-sync 4 and 3
        place = next((place for key in keys if (place := _inline(token_secret, key, values, adoption))), "")
        if not place:
            name_secret(GIT_TOKEN, token_secret, adoption)
            return
        adoption.secrets[GIT_TOKEN.setting] = place
        users = (place.rpartition(".")[0] + key for key in (".GITSYNC_USERNAME", ".GIT_SYNC_USERNAME"))
        user = next(
            (found for path in users if (found := text_at({"extraSecrets": values.get("extraSecrets", {})}, path))),
            address.username,
        )
        adoption.set("dags.username", user)
    elif address.username:
        if address.had_secret:
            adoption.set("dags.username", address.username)
        else:
            adoption.notes.append(
                f"{_PLACE}.repo: the user in the URL is left out; without a password it has no effect"
            )
    elif not adoption.settings["dags"]["repository"].startswith(("http", "<")):
        adoption.stop(
            f"{_PLACE}.repo",
            f"{adoption.settings['dags']['repository']} is reached by SSH, and the values have no key; set the secret airflow:gitSshKey",
            "dags.authentication",
            "existingSecrets.gitSshKey",
        )


def _inline(secret: str, key: str, values: ChartValues, adoption: Adoption) -> str:
    """Path of one key in the chart's `extraSecrets`; empty if the file does not contain it, or not as a text in Base64."""
    for part in ("data", "stringData"):
        path = f"extraSecrets.{secret}.{part}.{key}"
        if found := text_at({"extraSecrets": values.get("extraSecrets", {})}, path):
            if "{{" in found:
                adoption.stop(
                    f"extraSecrets.{secret}",
                    f"its key {key} is a template; write the value there, or create the Secret yourself and leave it out",
                )
                return ""
            adoption.note(
                f"extraSecrets.{secret}",
                f"its key {key} becomes a stack secret, decoded if it is in Base64; the program creates its own Secret with it",
            )
            return path
    return ""
