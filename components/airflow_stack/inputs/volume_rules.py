"""What must hold for extra volumes and the certificate authorities of the database. Each rule yields at most one problem for one cause."""

from collections.abc import Iterator

from airflow_stack.chart.placement import CA_FOLDER, CA_VARIABLE
from airflow_stack.choices import DagDelivery, SslMode
from airflow_stack.credentials import CREDENTIALS
from airflow_stack.settings.images import OFFICIAL
from airflow_stack.settings.models import Settings
from airflow_stack.settings.problem import Problem, Remove, Set, at_most_one

SOURCES = {
    "configMap": "config_map",
    "secret": "secret",
    "persistentVolumeClaim": "persistent_volume_claim",
    "emptyDir": "empty_dir",
    "projected": "projected",
    "csi": "csi",
}
"""Field of each source of a volume, by the setting's name."""
# A mount at or above one of these hides files that a pod needs: the system's, Airflow's, or another mount of the chart (1.22.0) or the program.
_NEEDED = (
    *("/bin", "/dev", "/lib", "/lib64", "/proc", "/sbin", "/sys", "/tmp", "/usr/bin", "/usr/lib", "/usr/local/bin"),  # noqa: S108
    *(
        "/usr/local/lib",
        "/home/airflow/.local",
        "/opt/airflow/airflow.cfg",
        "/opt/airflow/config/airflow_local_settings.py",
    ),
    *(
        "/opt/airflow/dags",
        "/opt/airflow/git/known_hosts",
        "/opt/airflow/logs",
        "/opt/airflow/pod_templates/pod_template_file.yaml",
    ),
    *(
        "/git",
        "/etc/git-secret/ssh",
        "/etc/pgbouncer/pgbouncer.ini",
        "/var/lib/postgresql/data",
        "/var/run/postgresql",
        CA_FOLDER,
    ),
)
WITH_GIT_SYNC = ("/opt/airflow/dags/", "/git/")
"""Folders of git-sync, which are read-only in the pods."""
_VERIFIED = (SslMode.VERIFY_CA, SslMode.VERIFY_FULL)
_SYSTEM = ("/dev", "/proc", "/sys")


def one_source(settings: Settings) -> Iterator[Problem]:
    """A volume has one source."""
    for name, volume in settings.volumes.items():
        path, given = f"volumes.{name}", {key: getattr(volume, field) for key, field in SOURCES.items()}
        yield from at_most_one(path, **given)
        if all(source is None for source in given.values()):
            yield Problem(path, "has no source", (Set(f"{path}.configMap.name", "<name>"),), allowed=", ".join(SOURCES))


def free_mount_path(settings: Settings) -> Iterator[Problem]:
    """A mount hides no file that a pod needs, and no other mount."""
    taken: dict[str, str] = {}
    for name, volume in settings.volumes.items():
        path, where = f"volumes.{name}.mountPath", volume.mount_path
        if reason := hides(where):
            yield Problem(path, reason, (Set(path),), allowed="a path of its own, such as /mnt/data", value=where)
        elif other := taken.get(where):
            yield Problem(path, f"is the mount path of the volume {other!r} too", (Set(path),), value=where)
        taken.setdefault(where, name)


def hides(path: str) -> str:
    """Reason why nothing can be mounted at a path in every pod; empty where something can."""
    if needed := next((each for each in _NEEDED if f"{each}/".startswith(f"{path}/")), None):
        return "would hide files that the pods need" + (f": {needed}" if needed != path else "")
    if any(path.startswith(f"{each}/") for each in _SYSTEM):
        return "is below a folder of the operating system"
    return ""


def beside_dags(settings: Settings) -> Iterator[Problem]:
    """Nothing is mounted among the files of git-sync, which are read-only."""
    for name, volume in settings.volumes.items():
        if settings.dags.delivery is DagDelivery.GIT_SYNC and volume.mount_path.startswith(WITH_GIT_SYNC):
            path = f"volumes.{name}.mountPath"
            reason = "is below the folder of git-sync, which is read-only in the pods"
            yield Problem(
                path, reason, (Set(path),), allowed="a path of its own, such as /mnt/data", value=volume.mount_path
            )


def usable_ca_bundle(settings: Settings) -> Iterator[Problem]:
    """The certificate authorities have one source, and the connection verifies the server."""
    external = settings.database.external
    if not external or not (bundle := external.ca_bundle):
        return
    path = "database.external.caBundle"
    if (bundle.config_map is None) == (bundle.secret is None):
        reason = "needs the name of a ConfigMap or a Secret" if bundle.config_map is None else "has two sources"
        fix = Set(f"{path}.configMap", "<name>") if bundle.config_map is None else Remove(f"{path}.secret")
        yield Problem(path, reason, (fix,), allowed="configMap or secret, and key")
    elif external.ssl_mode not in _VERIFIED:
        reason = f"is for verification of the server, and sslMode is {external.ssl_mode.value!r}"
        yield Problem(path, reason, (Set("database.external.sslMode", SslMode.VERIFY_FULL.value),), f"leave {path} out")


def known_authorities(settings: Settings) -> Iterator[Problem]:
    """A connection that verifies the server knows the authorities: the official image has none."""
    external = settings.database.external
    if not external or external.ca_bundle or external.ssl_mode not in _VERIFIED:
        return
    # Files of another image, or of a volume, by one of libpq's ways to name them.
    given = str([settings.environment, settings.environment_from, settings.volumes, settings.values])
    named = CA_VARIABLE in given or ".postgresql" in given or "extraEnvFrom" in settings.values
    if settings.images.airflow.repository == OFFICIAL and not named:
        path, mode = "database.external.caBundle", external.ssl_mode.value
        reason = f"is required with sslMode {mode!r}: the official image has no certificate authority for the server"
        weaker = "set database.external.sslMode to require, which encrypts and does not verify"
        yield Problem(path, reason, (Set(f"{path}.configMap", "<name>"),), weaker)


def ca_variable_once(settings: Settings) -> Iterator[Problem]:
    """The file of the certificate authorities is named once."""
    if not settings.database.external or not settings.database.external.ca_bundle:
        return
    for key, variables in (("environment", settings.environment), ("environmentFrom", settings.environment_from)):
        if CA_VARIABLE in variables:
            reason = "is set by database.external.caBundle"
            yield Problem(f"{key}.{CA_VARIABLE}", reason, (Remove(f"{key}.{CA_VARIABLE}"),), "leave caBundle out")


def no_credential_of_airflow(settings: Settings) -> Iterator[Problem]:
    """No volume puts a credential of Airflow into the pods of isolated tasks."""
    existing = settings.existing_secrets.model_dump(exclude_none=True)
    credentials = {each.secret_in(existing) for each in CREDENTIALS}
    for name, volume in settings.volumes.items() if settings.isolated else ():
        sources = volume.projected.sources if volume.projected else ()
        mounted = (
            [volume.secret.secretName] if volume.secret else [each.get("secret", {}).get("name") for each in sources]
        )
        if taken := next((each for each in mounted if each in credentials), None):
            path, reason = f"volumes.{name}", f"would put the Secret {taken}, a credential of Airflow, into every task"
            yield Problem(path, reason, (Remove(path),), "set security.tasks to 'trusted'")
