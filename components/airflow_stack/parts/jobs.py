"""Jobs around a release: the database migration before it, and the admin user beside it. `rollout.py` has a third Job.

The chart's own Jobs are off: as hooks they deadlock with a waiting installer, and otherwise they clash with their earlier run
(docs/decisions/0001-own-jobs.md). A Job's pod template is immutable, so a changed Job is replaced. No Job has a TTL: a refresh would find it
deleted.
"""

from collections.abc import Mapping, Sequence
from typing import NotRequired, cast

import pulumi

from airflow_stack.arguments import ExistingSecretsArgs, SecretKeyArgs
from airflow_stack.chart import pod_security, sizes
from airflow_stack.chart.job_values import JobValues
from airflow_stack.credentials import ADMIN_PASSWORD, API_SECRET_KEY, FERNET_KEY, METADATA_CONNECTION, Credential
from airflow_stack.names import AUTH_MANAGER, RELEASE

from .kubernetes import KubernetesObject, Manifest, PodArgs, from_secret, metadata, place

# Several commands in one process, through the entry point of `airflow`: each process would spend seconds on imports.
# `done` leaves a termination message. Without one the provider warns `container completed with exit code 0`.
_AIRFLOW = """
import os, sys
from pathlib import Path
from airflow.__main__ import main

def done(message):
    if (log := Path("/dev/termination-log")).exists():
        log.write_text(message)

def airflow(*command):
    sys.argv = ["airflow", *command]
    main()

"""
# The password goes in through `getpass`: logs and process lists show arguments. `create` does not change an existing user or its password
# (apache/airflow#14872), so the password is always set afterwards.
_MAKE_USER = """
import getpass
given = {key: os.environ[f"ADMIN_{key}"] for key in ("USERNAME", "EMAIL", "FIRST_NAME", "LAST_NAME", "PASSWORD")}
getpass.getpass = lambda *_, **__: given["PASSWORD"]
user = ["--username", given["USERNAME"]]
names = ["--firstname", given["FIRST_NAME"], "--lastname", given["LAST_NAME"]]
airflow("users", "create", "--role", "Admin", *user, "--email", given["EMAIL"], *names)
airflow("users", "reset-password", *user)
done(f"user {given['USERNAME']} exists, with the current password")
"""


class JobArgs(PodArgs):
    """Arguments of every Job."""

    image: str
    """Airflow's image."""
    pull_secrets: NotRequired[Sequence[str]]
    """Pull Secrets of the image."""
    timeout_seconds: NotRequired[int]
    """Seconds until the Job must be complete."""
    of_release: NotRequired[JobValues]
    """Security, pull policy and variables of the release's pods."""


class AirflowJobArgs(JobArgs):
    """Arguments of a Job that runs Airflow's own commands."""

    environment: NotRequired[Mapping[str, str]]
    """Environment variables besides Airflow's own."""
    environment_from: NotRequired[Mapping[str, SecretKeyArgs]]
    """Environment variables from Secrets."""
    auth_manager: NotRequired[str]
    """Class of the auth manager; FAB when left out."""
    existing_secrets: NotRequired[ExistingSecretsArgs]
    """Secrets that exist already."""


class DatabaseMigrationArgs(AirflowJobArgs):
    """Arguments of `DatabaseMigration`."""

    database: pulumi.Input[str]
    """Host, port and name of the database: another database is migrated again."""


class AdminUserArgs(AirflowJobArgs):
    """Arguments of `AdminUser`."""

    username: str
    """Login name."""
    email: str
    """E-mail address."""
    first_name: str
    """First name."""
    last_name: str
    """Last name."""
    generation: int
    """Generation of the password: a higher one sets it again."""


class DatabaseMigration(pulumi.ComponentResource):
    """Migrates the database to the schema of the image, before the release's pods start and wait for it."""

    def __init__(self, name: str, args: DatabaseMigrationArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("airflow:index:DatabaseMigration", name, None, opts)
        commands = ["db migrate"]
        if args.get("auth_manager", AUTH_MANAGER) == AUTH_MANAGER:
            # The API server's first start and the user's Job run at the same time. Both would create the roles if they were missing.
            commands += ["fab-db migrate", "sync-perm"]
        script = "".join(f"airflow(*{command.split()})\n" for command in commands)
        script += 'done("the database has the schema of this Airflow")\n'
        annotations = {"airflow-stack/database": args["database"]}
        _job(self, name, "migrate-database", args, script, annotations, [])
        self.register_outputs({})


class AdminUser(pulumi.ComponentResource):
    """Creates the admin user, or sets the current password of an existing one."""

    def __init__(self, name: str, args: AdminUserArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("airflow:index:AdminUser", name, None, opts)
        environment: list[Manifest] = [
            _from_secret("ADMIN_PASSWORD", ADMIN_PASSWORD, args),
            {"name": "ADMIN_USERNAME", "value": args["username"]},
            {"name": "ADMIN_EMAIL", "value": args["email"]},
            {"name": "ADMIN_FIRST_NAME", "value": args["first_name"]},
            {"name": "ADMIN_LAST_NAME", "value": args["last_name"]},
            {"name": "AIRFLOW__FAB__UPDATE_FAB_PERMS", "value": "False"},  # the migration created the roles
        ]
        annotations = {"airflow-stack/password-generation": str(args["generation"])}
        _job(self, name, "create-user", args, _MAKE_USER, annotations, environment)
        self.register_outputs({})


def _job(
    parent: pulumi.Resource,
    name: str,
    role: str,
    args: AirflowJobArgs,
    script: str,
    annotations: Mapping[str, pulumi.Input[str]],
    environment: list[Manifest],
) -> None:
    own: list[Manifest] = [
        *(_from_secret(each.variables[0], each, args) for each in (METADATA_CONNECTION, FERNET_KEY, API_SECRET_KEY)),
        {"name": "AIRFLOW__CORE__AUTH_MANAGER", "value": args.get("auth_manager", AUTH_MANAGER)},
        *_variables(args.get("environment", {})),
        *(from_secret(k, ref["secret"], ref["key"]) for k, ref in sorted(args.get("environment_from", {}).items())),
    ]
    shared = args.get("of_release")
    container = {
        "args": ["python", "-c", f"{_AIRFLOW}{script}"],
        "env": [*own, *(shared.variables if shared else ()), *environment],
        **({"envFrom": list(shared.variable_sources)} if shared and shared.variable_sources else {}),
        "resources": sizes.JOB.as_kubernetes(),
    }
    run_job(parent, name, role, args, annotations, container)


def run_job(
    parent: pulumi.Resource,
    name: str,
    role: str,
    args: JobArgs,
    annotations: Mapping[str, pulumi.Input[str]],
    container: Manifest,
    opts: pulumi.ResourceOptions | None = None,
    backoff_limit: int = 2,
    **pod: object,
) -> KubernetesObject:
    """Make a Job of one container in Airflow's image. Pulumi waits until it is complete, and a changed Job runs again.

    Args:
        parent: Its component.
        name: Prefix of the names of resource and Job; Pulumi adds a suffix, a new one for each replacement.
        role: Label `component` of the pod.
        args: Arguments of every Job.
        annotations: Annotations of the pod: a changed one runs the Job again.
        container: Command, environment and resources of the container.
        opts: Resources that it depends on.
        backoff_limit: Number of retries of a failed pod.
        pod: Further fields of the pod's spec.
    """
    labels: dict[str, pulumi.Input[str]] = {
        **args.get("labels", {}),
        "tier": "airflow",
        "release": RELEASE,
        "component": role,
    }
    pull_secrets = [{"name": secret} for secret in args.get("pull_secrets", [])]
    shared = args.get("of_release")
    spec = {
        # A failed pod stays, and `pulumi up` prints the end of its log.
        "restartPolicy": "Never",
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,
        **({"imagePullSecrets": pull_secrets} if pull_secrets else {}),
        "securityContext": shared.security_context if shared else pod_security.airflow_pod(),
        "containers": [
            {
                "name": role,
                "image": args["image"],
                "terminationMessagePolicy": "FallbackToLogsOnError",
                "securityContext": shared.container_security_context if shared else pod_security.CONTAINER,
                **({"imagePullPolicy": shared.pull_policy} if shared and shared.pull_policy else {}),
                **container,
            }
        ],
        **pod,
    }
    template = {
        "metadata": {"labels": labels, "annotations": annotations},
        "spec": place(spec, args.get("pods")),
    }
    # Otherwise the `up` after a failed one would wait for the same failed Job.
    again = {"pulumi.com/replaceUnready": "true"}
    return KubernetesObject(
        f"{name}-job",
        "batch/v1",
        "Job",
        {
            "metadata": metadata(None, {"namespace": args["namespace"], "labels": labels}, again),
            "spec": {
                "backoffLimit": backoff_limit,
                # A drained node is no failure of the Job.
                "podFailurePolicy": {
                    "rules": [{"action": "Ignore", "onPodConditions": [{"type": "DisruptionTarget", "status": "True"}]}]
                },
                # Pulumi's own timeout never ends: every event of the Job restarts it.
                "activeDeadlineSeconds": args.get("timeout_seconds", 900),
                "template": template,
            },
        },
        pulumi.ResourceOptions.merge(
            opts,
            pulumi.ResourceOptions(
                parent=parent,
                delete_before_replace=True,  # two migrations must not run at the same time
                # Not inherited from the component: a Job holds no data, and one that must stay could not run again for the next version.
                protect=False,
                retain_on_delete=False,
            ),
        ),
    )


def _from_secret(variable: str, credential: Credential, args: AirflowJobArgs) -> Manifest:
    existing = cast(Mapping[str, str], args.get("existing_secrets", {}))
    return from_secret(variable, credential.secret_in(existing), credential.key)


def _variables(environment: Mapping[str, str]) -> list[Manifest]:
    return [{"name": key, "value": value} for key, value in sorted(environment.items())]
