"""Tasks have no credential of Airflow, with each executor; the hook refuses a pod that asks for one."""

import copy
import json
from collections.abc import Mapping
from typing import Any

import pytest
import yaml

from airflow_stack.chart import task_pod_hook
from airflow_stack.chart.isolation import isolation_warnings, service_account
from airflow_stack.chart.isolation import task_pod_hook as hook_text
from airflow_stack.chart.values import chart_values
from airflow_stack.credentials import API_SECRET_KEY, CREDENTIALS, FERNET_KEY, JWT_SECRET, METADATA_CONNECTION
from tests.support.cases import EXECUTORS, SSH, problems, settings

TRUSTED = {"security": {"tasks": "trusted"}}
TEMPLATE = yaml.safe_load("""
metadata: {name: placeholder-name, labels: {tier: airflow, component: worker, release: airflow}}
spec:
  serviceAccountName: airflow-worker
  initContainers:
    - name: git-sync-init
      image: git-sync
      env: [{name: ONE_TIME, value: "true"}]
      volumeMounts: [{name: git-sync-ssh-key, mountPath: /etc/git-secret/ssh}, {name: dags, mountPath: /git}]
  containers:
    - name: base
      image: airflow
      envFrom: []
      env: [{name: TOKEN, valueFrom: {secretKeyRef: {name: mine, key: token}}}]
      volumeMounts: [{name: dags, mountPath: /opt/airflow/dags}, {name: logs, mountPath: /opt/airflow/logs}]
  volumes:
    - {name: dags, emptyDir: {}}
    - {name: logs, persistentVolumeClaim: {claimName: airflow-task-logs}}
    - {name: git-sync-ssh-key, secret: {secretName: airflow-ssh-secret}}
    - {name: config, configMap: {name: airflow-config}}
""")


def pod(change: str) -> Any:
    """A pod of the template with a change: lists are appended, objects merged, the containers by place."""

    def merged(below: Any, above: Any) -> Any:
        if isinstance(below, dict) and isinstance(above, dict):
            return {**below, **{key: merged(below.get(key), value) for key, value in above.items()}}
        return [*below, *above] if isinstance(below, list) and isinstance(above, list) else above

    made, asked = copy.deepcopy(TEMPLATE), yaml.safe_load(change) or {}
    base = asked.get("spec", {}).pop("base", {})
    made = merged(made, asked)
    made["spec"]["containers"][0] = merged(made["spec"]["containers"][0], base)
    return made


def refused(change: str, **allowed: list[str]) -> list[str]:
    kinds: Mapping[str, list[str]] = {"secrets": [], "claims": [], "serviceAccounts": [], **allowed}
    return list(task_pod_hook._task_pod_refused(pod(change), TEMPLATE, kinds))


REFUSED = {
    "a Secret as a volume": ("spec: {volumes: [{name: x, secret: {secretName: airflow-admin}}]}", "secrets airflow-admin"),
    "a Secret in a projected volume": (
        "spec: {volumes: [{name: x, projected: {sources: [{secret: {name: airflow-metadata}}]}}]}", "secrets airflow-metadata"),
    "a token in a projected volume": (
        "spec: {volumes: [{name: x, projected: {sources: [{serviceAccountToken: {path: token}}]}}]}", "volumes serviceAccountToken"),
    "a variable from a Secret": (
        "spec: {base: {env: [{name: X, valueFrom: {secretKeyRef: {name: airflow-jwt-secret, key: jwt-secret}}}]}}", "secrets airflow-jwt-secret"),
    "all variables of a Secret": ("spec: {base: {envFrom: [{secretRef: {name: airflow-fernet-key}}]}}", "secrets airflow-fernet-key"),
    "the deploy key of git-sync, in the task": (
        "spec: {base: {volumeMounts: [{name: git-sync-ssh-key, mountPath: /x}]}}", "secrets airflow-ssh-secret"),
    "the template's Secret, in another container": (
        "spec: {containers: [{name: more, envFrom: [{secretRef: {name: mine}}]}]}", "secrets mine"),
    "another container that mounts the key": (
        "spec: {initContainers: [{name: more, volumeMounts: [{name: git-sync-ssh-key, mountPath: /x}]}]}", "secrets airflow-ssh-secret"),
    "the claim of the database": (
        "spec: {volumes: [{name: x, persistentVolumeClaim: {claimName: data-airflow-database-0}}]}", "claims data-airflow-database-0"),
    "a folder of the node": ("spec: {volumes: [{name: x, hostPath: {path: /}}]}", "volumes hostPath"),
    "a Secret through CSI": (
        "spec: {volumes: [{name: x, csi: {driver: secrets-store.csi.k8s.io}}]}", "volumes csi"),
    "the scheduler's account": ("spec: {serviceAccountName: airflow-scheduler}", "serviceAccounts airflow-scheduler"),
    "the account's earlier name": ("spec: {serviceAccount: airflow-scheduler}", "serviceAccounts airflow-scheduler"),
    "a token": ("spec: {automountServiceAccountToken: true}", "fields automountServiceAccountToken"),
    "the network of the node": ("spec: {hostNetwork: true}", "fields hostNetwork"),
    "processes of other containers": ("spec: {shareProcessNamespace: true}", "fields shareProcessNamespace"),
    "a privileged container": ("spec: {base: {securityContext: {privileged: true}}}", "fields privileged"),
    "a label that the database's policy admits": ("metadata: {labels: {component: scheduler}}", "label component"),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
def test_a_task_pod_with_more_than_the_template_is_refused(name: str) -> None:
    change, reason = REFUSED[name]
    assert any(each.startswith(reason) for each in refused(change)), refused(change)


def test_a_changed_container_that_holds_a_secret_is_refused() -> None:
    changed = copy.deepcopy(TEMPLATE)
    changed["spec"]["initContainers"][0]["command"] = ["cp", "/etc/git-secret/ssh", "/git"]
    found = list(task_pod_hook._task_pod_refused(changed, TEMPLATE, {}))
    assert found == ["a changed container git-sync-init"]
    changed = copy.deepcopy(TEMPLATE)
    changed["spec"]["containers"].insert(0, {"name": "first"})
    assert "another first container than base" in list(task_pod_hook._task_pod_refused(changed, TEMPLATE, {}))


@pytest.mark.parametrize(
    "change",
    [
        "",
        "spec: {base: {image: acme/airflow, resources: {requests: {cpu: 2}}, env: [{name: MODE, value: x}]}}",
        "spec: {nodeSelector: {gpu: 'true'}, tolerations: [{key: gpu}], priorityClassName: high}",
        "spec: {volumes: [{name: tmp, emptyDir: {}}], base: {volumeMounts: [{name: tmp, mountPath: /tmp}]}}",
        "spec: {volumes: [{name: more, configMap: {name: theirs}}]}",
        "metadata: {labels: {team: data}, annotations: {a: b}}",
        "spec: {containers: [{name: sidecar, image: proxy}]}",
    ],
)
def test_a_task_pod_without_secrets_is_as_its_author_asks(change: str) -> None:
    assert refused(change) == []


def test_named_objects_are_allowed() -> None:
    change = """
    spec:
      serviceAccountName: bigquery
      volumes: [{name: x, secret: {secretName: dbt}}, {name: y, persistentVolumeClaim: {claimName: models}}]
      base: {volumeMounts: [{name: x, mountPath: /x}, {name: y, mountPath: /y}]}
    """
    assert len(refused(change)) == 5
    assert refused(change, secrets=["dbt"], claims=["models"], serviceAccounts=["bigquery"]) == []
    assert "airflow:security.podOverride.secrets can allow it" in refused(change)[-1]


def test_the_hook_is_a_text_that_helm_leaves_as_it_is_and_runs_an_earlier_one() -> None:
    stack = settings(security={"podOverride": {"secrets": ["dbt"]}})
    text = hook_text(stack, "def pod_mutation_hook(pod):\n    pod.append('theirs')\n")
    assert "{{" not in text
    names: dict[str, Any] = {}
    exec(compile(text, "airflow_local_settings.py", "exec"), names)  # noqa: S102  as Airflow imports it
    assert names["_TASK_POD_ALLOWED"] == {"secrets": ["dbt"], "claims": [], "serviceAccounts": []}
    made: list[str] = []
    names["os"].environ["AIRFLOW_IS_K8S_EXECUTOR_POD"] = "True"
    try:
        names["pod_mutation_hook"](made)
    finally:
        del names["os"].environ["AIRFLOW_IS_K8S_EXECUTOR_POD"]
    assert made == ["theirs"]


def test_a_stacks_own_local_settings_stay_before_the_hook() -> None:
    own = "LIMIT = '{{ .Release.Name }}'"
    text = chart_values(settings(values={"airflowLocalSettings": own}))["airflowLocalSettings"]
    assert text.startswith(own)
    assert text.endswith('_TASK_POD_ALLOWED = {"claims": [], "secrets": [], "serviceAccounts": []}\n')
    trusted = chart_values(settings(values={"airflowLocalSettings": own}, **TRUSTED))
    assert trusted["airflowLocalSettings"] == own
    assert "airflowLocalSettings" not in chart_values(settings(executor="CeleryExecutor"))


def names_in(values: Any) -> set[str]:
    return {variable["name"] for variable in values.get("env", [])}


@pytest.mark.parametrize("executor", EXECUTORS)
def test_each_component_has_the_credentials_that_it_uses(executor: str) -> None:
    values = chart_values(settings(executor=executor))
    database = {FERNET_KEY.variables[0], METADATA_CONNECTION.variables[0], "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN_ASYNC"}
    (session,) = API_SECRET_KEY.variables
    assert names_in(values["dagProcessor"]) == database
    assert names_in(values["apiServer"]) == names_in(values["triggerer"]) == database | {session}
    assert names_in(values["scheduler"]) == database | ({session} if executor == "LocalExecutor" else set())
    secrets = {name for each in CREDENTIALS for name in each.variables}
    for kind in ("celery", "kubernetes"):
        assert not names_in(values["workers"][kind]) & secrets
    assert not {each["envName"] for each in values.get("secret", [])} & secrets
    assert not set(JWT_SECRET.variables) & {name for key in values if isinstance(values[key], dict) for name in names_in(values[key])}  # fmt: skip


def test_celery_keeps_its_results_in_redis_and_the_session_key_out_of_the_worker() -> None:
    values = chart_values(settings(executor="CeleryExecutor"))
    assert values["data"]["resultBackendSecretName"] == values["data"]["brokerUrlSecretName"]
    worker = values["workers"]["celery"]
    assert "--skip-serve-logs" in worker["args"][-1]
    (logs,) = worker["extraContainers"]
    assert API_SECRET_KEY.variables[0] in names_in(logs)
    own = settings(executor="CeleryExecutor", environment={"FORMAT": "{{ ti.dag_id }}"})
    (logs,) = chart_values(own)["workers"]["celery"]["extraContainers"]
    assert {"name": "FORMAT", "value": '{{ "{{" }} ti.dag_id }}'} in logs["env"], "the chart reads it as a template"


@pytest.mark.parametrize("executor", EXECUTORS)
def test_a_granted_token_restarts_the_pods_that_use_it(executor: str) -> None:
    """The grant changes the service account, which a running pod does not follow."""
    granted = chart_values(settings(executor=executor, security={"podNamespaces": ["jobs"]}))
    before = chart_values(settings(executor=executor))
    assert granted["triggerer"]["podAnnotations"] != before["triggerer"].get("podAnnotations")
    assert granted["workers"]["celery"]["podAnnotations"] != before["workers"]["celery"].get("podAnnotations")


def test_trusted_tasks_have_the_charts_defaults() -> None:
    for executor in EXECUTORS:
        values = chart_values(settings(executor=executor, **TRUSTED))
        assert not values.keys() & {"enableBuiltInSecretEnvVars", "allowPodLaunching", "airflowLocalSettings"}
        assert "automountServiceAccountToken" not in json.dumps(values)


@pytest.mark.parametrize(
    ("values", "accounts"),
    [
        ({}, ["airflow-scheduler", "airflow-worker", "airflow-triggerer"]),
        ({"scheduler": {"serviceAccount": {"name": "mine"}}}, ["mine", "airflow-worker", "airflow-triggerer"]),
        ({"workers": {"kubernetes": {"serviceAccount": {"create": True}}}}, ["airflow-scheduler", "airflow-worker-kubernetes", "airflow-triggerer"]),
        ({"triggerer": {"serviceAccount": {"create": False}}}, ["airflow-scheduler", "airflow-worker", "default"]),
    ],
)  # fmt: skip
def test_roles_are_bound_to_the_accounts_of_the_merged_values(values: Any, accounts: list[str]) -> None:
    merged = chart_values(settings(values=values))
    assert [service_account(merged, each) for each in ("scheduler", "worker", "triggerer")] == accounts


def test_check_warns_where_tasks_and_credentials_share_a_pod() -> None:
    assert list(isolation_warnings(settings())) == []
    (local,) = isolation_warnings(settings(executor="LocalExecutor"))
    (trusted,) = isolation_warnings(settings(**TRUSTED))
    assert "scheduler's pod" in local
    assert "'trusted'" in trusted


@pytest.mark.parametrize(
    ("config", "path"),
    [
        ({"executor": "LocalExecutor", "security": {"tasks": "isolated"}}, "security.tasks"),
        ({"executor": "LocalExecutor", "security": {"taskEgress": ["10.0.0.0/8"]}}, "security.taskEgress"),
        ({"executor": "CeleryExecutor", "security": {"podOverride": {"secrets": ["a"]}}}, "security.podOverride"),
        ({"security": {"tasks": "trusted", "cloudMetadata": True}}, "security.cloudMetadata"),
        ({"security": {"podNamespaces": ["airflow"]}}, "security.podNamespaces"),
        ({"security": {"taskEgress": ["169.254.169.254/32"]}}, "security.taskEgress"),
        ({"security": {"taskEgress": ["10.0.0.1/8"]}}, "security.taskEgress.0"),
        ({"serviceAccountAnnotations": {"iam.gke.io/gcp-service-account": "a@b"}}, "security.cloudMetadata"),
        ({"executor": "CeleryExecutor", "existingSecrets": {"brokerUrl": "b"}}, "existingSecrets.resultBackend"),
        ({"values": {"scheduler": {"waitForMigrations": {"enabled": True}}}}, "values.scheduler.waitForMigrations.enabled"),
    ],
)  # fmt: skip
def test_limits_that_cannot_work_are_refused(config: Any, path: str) -> None:
    assert {each.path for each in problems({"dags": SSH, **config}).problems} == {path}
