"""Values of the official chart as stack settings. Pure; what a live release adds to them is in `Live`.

The defaults named here are those of chart 1.22.0 (values.yaml). Of a live release the Secrets stay as they are and are named
(`airflow:existingSecrets`), so that no key is copied and none changes; of a values file alone, what it holds inline becomes stack secrets.
"""

from collections.abc import Mapping
from typing import Any

from pydantic.alias_generators import to_camel

from airflow_stack.chart.check import TOP_LEVEL_KEYS
from airflow_stack.choices import Executor
from airflow_stack.cli.adopt.credential_settings import broker, database, keys
from airflow_stack.cli.adopt.dag_settings import dags
from airflow_stack.cli.adopt.model import Adoption, Given, Live, merged, without_secrets
from airflow_stack.cli.adopt.other_managers import managed_by_others
from airflow_stack.cli.adopt.workload_settings import environment, ingress, logs, workloads
from airflow_stack.credentials import CHART_SECRETS, CREDENTIALS, FLOWER, RESULT_BACKEND, WEBSERVER_SECRET_KEY
from airflow_stack.versions import AIRFLOW_VERSION, CHART_VERSION

ROWS = {"web.title": "config.api.instance_name"}
"""Chart value that becomes a setting as it is, by the setting's path."""
RULES = (
    "namespace createNamespace executor images dags database existingSecrets rotation.fernetGiven admin environment environmentFrom components "
    "ingress logs labels quota values"
).split()
"""Settings, each with those below it, that the rules of `adopt` derive."""
WITHOUT_SOURCE = {
    "size": "presets of the program",
    "protect": "an option of Pulumi",
    "serviceAccountAnnotations": "stay in airflow:values, by component",
    "chart": "the release's chart, which the command reads",
    **{f"rotation.{to_camel(each.rotation)}": "counts from 1" for each in CREDENTIALS if each.rotation},
    "rotation.gitSshKeyDropped": "counts from 0",
}
"""Settings, each with those below it, that no chart value has, and why."""
# What the program decides otherwise, and what happens to it.
_DROPPED = {path: each.dropped for each in CHART_SECRETS if each.dropped for path in each.inline} | {
    "migrateDatabaseJob": "the program migrates the database by a Job of its own, before the pods start",
    "createUserJob": "the chart's Job goes; users are rows of the database and stay",
    "webserver.defaultUser": "the chart's Job goes; users are rows of the database and stay",
    "webserverSecretKeySecretName": WEBSERVER_SECRET_KEY.dropped,
    "data.resultBackendSecretName": RESULT_BACKEND.dropped,
    "pgbouncer": "PgBouncer goes: Airflow 3 connects to the database directly; see that it takes enough connections",
    "triggerer.persistence": "no component has a volume of its own (docs/decisions/0002): keep task logs with airflow:logs",
    "workers.persistence": "no component has a volume of its own (docs/decisions/0002): keep task logs with airflow:logs",
    "workers.celery.persistence": "no component has a volume of its own (docs/decisions/0002): keep task logs with airflow:logs",
    "flower.username": FLOWER.dropped,
    "useStandardNaming": "is always on; with a release named airflow it changes no name",
}


def adopt(values: Mapping[str, Any], live: Live | None = None) -> Adoption:
    """What becomes of a chart's values, and of a release where one runs.

    Args:
        values: The values that were given to the chart, defaults left out.
        live: The release, if there is one; without it nothing is known of its Secrets and data.
    """
    given, adoption = Given(values), Adoption()
    if live and live.namespace != "airflow":
        adoption.put("namespace", live.namespace)
    executor = given.text("executor", Executor.CELERY.value)
    if executor in list(Executor):
        adoption.put("executor", executor)
    else:
        adoption.stops.append(f"executor: {executor!r} is not supported; supported are {', '.join(Executor)}")
    _images(given, adoption, live)
    dags(given, adoption, live)
    database(given, adoption, live)
    keys(given, adoption, live)
    if executor == Executor.CELERY:
        broker(given, adoption, live)
    _admin(given, adoption, live)
    environment(given, adoption, live)
    workloads(given, adoption)
    ingress(given, adoption)
    logs(given, adoption, live)
    adoption.put("labels", given.part("labels"))
    for setting, chart_value in ROWS.items():
        adoption.put(setting, given.text(chart_value).replace("%%", "%"))  # airflow.cfg is read with interpolation
    if not live:  # the namespace stays whose it is, and the quota the chart's
        adoption.put("quota", given.part("quotas"))
    for path, reason in _DROPPED.items():
        adoption.drop(path, given.take(path), reason)
    for name in given.part("extraSecrets"):
        adoption.advice.append(
            f"extraSecrets.{name}: make this Secret beside the stack, or leave the one that is there"
        )
    for path in ("fullnameOverride", "nameOverride"):
        if given.take(path):
            adoption.stops.append(
                f"{path}: the program's release and objects are named airflow, so those under other names would be replaced"
            )
    _rest(given, adoption)
    return adoption


def _images(given: Given, adoption: Adoption, live: Live | None) -> None:
    running = live.airflow_version if live else ""
    repository, tag, digest = (
        given.text(f"images.airflow.{part}") or given.text(f"defaultAirflow{part.capitalize()}")
        for part in ("repository", "tag", "digest")
    )
    tag = tag or running
    adoption.put("images.airflow.repository", repository)
    adoption.put("images.airflow.tag", tag if digest or tag != AIRFLOW_VERSION else None)
    adoption.put("images.airflow.digest", digest)
    version = given.text("airflowVersion") or running or tag.partition("-")[0]
    if version and not (tag or AIRFLOW_VERSION).startswith(version):
        adoption.put("images.airflow.version", version)
    if version.startswith(("1.", "2.")):
        adoption.stops.append(
            f"Airflow {version}: the program runs Airflow 3; upgrade with the chart that you have, then adopt"
        )
    for name in ("gitSync", "statsd", "redis"):
        for part in ("repository", "tag"):
            adoption.put(f"images.{name}.{part}", given.take(f"images.{name}.{part}"))
    pull = [each.text("name") for each in given.items("imagePullSecrets")]
    adoption.put("images.pullSecrets", [name for name in [*pull, given.text("registry.secretName")] if name])


def _admin(given: Given, adoption: Adoption, live: Live | None) -> None:
    user = {**given.part("webserver.defaultUser"), **given.part("createUserJob.defaultUser")}
    if live:
        adoption.settings["admin"] = {"create": False}
        return
    for key in ("username", "email", "firstName", "lastName"):
        adoption.put(f"admin.{key}", user.get(key))
    adoption.drop(
        "createUserJob.defaultUser.password", user.get("password"), "the password is generated: output adminPassword"
    )
    given.part("createUserJob")


def _rest(given: Given, adoption: Adoption) -> None:
    """What no rule took: unknown to the chart, a secret, or for `airflow:values`."""
    left = given.left()
    for key in sorted(left.keys() - TOP_LEVEL_KEYS):
        why = (
            "is one key with a dot in it, so it never set anything"
            if "." in key
            else "is not a value of the chart, which never read it"
        )
        more = (
            "; the chart's first user has the password admin, change it"
            if key.lower().startswith("defaultuser")
            else ""
        )
        adoption.drop(key, left.pop(key), why + more)
    kept, secret = without_secrets(merged(left, adoption.settings.pop("values", {})))
    adoption.stops += [
        f"{path}: looks like a secret and stands in plain text; put it into a Secret and name that in airflow:environmentFrom"
        for path in secret
    ]
    if kept := Given(kept).left():
        adoption.settings["values"] = kept
        adoption.advice.append(f"airflow:values holds what has no setting, merged last: {', '.join(sorted(kept))}")


def check_release(live: Live, adoption: Adoption, *, let_go: bool = False) -> None:
    """What the chart's version, the release's name and who manages it mean for an `up`."""
    adoption.stops += () if let_go else managed_by_others(live)
    if live.release != "airflow":
        adoption.stops.append(
            f"the release is named {live.release!r} and the program's airflow: Helm cannot rename one, so this is a move, not an adoption. "
            "Beside it, in another namespace: the same database (airflow:database.external) and the same Fernet key (airflow:fernetKey); "
            "scale the old scheduler to 0 first, and uninstall it at the end"
        )
    version = live.chart_version.partition("-")[0]
    if version != CHART_VERSION:
        adoption.advice.append(
            f"chart {live.chart_version}: the first up also moves the release to chart {CHART_VERSION}; Airflow stays at {live.airflow_version}"
        )
    if live.other_releases:
        adoption.advice.append(
            f"namespace {live.namespace}: is shared with the Helm releases {', '.join(live.other_releases)}, which are left alone"
        )
    adoption.put("createNamespace", False)
