"""Chart values that separate tasks from the credentials of Airflow (docs/decisions/0013-task-isolation.md). Pure, like `values.py`.

Airflow 3 tasks need none of them: the executor sends each task a token for the Execution API (airflow 3.3.2, executors/workloads).
"""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from airflow_stack import credentials, names
from airflow_stack.choices import Executor
from airflow_stack.credentials import Credential
from airflow_stack.settings.models import Settings

from . import pod_security, sizes
from .managed import KEPT_FROM_TASKS

Values = dict[str, Any]

_HOOK = (Path(__file__).parent / "task_pod_hook.py").read_text()
_QUEUES = "{{ with .Values.workers.queue }}{{ if ne . `default` }} --queues {{ . }}{{ end }}{{ end }}"
"""Template of the chart's own arguments (chart 1.22.0, values.yaml): the queue of these workers, also of each of `workers.celery.sets`."""
_COMPONENTS = ("apiServer", "scheduler", "dagProcessor", "triggerer")


def task_runners(executor: Executor) -> str:
    """Component whose pods run tasks, as in its label and in the name of its service account."""
    return "scheduler" if executor is Executor.LOCAL else "worker"


def service_account(values: Mapping[str, Any], component: str) -> str:
    """Service account of a component, `scheduler`, `worker` or `triggerer` (chart 1.22.0, `_serviceAccountName`)."""
    workers = values.get("workers") or {}
    account = (workers if component == "worker" else values.get(component) or {}).get("serviceAccount") or {}
    name = f"{names.RELEASE}-{component}"
    of_pods = (workers.get("kubernetes") or {}).get("serviceAccount") or {}
    if component == "worker" and values["executor"] == Executor.KUBERNETES and of_pods.get("create") is not None:
        account, name = of_pods, f"{name}-kubernetes"
    return str(account.get("name") or (name if account.get("create", True) else "default"))


def has_async_connection(existing: Mapping[str, str]) -> bool:
    """Whether a Secret has the URL for asyncpg; `existing` has the names of existing Secrets. Without one, Airflow derives it."""
    return (
        credentials.METADATA_CONNECTION.name not in existing or credentials.ASYNC_METADATA_CONNECTION.name in existing
    )


def variables(settings: Settings, component: str) -> list[Values]:
    """Variables with credentials in the containers of a component, by its chart value; none with trusted tasks, where the chart sets them."""
    if not settings.isolated:
        return []
    existing = settings.existing_secrets.model_dump(exclude_none=True)
    if component.startswith("workers."):
        return _no_database_check(settings)
    found = [credentials.FERNET_KEY, credentials.METADATA_CONNECTION]
    if has_async_connection(existing):
        found.append(credentials.ASYNC_METADATA_CONNECTION)
    # The key of UI sessions also signs the requests for logs, so each server of task logs has it (airflow 3.3.2, utils/serve_logs).
    if component in ("apiServer", "triggerer") or (component == "scheduler" and settings.executor is Executor.LOCAL):
        found.append(credentials.API_SECRET_KEY)
    return [_from_secret(each, existing) for each in found]


def readers(settings: Settings) -> dict[str, tuple[str, ...]]:
    """Chart values of the pods that read each Secret of `variables`, by its name; empty for trusted tasks."""
    found: dict[str, tuple[str, ...]] = {}
    for component in _COMPONENTS if settings.isolated else ():
        for variable in variables(settings, component):
            secret = variable["valueFrom"]["secretKeyRef"]["name"]
            found[secret] = tuple(dict.fromkeys((*found.get(secret, ()), component)))
            if variable["name"] in credentials.API_SECRET_KEY.variables and settings.executor is Executor.CELERY:
                found[secret] = (*found[secret], "workers.celery")
    return found


def isolation_values(settings: Settings) -> Values:
    """Chart values for `security.tasks: isolated`; empty for trusted tasks."""
    if not settings.isolated:
        return {}
    executor, pods = settings.executor, bool(settings.security.pod_namespaces)
    task_pods = executor is Executor.KUBERNETES
    tokens = {
        "apiServer": task_pods,  # reads their logs
        "scheduler": task_pods or (pods and executor is Executor.LOCAL),
        "dagProcessor": False,
        "triggerer": pods,
        "workers": pods,
        "statsd": False,
        "redis": False,
    }
    values: Values = {
        key: {"serviceAccount": {"automountServiceAccountToken": token}}
        for key, token in tokens.items()
        if key != "redis" or executor is Executor.CELERY
    }
    values |= {
        # The connection `airflow_db` would hand the database to tasks through the Execution API, so no component has it.
        "enableBuiltInSecretEnvVars": dict.fromkeys(KEPT_FROM_TASKS, False),
        "allowPodLaunching": False,  # its Role lets tasks create pods and enter them; parts/task_access.py has narrower ones
    }
    values["apiServer"]["allowPodLogReading"] = task_pods
    for component in _COMPONENTS:
        values[component]["env"] = variables(settings, component)
    if "databaseCleanup" in settings.values:
        values["databaseCleanup"] = {"env": variables(settings, "databaseCleanup")}
    tokens_of_pods = {"serviceAccount": values["workers"]["serviceAccount"]}
    values["workers"] |= {each: {"env": variables(settings, f"workers.{each}")} for each in ("celery", "kubernetes")}
    values["workers"]["kubernetes"] |= tokens_of_pods
    if pods:  # a changed account alone would restart no pod, and a running one would stay without a token
        for each in (
            values["triggerer"],
            values["workers"]["celery"],
            *([values["scheduler"]] if not task_pods else []),
        ):
            each["podAnnotations"] = {"airflow-stack/kubernetes-token": "true"}
    if task_pods:
        values["airflowLocalSettings"] = task_pod_hook(settings)
    if executor is Executor.CELERY:
        values["workers"]["celery"] |= _celery_worker(settings)
        existing = settings.existing_secrets
        backend = existing.result_backend or existing.broker_url or credentials.BROKER_URL.secret
        values["data"] = {"resultBackendSecretName": backend}
    return values


def task_pod_hook(settings: Settings, earlier: str = "") -> str:
    """`airflow_local_settings.py` whose hook refuses a `pod_override` that reaches for Secrets, claims or accounts of the namespace.

    Args:
        settings: Settings of the stack.
        earlier: Text of a stack's own; its hook runs after this one.
    """
    allowed = json.dumps(settings.security.pod_override.model_dump(by_alias=True, mode="json"), sort_keys=True)
    return "\n\n".join([*filter(None, [earlier.rstrip()]), _HOOK.rstrip(), f"_TASK_POD_ALLOWED = {allowed}\n"])


def _celery_worker(settings: Settings) -> Values:
    """A Celery worker without the key of UI sessions: a container of its own serves the logs."""
    existing = settings.existing_secrets.model_dump(exclude_none=True)
    mounts = [
        {"name": "logs", "mountPath": "/opt/airflow/logs"},
        {"name": "config", "mountPath": "/opt/airflow/airflow.cfg", "subPath": "airflow.cfg", "readOnly": True},
    ]
    return {
        "args": ["bash", "-c", f"exec airflow celery worker --skip-serve-logs{_QUEUES}"],
        "extraContainers": [
            {
                "name": "serve-logs",
                "image": settings.images.reference(settings.images.airflow),
                # No command of Airflow starts this server alone.
                "args": ["python", "-c", "from airflow.utils.serve_logs import serve_logs; serve_logs()"],
                "env": [
                    *_no_database_check(settings),
                    _from_secret(credentials.API_SECRET_KEY, existing),
                    *_own_variables(settings),
                ],
                "securityContext": dict(pod_security.CONTAINER),
                "resources": sizes.SERVE_LOGS.as_kubernetes(),
                "volumeMounts": mounts,
            }
        ],
    }


def _no_database_check(settings: Settings) -> list[Values]:
    """The variable of the image's entry point, which would check an empty SQLite database in each task pod."""
    name = "CONNECTION_CHECK_MAX_COUNT"
    return [] if name in {**settings.environment, **settings.environment_from} else [{"name": name, "value": "0"}]


def _own_variables(settings: Settings) -> list[Values]:
    """The stack's variables, which the chart sets in its own containers."""
    return [
        *({"name": key, "value": _literal(value)} for key, value in sorted(settings.environment.items())),
        *(
            {"name": key, "valueFrom": {"secretKeyRef": {"name": each.secret, "key": each.key}}}
            for key, each in sorted(settings.environment_from.items())
        ),
    ]


def _literal(text: str) -> str:
    """The text as it is, in a value that the chart reads as a template."""
    return text.replace("{{", '{{ "{{" }}')


def _from_secret(each: Credential, existing: Mapping[str, str]) -> Values:
    reference = {"name": each.secret_in(existing), "key": each.key}
    return {"name": each.variables[0], "valueFrom": {"secretKeyRef": reference}}


def isolation_warnings(settings: Settings) -> Iterator[str]:
    """Warnings about stacks whose DAG authors can read the credentials of Airflow."""
    effect = "DAG authors can read Airflow's keys and its database (docs/guides/trust.md)"
    if not settings.isolated:
        yield f"airflow:security.tasks = 'trusted': {effect}"
    elif settings.executor is Executor.LOCAL:
        yield f"airflow:executor = 'LocalExecutor' runs tasks in the scheduler's pod: {effect}"
