"""Converts values of the official chart to settings of a stack. Pure.

Defaults are those of chart 1.22.0 (values.yaml). The Secrets of a release are kept and named (`airflow:existingSecrets`), so that no key is
copied and none changes. Inline secrets of a values file become stack secrets.
"""

from collections.abc import Mapping
from typing import Any

from pydantic.alias_generators import to_camel

from airflow_stack.chart.check import TOP_LEVEL_KEYS
from airflow_stack.choices import Executor
from airflow_stack.credentials import CHART_SECRETS, CREDENTIALS, FLOWER, RESULT_BACKEND, WEBSERVER_SECRET_KEY
from airflow_stack.versions import AIRFLOW_VERSION, CHART_VERSION

from .credential_settings import convert_broker, convert_database, convert_keys
from .dag_settings import convert_dags
from .model import Adoption, ChartValues, InstalledRelease, merge, without_secrets
from .other_managers import managed_by_others
from .workload_settings import convert_environment, convert_ingress, convert_logs, convert_workloads

ROWS = {"web.title": "config.api.instance_name"}
"""Chart value that becomes a setting as it is, by the setting's path."""
RULES = (
    "namespace createNamespace executor images dags database existingSecrets rotation.fernetGiven admin environment environmentFrom components "
    "ingress logs labels quota values"
).split()
"""Settings, each with those below it, that the rules of `adopt` derive."""
WITHOUT_SOURCE = {
    "size": "presets of the program",
    "tier": "no chart value says whether a release is production",
    "protect": "an option of Pulumi",
    "serviceAccountAnnotations": "stay in airflow:values, by component",
    "chart": "the release's chart, which the command reads",
    **{f"rotation.{to_camel(each.rotation)}": "counts from 1" for each in CREDENTIALS if each.rotation},
    "rotation.gitSshKeyDropped": "counts from 0",
}
"""Settings, each with those below it, that no chart value has, and why."""
# Chart values that have no setting, because the program decides differently.
_DROPPED = {path: each.dropped for each in CHART_SECRETS if each.dropped for path in each.inline} | {
    "migrateDatabaseJob": "the program migrates the database with its own Job, before the pods start",
    "createUserJob": "the chart's Job is removed; users are rows of the database and stay",
    "webserver.defaultUser": "the chart's Job is removed; users are rows of the database and stay",
    "webserverSecretKeySecretName": WEBSERVER_SECRET_KEY.dropped,
    "data.resultBackendSecretName": RESULT_BACKEND.dropped,
    "pgbouncer": "PgBouncer is removed: Airflow 3 connects to the database directly; check its limit of connections",
    "triggerer.persistence": "no component has a volume of its own (docs/decisions/0002): keep task logs with airflow:logs",
    "workers.persistence": "no component has a volume of its own (docs/decisions/0002): keep task logs with airflow:logs",
    "workers.celery.persistence": "no component has a volume of its own (docs/decisions/0002): keep task logs with airflow:logs",
    "flower.username": FLOWER.dropped,
    "useStandardNaming": "is always on; for a release named airflow it changes no name",
}


def convert(raw: Mapping[str, Any], release: InstalledRelease | None = None) -> Adoption:
    """Settings of a stack for values of the official chart.

    Args:
        raw: The values, without defaults.
        release: The release with these values; None for a values file, whose Secrets and data are unknown.
    """
    values, adoption = ChartValues(raw), Adoption()
    if release and release.namespace != "airflow":
        adoption.set("namespace", release.namespace)
    executor = values.take_text("executor", Executor.CELERY.value)
    if executor in list(Executor):
        adoption.set("executor", executor)
    else:
        adoption.blockers.append(f"executor: {executor!r} is not supported; use one of {', '.join(Executor)}")
    _images(values, adoption, release)
    convert_dags(values, adoption, release)
    convert_database(values, adoption, release)
    convert_keys(values, adoption, release)
    if executor == Executor.CELERY:
        convert_broker(values, adoption, release)
    _admin(values, adoption, release)
    convert_environment(values, adoption, release)
    convert_workloads(values, adoption)
    convert_ingress(values, adoption)
    convert_logs(values, adoption, release)
    adoption.set("labels", values.take_object("labels"))
    for setting, chart_value in ROWS.items():
        adoption.set(
            setting, values.take_text(chart_value).replace("%%", "%")
        )  # airflow.cfg is read with interpolation
    if not release:  # an existing namespace keeps its owner, and the release its quota
        adoption.set("quota", values.take_object("quotas"))
    for path, reason in _DROPPED.items():
        adoption.drop(path, values.take(path), reason)
    for name in values.take_object("extraSecrets"):
        adoption.notes.append(f"extraSecrets.{name}: create this Secret yourself, or keep the existing one")
    for path in ("fullnameOverride", "nameOverride"):
        if values.take(path):
            adoption.blockers.append(
                f"{path}: the program names release and objects airflow, so objects with other names would be replaced"
            )
    _rest(values, adoption)
    return adoption


def _images(values: ChartValues, adoption: Adoption, release: InstalledRelease | None) -> None:
    running = release.airflow_version if release else ""
    repository, tag, digest = (
        values.take_text(f"images.airflow.{part}") or values.take_text(f"defaultAirflow{part.capitalize()}")
        for part in ("repository", "tag", "digest")
    )
    tag = tag or running
    adoption.set("images.airflow.repository", repository)
    adoption.set("images.airflow.tag", tag if digest or tag != AIRFLOW_VERSION else None)
    adoption.set("images.airflow.digest", digest)
    version = values.take_text("airflowVersion") or running or tag.partition("-")[0]
    if version and not (tag or AIRFLOW_VERSION).startswith(version):
        adoption.set("images.airflow.version", version)
    if version.startswith(("1.", "2.")):
        adoption.blockers.append(
            f"Airflow {version}: the program runs Airflow 3; upgrade with your current chart first, then adopt"
        )
    for name in ("gitSync", "statsd", "redis"):
        for part in ("repository", "tag"):
            adoption.set(f"images.{name}.{part}", values.take(f"images.{name}.{part}"))
    pull = [each.take_text("name") for each in values.take_objects("imagePullSecrets")]
    adoption.set("images.pullSecrets", [name for name in [*pull, values.take_text("registry.secretName")] if name])


def _admin(values: ChartValues, adoption: Adoption, release: InstalledRelease | None) -> None:
    user = {**values.take_object("webserver.defaultUser"), **values.take_object("createUserJob.defaultUser")}
    if release:
        adoption.settings["admin"] = {"create": False}
        return
    for key in ("username", "email", "firstName", "lastName"):
        adoption.set(f"admin.{key}", user.get(key))
    adoption.drop(
        "createUserJob.defaultUser.password", user.get("password"), "the password is generated: output adminPassword"
    )
    values.take_object("createUserJob")


def _rest(values: ChartValues, adoption: Adoption) -> None:
    """The remaining values: unknown to the chart, a secret, or for `airflow:values`."""
    rest = values.remaining()
    for key in sorted(rest.keys() - TOP_LEVEL_KEYS):
        reason = (
            "is one key with a dot in it, so it never had an effect"
            if "." in key
            else "is not a value of the chart, so it never had an effect"
        )
        more = (
            "; the chart's first user has the password admin: change it"
            if key.lower().startswith("defaultuser")
            else ""
        )
        adoption.drop(key, rest.pop(key), reason + more)
    kept, secret = without_secrets(merge(rest, adoption.settings.pop("values", {})))
    adoption.blockers += [
        f"{path}: looks like a secret in plain text; put it into a Secret and name that in airflow:environmentFrom"
        for path in secret
    ]
    if kept := ChartValues(kept).remaining():
        adoption.settings["values"] = kept
        adoption.notes.append(
            f"airflow:values has the values without a setting, merged last: {', '.join(sorted(kept))}"
        )


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
