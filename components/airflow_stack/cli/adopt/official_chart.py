"""Converts values of the official chart to settings of a stack. Pure.

Defaults are those of chart 1.22.0 (values.yaml). The Secrets of a release are kept and named (`airflow:existingSecrets`), so that no key is
copied and none changes. Inline secrets of a values file become stack secrets.
"""

import re
from collections.abc import Mapping
from typing import Any

from pydantic.alias_generators import to_camel

from airflow_stack.choices import Executor, Size, TaskIsolation
from airflow_stack.credentials import CHART_SECRETS, CREDENTIALS, FLOWER, WEBSERVER_SECRET_KEY
from airflow_stack.settings.problem import redacted
from airflow_stack.versions import AIRFLOW_VERSION, CHART_VERSION, GIT_SYNC_VERSION

from .credential_settings import convert_broker, convert_database, convert_keys
from .dag_settings import convert_dags
from .environment_settings import convert_environment
from .leaves import is_below
from .model import Adoption, ChartValues, InstalledRelease
from .network_settings import convert_ingress, convert_logs
from .other_managers import managed_by_others
from .placement_settings import convert_placement, convert_volumes
from .remaining_values import remaining_values
from .workload_settings import convert_workloads

ROWS = {"web.title": "config.api.instance_name"}
"""Chart value that becomes a setting as it is, by the setting's path."""
RULES = (
    "namespace createNamespace executor images dags database existingSecrets rotation.fernetGiven admin environment environmentFrom components "
    "web.host web.path web.ingress web.tls web.externalDns logs labels quota security.tasks values placement.nodeSelector placement.tolerations placement.affinity placement.topologySpreadConstraints volumes"
).split()
"""Settings, each with those below it, that the rules of `adopt` derive."""
WITHOUT_SOURCE = {
    "size": "presets of the program",
    "tier": "no chart value says whether a release is production",
    "placement.priorityClassName": "the chart has one by component, which stays in airflow:values",
    "protect": "an option of Pulumi",
    "ingress": "an earlier form of web",
    "web.gateway": "chart 1.22 has no HTTPRoute",
    "serviceAccountAnnotations": "stay in airflow:values, by component",
    "access": "a webserver_config.py is Python; docs/guides/login.md has the settings that replace it",
    "chart": "the release's chart, which the command reads",
    **{f"rotation.{to_camel(each.rotation)}": "counts from 1" for each in CREDENTIALS if each.rotation},
    "rotation.gitSshKeyDropped": "counts from 0",
    **dict.fromkeys(
        (f"security.{name}" for name in ("podNamespaces", "podOverride", "cloudMetadata", "taskEgress")),
        "limits isolated tasks, and an adopted Airflow begins with trusted ones",
    ),
}
"""Settings, each with those below it, that no chart value has, and why."""
# Chart values that have no setting, because the program decides differently.
_DROPPED = {path: each.dropped for each in CHART_SECRETS if each.dropped for path in each.inline} | {
    "migrateDatabaseJob": "the program migrates the database with its own Job, before the pods start",
    "webserverSecretKeySecretName": WEBSERVER_SECRET_KEY.dropped,
    "pgbouncer": "PgBouncer is removed: Airflow 3 connects to the database directly; check its limit of connections",
    "triggerer.persistence": "no component has a volume of its own (docs/decisions/0002): keep task logs with airflow:logs",
    "workers.persistence": "no component has a volume of its own (docs/decisions/0002): keep task logs with airflow:logs",
    "workers.celery.persistence": "no component has a volume of its own (docs/decisions/0002): keep task logs with airflow:logs",
    "flower.username": FLOWER.dropped,
    "useStandardNaming": "is always on; for a release named airflow it changes no name",
}


def convert(
    raw: Mapping[str, Any], release: InstalledRelease | None = None, own: Mapping[str, Any] | None = None
) -> Adoption:
    """Settings of a stack for values of the official chart.

    Args:
        raw: The values, without defaults.
        release: The release with these values; None for a values file, whose Secrets and data are unknown.
        own: Settings of the user, which win.
    """
    values, adoption = ChartValues(raw), Adoption()
    if release and release.namespace != "airflow":
        adoption.set("namespace", release.namespace)
    executor = values.take_text("executor", Executor.CELERY.value)
    if executor in list(Executor):
        adoption.set("executor", executor, "executor")
    else:
        adoption.stop(
            "executor", f"{redacted(executor)!r} is not supported; use one of {', '.join(Executor)}", "executor"
        )
    _images(values, adoption, release)
    convert_environment(values, adoption, release)
    convert_dags(values, adoption, release)
    convert_database(values, adoption, release)
    convert_keys(values, adoption, release)
    convert_broker(values, adoption, release, celery=executor == Executor.CELERY)
    _admin(values, adoption, release)
    convert_workloads(values, adoption, executor, _size(own or {}))
    convert_placement(values, adoption)
    convert_volumes(values, adoption)
    convert_ingress(values, adoption)
    convert_logs(values, adoption, release)
    adoption.set("labels", values.take_object("labels"), "labels")
    for setting, chart_value in ROWS.items():
        # airflow.cfg is read with interpolation
        adoption.set(setting, values.take_text(chart_value).replace("%%", "%"), chart_value)
    if not release:  # an existing namespace keeps its owner, and the release its quota
        adoption.set("quota", values.take_object("quotas"), "quotas")
    _login(values, adoption)
    _follow_settings(values, adoption, executor)
    for path, reason in _DROPPED.items():
        adoption.drop(path, values.take(path), reason)
    for name in values.take_object("extraSecrets"):
        if not is_below(f"extraSecrets.{name}", adoption.reached):
            adoption.note(f"extraSecrets.{name}", "create this Secret yourself, or keep the existing one")
    for path in ("fullnameOverride", "nameOverride"):
        if values.take(path):
            adoption.stop(
                path, "the program names release and objects airflow, so objects with other names would be replaced"
            )
    adoption.set("security.tasks", TaskIsolation.TRUSTED.value)
    adoption.notes.append(
        "security.tasks: trusted, so that every DAG runs as before: DAG authors can read each Secret of the namespace. "
        "docs/guides/trust.md has the steps to isolated tasks"
    )
    remaining_values(raw, values, adoption)
    return adoption


def _size(own: Mapping[str, Any]) -> Size:
    return Size(own["size"]) if own.get("size") in list(Size) else Size.SMALL


def _images(values: ChartValues, adoption: Adoption, release: InstalledRelease | None) -> None:
    running = release.airflow_version if release else ""
    repository, tag, digest = (_image(values, adoption, part) for part in ("repository", "tag", "digest"))
    # The chart's own version of Airflow says nothing about an image of the file.
    of_tag = re.match(r"\d+\.\d+\.\d+", tag)
    version = values.take_text("airflowVersion") or (of_tag[0] if of_tag else running or tag.partition("-")[0])
    adoption.reach("airflowVersion")
    if not tag and not digest:
        tag = running or version
    adoption.set("images.airflow.repository", repository)
    adoption.set("images.airflow.tag", tag if digest or tag != AIRFLOW_VERSION else None)
    adoption.set("images.airflow.digest", digest)
    if version and not (tag or AIRFLOW_VERSION).startswith(version):
        adoption.set("images.airflow.version", version)
    if version.startswith(("1.", "2.")):
        adoption.stop(
            "airflowVersion",
            f"is {version}; the program runs Airflow 3: upgrade with your current chart first, then adopt",
        )
    for part, of_release in (("repository", repository), ("tag", tag)):
        if (of_tasks := values.get(f"images.pod_template.{part}")) and of_tasks == of_release:
            values.take(f"images.pod_template.{part}")
            adoption.reach(f"images.pod_template.{part}")
    _old_git_sync(values, adoption)
    for name in ("gitSync", "statsd", "redis"):
        for part in ("repository", "tag"):
            path = f"images.{name}.{part}"
            adoption.set(path, values.take(path), path)
    listed = values.get("imagePullSecrets")
    if isinstance(listed, list) and all(isinstance(each, str) for each in listed):
        adoption.reach("imagePullSecrets")
    pull = []
    for number, each in enumerate(values.take_objects("imagePullSecrets")):
        pull.append(each.take_text("name"))
        adoption.reach(f"imagePullSecrets[{number}].name")
    adoption.reach("registry.secretName")
    adoption.set("images.pullSecrets", [name for name in [*pull, values.take_text("registry.secretName")] if name])


def _image(values: ChartValues, adoption: Adoption, part: str) -> str:
    """One part of Airflow's image: that of `images.airflow`, or the default's (chart 1.22.0, `airflow_image`)."""
    path, default_path = f"images.airflow.{part}", f"defaultAirflow{part.capitalize()}"
    own, default = values.take_text(path), values.take_text(default_path)
    adoption.reach(path, default_path)
    if own and default and own != default:
        adoption.note(default_path, f"{path} wins")
    return own or default


def _old_git_sync(values: ChartValues, adoption: Adoption) -> None:
    tag = str(values.get("images.gitSync.tag") or "")
    if (major := re.match(r"v?(\d+)\.", tag)) and int(major[1]) < 4:
        adoption.note(
            "images.gitSync", f"{tag} is git-sync {major[1]}; the program uses git-sync 4, {GIT_SYNC_VERSION}"
        )
        values.take("images.gitSync")


def _admin(values: ChartValues, adoption: Adoption, release: InstalledRelease | None) -> None:
    """The first user. `webserver.defaultUser` wins over `createUserJob` (chart 1.22.0, `createUserJob.isEnabled`)."""
    for path in ("webserver.defaultUser.enabled", "createUserJob.enabled"):
        part = path.partition(".")[0]
        ChartValues({part: values.get(part, {})}).take_switch(path)
    older, newer = values.take_object("webserver.defaultUser"), values.take_object("createUserJob.defaultUser")
    job = values.take_object("createUserJob")
    enabled = older.get("enabled") if older else job.get("enabled")
    if release or enabled is False:
        adoption.settings["admin"] = {"create": False}
    if enabled is False:
        adoption.reach("createUserJob.enabled", "webserver.defaultUser.enabled")
    for path, user in (("webserver.defaultUser", older), ("createUserJob.defaultUser", newer)):
        if adoption.settings.get("admin") == {"create": False}:
            adoption.drop(path, user, "no user is created; users are rows of the database and stay")
            continue
        adoption.reach(f"{path}.enabled")
        for key in ("username", "email", "firstName", "lastName"):
            adoption.set(f"admin.{key}", user.get(key), f"{path}.{key}")
        adoption.drop(f"{path}.password", user.get("password"), "the password is generated: output adminPassword")
        role = user.get("role")
        adoption.drop(f"{path}.role", None if role == "Admin" else role, "the program's user has the role Admin")
    adoption.drop("createUserJob", job, "the chart's Job is removed; users are rows of the database and stay")


_LOGIN_FILES = (
    "apiServer.apiServerConfig",
    "apiServer.apiServerConfigConfigMapName",
    "webserver.webserverConfig",
    "webserver.webserverConfigConfigMapName",
)


def _login(values: ChartValues, adoption: Adoption) -> None:
    for path in _LOGIN_FILES:
        if values.get(path):
            adoption.note(
                path,
                "stays in airflow:values; airflow:access.login can replace a login by OAuth (docs/guides/login.md): remove this value then",
            )


def _follow_settings(values: ChartValues, adoption: Adoption, executor: str) -> None:
    """Options that follow from a setting. In a full copy of the chart's values they are templates."""
    for option, setting in (("executor", "executor"), ("dags_folder", "dags.path")):
        path = f"config.core.{option}"
        value = values.get(path)
        if isinstance(value, str) and ("{{" in value or value == executor):
            values.take(path)
            adoption.note(path, f"follows from airflow:{setting}")


def check_release(release: InstalledRelease, adoption: Adoption, *, let_go: bool = False) -> None:
    """Check the release's other managers, its name, and the version of its chart."""
    adoption.blockers += () if let_go else managed_by_others(release)
    if release.name != "airflow":
        adoption.blockers.append(
            f"the release is named {release.name!r}, and the program's airflow. Helm cannot rename a release, so install the stack next to it, in another "
            "namespace, with the same database (airflow:database.external) and the same Fernet key (airflow:fernetKey). Scale the old scheduler to 0 "
            "first, and uninstall the old release at the end"
        )
    version = release.chart_version.partition("-")[0]
    if version != CHART_VERSION:
        adoption.notes.append(
            f"chart {release.chart_version}: the first `pulumi up` also upgrades the release to chart {CHART_VERSION}; Airflow stays at {release.airflow_version}"
        )
    if release.other_releases:
        adoption.notes.append(
            f"namespace {release.namespace}: is shared with the Helm releases {', '.join(release.other_releases)}, which are left alone"
        )
    adoption.set("createNamespace", False)
