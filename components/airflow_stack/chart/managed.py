"""The table of chart values that a stack's `values` cannot set, each with the setting to use instead. Pure data; `check.py` and `adopt` read it.

Facts are from chart 1.22.0 (values.yaml and templates). `tests/render/test_every_value.py` changes each value of the chart, with each executor:
the value takes effect, or a row here names it.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from pydantic.alias_generators import to_snake

from airflow_stack.choices import DagDelivery
from airflow_stack.credentials import CREDENTIALS
from airflow_stack.settings.models import Settings

Condition = Callable[[Settings], bool]


def _always(_: Settings) -> bool:
    return True


def _isolated(settings: Settings) -> bool:
    return settings.isolated


def _trusted(settings: Settings) -> bool:
    return not settings.isolated


def _login(settings: Settings) -> bool:
    return settings.access.login is not None


def _git_sync(settings: Settings) -> bool:
    return settings.dags.delivery is DagDelivery.GIT_SYNC


def _git_bundle(settings: Settings) -> bool:
    return settings.dags.delivery is DagDelivery.GIT_BUNDLE


def _address(settings: Settings) -> bool:
    return settings.web.host is not None


def _placed(field: str) -> Condition:
    return lambda settings: bool(getattr(settings.placement, field))


@dataclass(frozen=True)
class Managed:
    """A chart value that `values` cannot set, with everything below it.

    Args:
        path: Path of the value, such as `dags.gitSync.repo`.
        use: What to use instead: a setting such as `airflow:executor`, or a sentence without capital and stop.
        reason: Rest of a sentence that begins with the path.
        harmless: The value that may be given all the same; None: none.
        when: Whether a stack with these settings refuses it.
    """

    path: str
    use: str
    reason: str = "is set by the program"
    harmless: object = None
    when: Condition = _always

    @property
    def step(self) -> str:
        """Step of a fix."""
        return f"use the setting {self.use}" if self.use.startswith("airflow:") else self.use


KEPT_FROM_TASKS = (
    "AIRFLOW__CORE__FERNET_KEY AIRFLOW__DATABASE__SQL_ALCHEMY_CONN AIRFLOW_CONN_AIRFLOW_DB AIRFLOW__API__SECRET_KEY"
).split()
"""Variables that the chart sets in every container, task pods included (`_helpers.yaml`, standard_airflow_environment)."""
_TASKS = "airflow:security.tasks"
_JOBS_TOO = "would change the release, but not the program's Jobs"
_DATABASE = "airflow:database"
_FULL_NAME = "airflow:namespace"
_WITHOUT_VARIABLE = "would remove a variable that every Airflow container reads"


def _rows() -> Iterator[Managed]:
    # fmt: off
    yield Managed("executor", "airflow:executor")
    yield Managed("config.core.executor", "airflow:executor")
    for path in ("apiServer.apiServerConfig", "apiServer.apiServerConfigConfigMapName", "webserver.webserverConfig", "webserver.webserverConfigConfigMapName", "config.fab.config_file"):
        yield Managed(path, "airflow:access.login", "would replace the generated webserver_config.py, and with it the decision who may log in", when=_login)
    yield Managed("config.core.auth_manager", "leave it out", "would switch airflow:access.login off, which is a configuration of FAB", when=_login)
    for path in ("config.fab.session_lifetime_minutes", "config.api_auth.jwt_expiration_time"):
        yield Managed(path, "airflow:access.login.sessionHours", when=_login)
    yield Managed("config.fab.cookie_secure", "leave it out", "would send the cookie of a session over plain HTTP", harmless="True", when=_login)
    yield Managed("airflowVersion", "airflow:images.airflow")
    for path in ("defaultAirflowRepository", "defaultAirflowTag", "defaultAirflowDigest", "images.airflow.repository", "images.airflow.tag", "images.airflow.digest"):
        yield Managed(path, "airflow:images.airflow", _JOBS_TOO)
    for chart_name in ("gitSync", "statsd", "redis"):
        for part in ("repository", "tag"):
            yield Managed(f"images.{chart_name}.{part}", f"airflow:images.{chart_name}")
    yield Managed("imagePullSecrets", "airflow:images.pullSecrets", _JOBS_TOO)
    yield Managed("registry.secretName", "airflow:images.pullSecrets", _JOBS_TOO)
    yield Managed("env", "airflow:environment")
    yield Managed("secret", "airflow:environmentFrom")
    yield Managed("labels", "airflow:labels", "would label the release, but not the program's own objects")
    for path in ("fullnameOverride", "nameOverride", "useStandardNaming"):
        yield Managed(path, _FULL_NAME)
    for each in CREDENTIALS:
        if each.chart_value:
            setting = f"airflow:existingSecrets.{each.setting}"
            yield Managed(each.chart_value, setting, "names a Secret that the program's Jobs and checksums would not follow")
    yield Managed("createUserJob.enabled", "airflow:admin.create")
    yield Managed("migrateDatabaseJob.enabled", "airflow:images", harmless=False)
    for each in CREDENTIALS:
        for variable in each.variables:
            use, path = f"airflow:existingSecrets.{each.setting}" if each.existing else "leave it on", f"enableBuiltInSecretEnvVars.{variable}"
            kept_from_tasks = variable in KEPT_FROM_TASKS
            yield Managed(path, use, _WITHOUT_VARIABLE, harmless=True, when=_trusted if kept_from_tasks else _always)
            if kept_from_tasks:
                yield Managed(path, _TASKS, "would put it into every container that runs tasks", harmless=False, when=_isolated)
    yield from _isolation()
    yield Managed("networkPolicies.enabled", "keep the policies: `apiServer.networkPolicy.ingress.from` admits more clients",
                  "would remove the policies that admit connections, and the namespace's own policy still denies all others", harmless=True)
    yield Managed("postgresql.enabled", _DATABASE, "would run a second database, which Airflow does not use", harmless=False,
                  when=lambda settings: settings.makes_database)
    yield Managed("pgbouncer.enabled", "airflow:existingSecrets.metadataConnection, with the address of PgBouncer",
                  "would run a PgBouncer that Airflow does not use: the connection is in the program's Secret", harmless=False,
                  when=lambda settings: not settings.existing_secrets.metadata_connection)
    yield Managed("redis.enabled", "airflow:existingSecrets.brokerUrl for a broker of your own, airflow:executor for none")
    for component, reason in (("apiServer", "tasks reach Airflow only through the API server"), ("scheduler", "nothing would run"),
                              ("dagProcessor", "no DAG would be read")):
        yield Managed(f"{component}.enabled", "leave it on", f"would remove it, and {reason}", harmless=True)
    for key in ("enabled", "existingClaim", "size", "storageClassName", "annotations"):
        yield Managed(f"logs.persistence.{key}", "airflow:logs.volume", when=lambda settings: settings.logs.volume is not None)
    for key, setting in {"enabled": "ingress", "hosts": "host", "host": "host", "tls": "tls", "ingressClassName": "ingress.className"}.items():
        yield Managed(f"ingress.apiServer.{key}", f"airflow:web.{setting}", "would open an address that base_url and the network policies do not know")
    yield Managed("ingress.enabled", "airflow:web.ingress", "is deprecated, and would open addresses that the network policies do not know")
    yield Managed("ingress.apiServer.path", "airflow:web.path", "would differ from the path in base_url", when=_address)
    yield Managed("config.api.base_url", "airflow:web.host, with airflow:web.path and airflow:web.tls", "follows from the address", when=_address)
    for field in ("nodeSelector", "tolerations", "affinity", "topologySpreadConstraints"):
        yield Managed(field, f"airflow:placement.{field}", "is set by airflow:placement",
                      when=_placed(to_snake(field)))
    yield from _dags()
    # fmt: on


def _isolation() -> Iterator[Managed]:
    yield Managed(
        "allowPodLaunching",
        _TASKS,
        "would let tasks create pods, and so read every Secret",
        harmless=False,
        when=_isolated,
    )
    yield Managed(
        "allowJobLaunching",
        _TASKS,
        "would let tasks create Jobs, and so read every Secret",
        harmless=False,
        when=_isolated,
    )
    for key in (
        "apiServer",
        "scheduler",
        "dagProcessor",
        "triggerer",
        "workers",
        "workers.celery",
        "workers.kubernetes",
        "statsd",
        "redis",
    ):
        path = f"{key}.serviceAccount.automountServiceAccountToken"
        yield Managed(
            path,
            "airflow:security.podNamespaces",
            "decides who calls the Kubernetes API, which the program limits",
            when=_isolated,
        )
    for key in ("apiServer", "scheduler", "dagProcessor", "triggerer", "workers", "workers.celery"):
        yield Managed(
            f"{key}.waitForMigrations.enabled",
            "leave it off: the program migrates the database before the pods start",
            "would wait without an address of the database, which the chart cannot give it alone",
            harmless=False,
            when=_isolated,
        )
    for path in ("workers.args", "workers.celery.args"):
        yield Managed(path, "leave it out", "would start a second server of task logs", when=_isolated)


def _dags() -> Iterator[Managed]:
    yield Managed("dags.gitSync.enabled", "airflow:dags.delivery")
    yield Managed("dags.gitSync.repo", "airflow:dags.repository")
    yield Managed("dags.gitSync.branch", "airflow:dags.branch")
    for key in ("ref", "rev"):
        yield Managed(f"dags.gitSync.{key}", "airflow:dags.branch, airflow:dags.tag or airflow:dags.commit")
    yield Managed("dags.gitSync.subPath", "airflow:dags.path", when=_git_sync)
    yield Managed("dags.gitSync.depth", "airflow:dags.depth", when=_git_sync)
    for key in ("period", "wait"):
        yield Managed(f"dags.gitSync.{key}", "airflow:dags.visibleWithinSeconds", when=_git_sync)
    yield Managed("dags.gitSync.knownHosts", "airflow:dags.knownHosts", when=_git_sync)
    yield Managed(
        "dags.persistence.enabled",
        "airflow:dags.delivery",
        "would put a volume in the place of each pod's own clone",
        harmless=False,
    )
    yield Managed("config.core.dags_folder", "airflow:dags.path")
    yield Managed("config.dag_processor.dag_bundle_config_list", "airflow:dags", when=_git_bundle)
    yield Managed("dagProcessor.dagBundleConfigList", "airflow:dags.moreRepositories", when=_git_bundle)


MANAGED: tuple[Managed, ...] = tuple(_rows())
"""The chart values that `values` cannot set."""


_REF = "airflow:dags.branch, airflow:dags.tag or airflow:dags.commit"
GIT_SYNC_VARIABLES: Mapping[str, str] = {
    **dict.fromkeys(("GITSYNC_REPO", "GIT_SYNC_REPO"), "airflow:dags.repository"),
    **dict.fromkeys(("GITSYNC_REF", "GIT_SYNC_REV", "GIT_SYNC_BRANCH"), _REF),
    **dict.fromkeys(("GITSYNC_DEPTH", "GIT_SYNC_DEPTH"), "airflow:dags.depth"),
    **dict.fromkeys(("GITSYNC_PERIOD", "GIT_SYNC_WAIT"), "airflow:dags.visibleWithinSeconds"),
    **dict.fromkeys(("GITSYNC_USERNAME", "GIT_SYNC_USERNAME"), "airflow:dags.username"),
    **dict.fromkeys(("GITSYNC_PASSWORD", "GIT_SYNC_PASSWORD"), "airflow:gitToken"),
    **dict.fromkeys(("GITSYNC_SSH_KEY_FILE", "GIT_SSH_KEY_FILE"), "airflow:gitSshKey"),
    **dict.fromkeys(("GITSYNC_SSH_KNOWN_HOSTS_FILE", "GIT_SSH_KNOWN_HOSTS_FILE"), "airflow:dags.knownHosts"),
    **dict.fromkeys(
        ("GITSYNC_ROOT", "GIT_SYNC_ROOT", "GITSYNC_LINK", "GIT_SYNC_DEST", "GITSYNC_ONE_TIME", "GIT_SYNC_ONE_TIME"), ""
    ),
}
"""The setting to use instead of each variable that the chart sets for git-sync (`git_sync_container`); empty: none. In `dags.gitSync.env` they would win."""


def variables_of(rows: Iterable[Managed]) -> dict[str, Managed]:
    """The rows of options in airflow.cfg, by the environment variable that would win over the option."""
    options = {row.path.removeprefix("config."): row for row in rows if row.path.startswith("config.")}
    return {f"AIRFLOW__{option.replace('.', '__')}".upper(): row for option, row in options.items()}


WEAKER: Mapping[str, tuple[str, ...]] = {
    "securityContext": ("securityContexts.pod",),
    "uid": ("securityContexts.pod.runAsUser",),
    "gid": ("securityContexts.pod.fsGroup",),
    "dags.gitSync.securityContext": ("dags.gitSync.securityContexts.container",),
    "dags.gitSync.uid": ("dags.gitSync.securityContexts.container.runAsUser",),
    **{f"{each}.securityContext": (f"{each}.securityContexts.pod",) for each in ("statsd", "redis")},
    **{f"{each}.uid": (f"{each}.securityContexts.pod.runAsUser",) for each in ("statsd", "redis")},
    **{
        f"workers.{key}": (f"workers.celery.{key}", f"workers.kubernetes.{key}")
        for key in ("resources", "env", "priorityClassName")
    },
    "workers.extraContainers": ("workers.celery.extraContainers",),
    **{
        f"workers.{key}": (f"workers.celery.{key}",)
        for key in (
            "replicas",
            "podAnnotations",
            "podDisruptionBudget",
            "waitForMigrations",
            "logGroomerSidecar",
            "persistence",
        )
    },
}
"""Chart values in a weaker form than the program's: the chart would ignore them (`_helpers.yaml`, `airflowPodSecurityContext` and
`workersMergeValues`), so that they are merged into the stronger forms. Of several for one form, the first wins."""


def managed(settings: Settings) -> Iterator[Managed]:
    """The rows for a stack."""
    return (row for row in MANAGED if row.when(settings))


MISSING: Any = object()
"""What `value_at` finds where nothing is given; None is a value, which removes the chart's default."""


def value_at(values: Mapping[str, Any], path: str) -> Any:  # noqa: ANN401  a chart value
    """The value at a path with dots, or `MISSING`."""
    found: Any = values
    for step in path.split("."):
        if not isinstance(found, Mapping) or step not in found:
            return MISSING
        found = found[step]
    return found
