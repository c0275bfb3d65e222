"""Delivery of the DAGs: all chart values that depend on `dags.delivery`. Pure, like `values.py`.

Every setting has the same meaning with each delivery (docs/decisions/0007, tests/unit/chart/test_delivery.py). This module names the Secrets of
git bundles; `parts/git_bundle.py` creates them.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from airflow_stack import names
from airflow_stack.choices import DagDelivery, Executor, GitAuthentication
from airflow_stack.credentials import GIT_CONNECTIONS, GIT_SSH_KEY, GITHUB_APP_PRIVATE_KEY, Credential, needed_by
from airflow_stack.git import polling
from airflow_stack.git.hosts import github_api
from airflow_stack.git.known_hosts import known_hosts_for
from airflow_stack.git.url import GitUrl
from airflow_stack.settings.dags import DagRepository, Dags, GithubApp
from airflow_stack.settings.models import Settings

from . import pod_security, sizes

Values = dict[str, Any]

BUNDLE = "dags-folder"
"""Bundle of `dags.repository` with every delivery: Airflow's own name for the DAG folder. Runs and queued tasks name their bundle, so one name lets
them outlive a change of the delivery."""
FOLDER = "/opt/airflow/git"
"""Mount path of the keys and host keys of git bundles."""
IMAGE_FOLDER = "/opt/airflow/dags"
_READABLE = 0o440  # for the group, which is Airflow's
_SSH = (GitAuthentication.SSH_KEY, GitAuthentication.GENERATED_SSH_KEY)


@dataclass(frozen=True)
class Bundle:
    """One repository as an Airflow git bundle."""

    name: str
    source: DagRepository
    key_secret: str
    """Secret with its private key, over SSH."""

    @property
    def connection(self) -> str:
        """Airflow connection id."""
        return f"{names.GIT_CONNECTION}_{self.name}".replace("-", "_")

    @property
    def tracking_ref(self) -> str:
        """Ref that the bundle follows. A bare tag name would mean the branch of that name, if one exists (GitDagBundle.refresh)."""
        return f"refs/tags/{self.source.tag}" if self.source.tag else self.source.ref


def bundles(dags: Dags, key_secret: str = GIT_SSH_KEY.secret) -> list[Bundle]:
    """Repositories delivered as git bundles.

    Args:
        dags: Settings of the DAGs.
        key_secret: Secret with the SSH key of `dags.repository`.
    """
    if dags.delivery is not DagDelivery.GIT_BUNDLE:
        return []
    # Git hosts accept a deploy key for one repository only.
    own = dags.authentication is GitAuthentication.GENERATED_SSH_KEY
    return [
        Bundle(BUNDLE, dags, key_secret),
        *(
            Bundle(name, source, f"{key_secret}-{name}" if own else key_secret)
            for name, source in sorted(dags.more_repositories.items())
        ),
    ]


def known_hosts(dags: Dags) -> str:
    """Host keys of the repositories with SSH URLs: `dags.knownHosts`, or the published ones."""
    if dags.known_hosts:
        return dags.known_hosts
    urls = [GitUrl.parse(source.repository) for source in (dags, *dags.more_repositories.values())]
    published = dict.fromkeys(known_hosts_for(url.host, url.port) or "" for url in urls if url.is_ssh)
    return "".join(published)


def delivery_values(settings: Settings) -> Values:
    """Chart values for the delivery of the DAGs."""
    dags = settings.dags
    if dags.delivery is DagDelivery.IMAGE:
        folder = dags.path if dags.path.startswith("/") else f"{IMAGE_FOLDER}/{dags.path}".rstrip("/")
        return {"config": {"core": {"dags_folder": escaped(folder)}}}
    intervals = polling.spend(dags.visible_within_seconds, dags.delivery)
    dag_processor = {"refresh_interval": intervals.refresh, "min_file_process_interval": intervals.parse}
    config = {"config": {"dag_processor": dag_processor}}
    if dags.delivery is DagDelivery.GIT_SYNC:
        return {**config, "dags": {"gitSync": _git_sync(settings, intervals)}}
    return {**config, **_git_bundles(settings, intervals)}


def connection_variables(dags: Dags) -> list[tuple[str, str, str]]:
    """Environment variable, Secret and data key of each bundle's connection."""
    return [(f"AIRFLOW_CONN_{each.connection.upper()}", GIT_CONNECTIONS.secret, each.name) for each in bundles(dags)]


def git_credential(dags: Dags) -> Credential | None:
    """The credential with which pods read the repository."""
    return GIT_SSH_KEY if dags.authentication in _SSH else next(iter(needed_by(dags.authentication)), None)


def secrets_read(dags: Dags) -> tuple[str, ...]:
    """Secrets that every Airflow container reads for git bundles."""
    all_bundles = bundles(dags)
    keys = [each.key_secret for each in all_bundles] if dags.authentication in _SSH else []
    return (GIT_CONNECTIONS.secret, *dict.fromkeys(keys)) if all_bundles else ()


def polls_per_hour(settings: Settings) -> dict[str, int]:
    """Maximum number of logins per hour, by git host; empty for DAGs in the image."""
    dags, found = settings.dags, dict[str, int]()
    numbers = sizes.preset(settings.size, settings.executor).override(settings.components)
    pods = polling.pollers(
        dags.delivery,
        settings.executor,
        dag_processors=numbers.dag_processor.replicas,
        triggerers=numbers.triggerer.replicas,
        schedulers=numbers.scheduler.replicas,
        workers=numbers.workers.replicas,
    )
    if not pods:
        return found
    intervals = polling.spend(dags.visible_within_seconds, dags.delivery)
    for source in (dags, *dags.more_repositories.values()):
        host = GitUrl.parse(source.repository).host
        # A commit cannot move: after the first fetch neither git-sync nor the bundle polls.
        found[host] = found.get(host, 0) + (0 if source.commit else polling.polls_per_hour(pods, intervals.poll))
    return found


def poll_warnings(settings: Settings) -> Iterator[str]:
    """Warnings about polls near the limit of a git host."""
    ssh = settings.dags.authentication in _SSH
    for host, polls in polls_per_hour(settings).items():
        if text := polling.warning(host, ssh=ssh, polls=polls):
            yield text


def followed(settings: Settings) -> str:
    """Source of the DAGs, as messages describe it."""
    dags = settings.dags
    if dags.delivery is DagDelivery.IMAGE:
        return f"DAGs in the image {settings.images.reference(settings.images.airflow)}"
    polls = sum(polls_per_hour(settings).values())
    more = "".join(f" and {each.ref} in {each.repository}" for each in dags.more_repositories.values())
    return (
        f"DAGs of {dags.ref} in {dags.repository}{more}, visible within {dags.visible_within_seconds} s "
        f"({polls} polls of the git host an hour)"
    )


def with_git_sync(dags: Dags, executor: Executor) -> tuple[str, ...]:
    """Chart values of the components whose pods have git-sync (chart 1.22.0)."""
    if dags.delivery is not DagDelivery.GIT_SYNC:
        return ()
    more = {Executor.LOCAL: ("scheduler",), Executor.CELERY: ("workers.celery",)}
    return "dagProcessor", "triggerer", *more.get(executor, ())


def _git_sync(settings: Settings, intervals: polling.Intervals) -> Values:
    dags = settings.dags
    # git-sync prefers the deprecated `branch` to `ref`: both name the branch, or `branch` is empty for a tag or commit
    # (apache/airflow#42918; with rev HEAD an empty branch would be fatal).
    branch, rev = (dags.ref, "HEAD") if dags.follows_branch else ("", "")
    values: Values = {
        "enabled": True,
        "repo": dags.repository,
        "branch": branch,
        "ref": dags.ref,
        "rev": rev,
        "subPath": escaped(dags.path),
        "depth": dags.depth,
        "period": f"{intervals.poll}s",
        # No limit (git-sync 4.4.2, main.go). With a limit, a long outage of the git host fails starting tasks, and sidecars crash-loop until
        # minutes after it. The default 0 ends at the first failed poll.
        "maxFailures": -1,
        "resources": sizes.GIT_SYNC.as_kubernetes(),
        "securityContexts": {"container": {**pod_security.CONTAINER, "runAsUser": 65533, "runAsNonRoot": True}},
    }
    if dags.authentication in _SSH:
        return {**values, "knownHosts": known_hosts(dags)}
    if dags.github_app:
        secret = settings.existing_secrets.github_app_private_key or GITHUB_APP_PRIVATE_KEY.secret
        return {**values, "env": _github_app(dags.github_app, GitUrl.parse(dags.repository), secret)}
    return values


def _github_app(app: GithubApp, url: GitUrl, secret: str) -> list[Values]:
    """Environment variables of git-sync 4.3 and newer (main.go, `github-app-...`); the chart has no values for them."""
    key = {"secretKeyRef": {"name": secret, "key": GITHUB_APP_PRIVATE_KEY.key}}
    identity = ("CLIENT_ID", app.client_id) if app.client_id else ("APPLICATION_ID", str(app.application_id))
    return [
        {"name": "GITSYNC_GITHUB_APP_PRIVATE_KEY", "valueFrom": key},
        {"name": f"GITSYNC_GITHUB_APP_{identity[0]}", "value": identity[1]},
        {"name": "GITSYNC_GITHUB_APP_INSTALLATION_ID", "value": str(app.installation_id)},
        {"name": "GITSYNC_GITHUB_BASE_URL", "value": app.base_url or github_api(url)},
    ]


def _git_bundles(settings: Settings, intervals: polling.Intervals) -> Values:
    dags = settings.dags
    all_bundles = bundles(dags, settings.existing_secrets.git_ssh_key or GIT_SSH_KEY.secret)
    values: Values = {"dagProcessor": {"dagBundleConfigList": [_git_bundle(each, intervals) for each in all_bundles]}}
    if dags.authentication not in _SSH:
        return values
    files = [("git-hosts", GIT_CONNECTIONS.secret, name, name) for name in ("known_hosts", "ssh_config")]
    files += [(f"git-key-{each.name}", each.key_secret, GIT_SSH_KEY.key, each.name) for each in all_bundles]
    volumes = {volume: {"secretName": secret, "defaultMode": _READABLE} for volume, secret, _, _ in files}
    return {
        **values,
        "volumes": [{"name": volume, "secret": source} for volume, source in volumes.items()],
        "volumeMounts": [
            {"name": volume, "mountPath": f"{FOLDER}/{file}", "subPath": key, "readOnly": True}
            for volume, _, key, file in files
        ],
    }


def _git_bundle(bundle: Bundle, intervals: polling.Intervals) -> Values:
    kwargs: Values = {
        "git_conn_id": bundle.connection,
        "tracking_ref": bundle.tracking_ref,
        "refresh_interval": polling.bundle_refresh(intervals, moves=not bundle.source.commit),
    }
    if bundle.source.path:
        kwargs["subdir"] = bundle.source.path
    kwargs = {key: escaped(value) if isinstance(value, str) else value for key, value in kwargs.items()}
    return {"name": bundle.name, "classpath": "airflow.providers.git.bundles.git.GitDagBundle", "kwargs": kwargs}


def escaped(text: str) -> str:
    """Escape a text for airflow.cfg, which interpolates `%`."""
    return text.replace("%", "%%")
