"""Realistic edits of a stack, for the tests of `airflow-stack diff`."""

from dataclasses import dataclass, field
from typing import Any

from tests.support.cases import HOST_KEY, SSH, Config

PROD: Config = {
    "dags": {**SSH, "branch": "release", "authentication": "sshKey"},
    "size": "medium",
    "namespace": "airflow-prod",
    "database": {"external": {"host": "db.example.com"}},
    "logs": {"remote": {"folder": "s3://logs/airflow"}},
    "ingress": {"host": "airflow.example.com", "controllerNamespace": "ingress", "tlsSecret": "tls"},
    "protect": True,
}
DEV: Config = {"dags": SSH, "logs": {"volume": {"size": "5Gi", "storageClass": "shared"}}}
BUNDLE: Config = {"dags": {**SSH, "delivery": "gitBundle"}}
MORE = {"moreRepositories": {"ml": {"repository": "git@github.com:acme/ml.git"}}}
CNPG: Config = {"dags": SSH, "database": {"cloudNativePg": {}}}
LOCAL: Config = {"dags": SSH, "executor": "LocalExecutor"}
CELERY: Config = {"dags": SSH, "executor": "CeleryExecutor"}


@dataclass(frozen=True)
class Edit:
    """A change of a stack's settings."""

    of: Config
    settings: Config
    reports: list[str] = field(default_factory=list)
    """The blast radius, sentence by sentence. `!` marks dangerous effects."""
    contract: list[str] = field(default_factory=list)
    """The same with the stand-in chart, if it differs."""

    def edited(self) -> dict[str, Any]:
        """Settings after the edit: maps are merged, `None` removes a setting."""
        return _merged(self.of, self.settings)


def _merged(old: Config, new: Config) -> dict[str, Any]:
    merged = dict(old)
    for key, value in new.items():
        below = merged.get(key)
        merged[key] = _merged(below, value) if isinstance(below, dict) and isinstance(value, dict) else value
    return {key: value for key, value in merged.items() if value is not None}


BEFORE, NEXT = {"images": {"airflow": {"tag": "3.2.2"}}}, {"images": {"airflow": {"tag": "3.3.3"}}}
EDITS: dict[str, Edit] = {
    "nothing": Edit(PROD, {}),
    "branch": Edit(PROD, {"dags": {"branch": "release-2"}}, [
        "The DAGs follow branch `release-2` instead of branch `release`; DAGs that are not in it disappear from the UI.",
        "`api-server` and `scheduler` restart: ConfigMap `airflow-config` changes (`pod_template_file.yaml`).",
        "`dag-processor` and `triggerer` restart: git-sync's settings change and ConfigMap `airflow-config` changes (`pod_template_file.yaml`).",
        "Running task pods continue unchanged; new ones use the new pod template.",
    ]),
    "tag instead of branch": Edit(PROD, {"dags": {"branch": None, "tag": "v7"}}, [
        "The DAGs follow tag `v7` instead of branch `release`; DAGs that are not in it disappear from the UI.",
        "`api-server` and `scheduler` restart: ConfigMap `airflow-config` changes (`pod_template_file.yaml`).",
        "`dag-processor` and `triggerer` restart: git-sync's settings change and ConfigMap `airflow-config` changes (`pod_template_file.yaml`).",
        "Running task pods continue unchanged; new ones use the new pod template.",
    ]),
    "another repository": Edit(PROD, {"dags": {"repository": "git@github.com:acme/more-dags.git"}}, [
        "! The DAGs come from `git@github.com:acme/more-dags.git` instead of `git@github.com:acme/dags.git`: DAGs that are only in the old repository disappear from the UI, with their runs.",
        "`api-server` and `scheduler` restart: ConfigMap `airflow-config` changes (`pod_template_file.yaml`).",
        "`dag-processor` and `triggerer` restart: git-sync's settings change and ConfigMap `airflow-config` changes (`pod_template_file.yaml`).",
        "Running task pods continue unchanged; new ones use the new pod template.",
    ]),
    "DAG folder": Edit(PROD, {"dags": {"path": "flows"}}, [
        "The DAG folder changes from `dags` to `flows`.",
        "`api-server`, `dag-processor`, `scheduler` and `triggerer` restart: ConfigMap `airflow-config` changes (`core.dags_folder`).",
    ]),
    "pushes visible later": Edit(PROD, {"dags": {"visibleWithinSeconds": 300}}, [
        "A push is visible within 300 s instead of 60 s; the git host is polled accordingly.",
        "`api-server` and `scheduler` restart: ConfigMap `airflow-config` changes (`dag_processor.min_file_process_interval`, `dag_processor.refresh_interval` and `pod_template_file.yaml`).",
        "`dag-processor` and `triggerer` restart: git-sync's settings change and ConfigMap `airflow-config` changes (`dag_processor.min_file_process_interval`, `dag_processor.refresh_interval` and `pod_template_file.yaml`).",
        "Running task pods continue unchanged; new ones use the new pod template.",
    ]),
    "own known hosts": Edit(PROD, {"dags": {"knownHosts": f"github.com {HOST_KEY}\n"}}, [
        "! More host keys are trusted for `github.com`: compare them with the keys that the host publishes.",
        "`api-server`, `dag-processor`, `scheduler` and `triggerer` restart: ConfigMap `airflow-config` changes (`known_hosts`).",
    ]),
    "a branch, with the LocalExecutor": Edit(LOCAL, {"dags": {"branch": "next"}}, [
        "The DAGs follow branch `next` instead of branch `main`; DAGs that are not in it disappear from the UI.",
        "`dag-processor`, `scheduler` and `triggerer` restart: git-sync's settings change.",
        "Running tasks in `scheduler` have 10 s to finish; then they are killed, and retried if they have retries.",
    ]),
    "a branch, with the CeleryExecutor": Edit(CELERY, {"dags": {"branch": "next"}}, [
        "The DAGs follow branch `next` instead of branch `main`; DAGs that are not in it disappear from the UI.",
        "`dag-processor`, `triggerer` and `worker` restart: git-sync's settings change.",
        "Running tasks in `worker` have 600 s to finish; then they are killed, and retried if they have retries.",
    ]),
    "chart version": Edit(PROD, {"chart": {"version": "1.23.0"}}, [
        "The chart changes from `1.22.0` to `1.23.0`.",
    ]),
    "Airflow patch version": Edit(PROD, NEXT, [
        "Airflow is upgraded from `3.3.2` to `3.3.3`: the database is migrated before the pods change.",
        "`api-server`, `dag-processor`, `scheduler` and `triggerer` restart: the image changes and ConfigMap `airflow-config` changes (`kubernetes_executor.worker_container_tag` and `pod_template_file.yaml`).",
        "The user Job runs again: it creates the admin user, or sets its password.",
        "The database migration runs again; the pods wait for it.",
        "Running task pods continue unchanged; new ones use the new pod template.",
    ]),
    "Airflow minor version, from the one that most come from": Edit(_merged(PROD, BEFORE), {"images": {"airflow": {"tag": "3.3.2"}}}, [
        "! Airflow is upgraded from `3.2.2` to `3.3.2`: the database is migrated before the pods change. Only a backup leads back. Take one first.",
        "`api-server`, `dag-processor`, `scheduler` and `triggerer` restart: the image changes and ConfigMap `airflow-config` changes (`kubernetes_executor.worker_container_tag` and `pod_template_file.yaml`).",
        "The user Job runs again: it creates the admin user, or sets its password.",
        "The database migration runs again; the pods wait for it.",
        "Running task pods continue unchanged; new ones use the new pod template.",
    ]),
    "Airflow downgrade": Edit(_merged(PROD, NEXT), {"images": {"airflow": {"tag": "3.3.2"}}}, [
        "! Airflow is downgraded from `3.3.3` to `3.3.2`, without the database: run `airflow db downgrade` with the newer version first.",
        "`api-server`, `dag-processor`, `scheduler` and `triggerer` restart: the image changes and ConfigMap `airflow-config` changes (`kubernetes_executor.worker_container_tag` and `pod_template_file.yaml`).",
        "The user Job runs again: it creates the admin user, or sets its password.",
        "The database migration runs again; the pods wait for it.",
        "Running task pods continue unchanged; new ones use the new pod template.",
    ]),
    "image with the same Airflow": Edit(PROD, {"images": {"airflow": {"repository": "acme/airflow"}}}, [
        "`api-server`, `dag-processor`, `scheduler` and `triggerer` restart: the image changes and ConfigMap `airflow-config` changes (`kubernetes_executor.worker_container_repository` and `pod_template_file.yaml`).",
        "The user Job runs again: it creates the admin user, or sets its password.",
        "The database migration runs again; the pods wait for it.",
        "Running task pods continue unchanged; new ones use the new pod template.",
    ]),
    "KubernetesExecutor to CeleryExecutor": Edit(DEV, {"executor": "CeleryExecutor"}, [
        "! Tasks move from the `KubernetesExecutor` to the `CeleryExecutor`: running task pods are no longer watched. Queued and running tasks start again from the beginning. Pause the DAGs and let runs finish first.",
        "A volume of `1Gi` is created for `StatefulSet/airflow-redis/redis-db`.",
        "`api-server`, `dag-processor` and `triggerer` restart: the environment changes (`AIRFLOW__CELERY__BROKER_URL` and `AIRFLOW__CELERY__RESULT_BACKEND`) and ConfigMap `airflow-config` changes (`airflow_local_settings.py`, `celery.worker_concurrency`, `core.executor` and 2 more).",
        "`scheduler` restarts: the environment changes (`AIRFLOW__CELERY__BROKER_URL` and `AIRFLOW__CELERY__RESULT_BACKEND`), the pod changes (`spec.automountServiceAccountToken`) and ConfigMap `airflow-config` changes (`airflow_local_settings.py`, `celery.worker_concurrency`, `core.executor` and 2 more).",
        "New: `Deployment/airflow-worker` and `StatefulSet/airflow-redis`.",
    ], [
        "! Tasks move from the `KubernetesExecutor` to the `CeleryExecutor`: running task pods are no longer watched. Queued and running tasks start again from the beginning. Pause the DAGs and let runs finish first.",
        "A volume of `1Gi` is created for `StatefulSet/airflow-redis/redis-db`.",
        "`api-server`, `dag-processor` and `triggerer` restart: the environment changes (`AIRFLOW__CELERY__BROKER_URL` and `AIRFLOW__CELERY__RESULT_BACKEND`) and ConfigMap `airflow-config` changes (`airflow_local_settings.py`, `celery.worker_concurrency`, `core.executor` and 2 more).",
        "`scheduler` restarts: the environment changes (`AIRFLOW__CELERY__BROKER_URL` and `AIRFLOW__CELERY__RESULT_BACKEND`), the volumes change, the pod changes (`spec.automountServiceAccountToken`) and ConfigMap `airflow-config` changes (`airflow_local_settings.py`, `celery.worker_concurrency`, `core.executor` and 2 more).",
        "New: `Deployment/airflow-worker` and `StatefulSet/airflow-redis`.",
    ]),
    "LocalExecutor to KubernetesExecutor": Edit(LOCAL, {"executor": "KubernetesExecutor"}, [
        "! Tasks move from the `LocalExecutor` to the `KubernetesExecutor`: running tasks end with the scheduler's pod. Queued and running tasks start again from the beginning. Pause the DAGs and let runs finish first.",
        "`api-server`, `dag-processor` and `triggerer` restart: ConfigMap `airflow-config` changes (`airflow_local_settings.py`, `core.executor`, `core.hostname_callable` and 2 more).",
        "`scheduler` restarts: the environment changes (`AIRFLOW__API__SECRET_KEY`), containers are added or removed, the resources change, the volumes change, the ports change and ConfigMap `airflow-config` changes (`airflow_local_settings.py`, `core.executor`, `core.hostname_callable` and 2 more).",
    ]),
    "CeleryExecutor to LocalExecutor": Edit(CELERY, {"executor": "LocalExecutor"}, [
        "! Tasks move from the `CeleryExecutor` to the `LocalExecutor`: workers and broker are deleted, and running tasks have the workers' grace period to finish. Queued and running tasks start again from the beginning. Pause the DAGs and let runs finish first.",
        "! `StatefulSet/airflow-redis/redis-db` is deleted; its volume of `1Gi` stays, unused, until its claim is deleted by hand.",
        "`api-server`, `dag-processor` and `triggerer` restart: the environment changes (`AIRFLOW__CELERY__BROKER_URL` and `AIRFLOW__CELERY__RESULT_BACKEND`) and ConfigMap `airflow-config` changes (`celery.worker_concurrency`, `core.executor` and `core.parallelism`).",
        "`scheduler` restarts: the environment changes (`AIRFLOW__API__SECRET_KEY`, `AIRFLOW__CELERY__BROKER_URL` and `AIRFLOW__CELERY__RESULT_BACKEND`), containers are added or removed, the resources change, the volumes change, the ports change, the pod changes (`spec.automountServiceAccountToken`) and ConfigMap `airflow-config` changes (`celery.worker_concurrency`, `core.executor` and `core.parallelism`).",
        "Removed: `Deployment/airflow-worker` and `StatefulSet/airflow-redis`.",
    ]),
    "size": Edit(PROD, {"size": "large"}, [
        "`api-server`, `dag-processor`, `scheduler` and `triggerer` restart: the resources change and ConfigMap `airflow-config` changes (`pod_template_file.yaml`).",
        "`api-server` scales from 2 to 3 pods.",
        "`dag-processor` scales from 1 to 2 pods.",
        "`scheduler` scales from 2 to 3 pods.",
        "`triggerer` scales from 1 to 2 pods.",
        "Running task pods continue unchanged; new ones use the new pod template.",
    ]),
    "memory of task pods": Edit(PROD, {"components": {"workers": {"memory": "4Gi"}}}, [
        "`api-server`, `dag-processor`, `scheduler` and `triggerer` restart: ConfigMap `airflow-config` changes (`pod_template_file.yaml`).",
        "Running task pods continue unchanged; new ones use the new pod template.",
    ]),
    "memory of Celery workers": Edit(CELERY, {"components": {"workers": {"memory": "4Gi"}}}, [
        "`worker` restarts: the resources change.",
        "Running tasks in `worker` have 600 s to finish; then they are killed, and retried if they have retries.",
    ]),
    "one more scheduler": Edit(PROD, {"components": {"scheduler": {"replicas": 3}}}, [
        "`scheduler` scales from 2 to 3 pods.",
    ]),
    "database volume grows": Edit(DEV, {"database": {"inCluster": {"storage": "20Gi"}}}, [
        "! `StatefulSet/airflow-database` is deleted and recreated, because `volumeClaimTemplates` changes: an outage meanwhile.",
        "`StatefulSet/airflow-database/data` grows from `8Gi` to `20Gi`, if its StorageClass allows it (allowVolumeExpansion). The existing volume keeps its size: enlarge its claim by hand too.",
    ]),
    "database volume shrinks": Edit(DEV, {"database": {"inCluster": {"storage": "4Gi"}}}, [
        "! `StatefulSet/airflow-database/data` would shrink from `8Gi` to `4Gi`, which Kubernetes does not allow: the existing volume keeps its size.",
        "! `StatefulSet/airflow-database` is deleted and recreated, because `volumeClaimTemplates` changes: an outage meanwhile.",
    ]),
    "database volume's class": Edit(DEV, {"database": {"inCluster": {"storageClass": "fast"}}}, [
        "! The StorageClass of `StatefulSet/airflow-database/data` changes from `the default` to `fast`: the existing volume stays as it is, and only a new volume gets the new value.",
        "! `StatefulSet/airflow-database` is deleted and recreated, because `volumeClaimTemplates` changes: an outage meanwhile.",
    ]),
    "log volume grows": Edit(DEV, {"logs": {"volume": {"size": "10Gi"}}}, [
        "`PersistentVolumeClaim/airflow-task-logs` grows from `5Gi` to `10Gi`, if its StorageClass allows it (allowVolumeExpansion).",
    ]),
    "log volume shrinks": Edit(DEV, {"logs": {"volume": {"size": "1Gi"}}}, [
        "! `PersistentVolumeClaim/airflow-task-logs` would shrink from `5Gi` to `1Gi`, which Kubernetes does not allow: the update fails.",
    ]),
    "log volume's class": Edit(DEV, {"logs": {"volume": {"storageClass": "other"}}}, [
        "! The StorageClass of `PersistentVolumeClaim/airflow-task-logs` changes from `shared` to `other`: the claim is deleted and recreated once no pod uses it, and all data on it is lost.",
    ]),
    "logs to object storage": Edit(DEV, {"logs": {"volume": None, "remote": {"folder": "s3://logs/dev"}}}, [
        "! `PersistentVolumeClaim/airflow-task-logs` is deleted, with all data on its volume of `5Gi`.",
        "Task logs go to `s3://logs/dev` instead of the log volume; existing logs are not moved, and the UI no longer finds them.",
        "`api-server`, `dag-processor`, `scheduler` and `triggerer` restart: the volumes change and ConfigMap `airflow-config` changes (`logging.remote_base_log_folder`, `logging.remote_logging` and `pod_template_file.yaml`).",
        "Running task pods continue unchanged; new ones use the new pod template.",
    ]),
    "Fernet key": Edit(PROD, {"rotation": {"fernet": 2}}, [
        "A new Fernet key: stored values stay readable with the previous key, which is kept. Encrypt them again with `airflow rotate-fernet-key`.",
        "`api-server`, `dag-processor`, `scheduler` and `triggerer` restart: Secret `airflow-fernet-key` changes.",
    ]),
    "Fernet key, two at once": Edit(PROD, {"rotation": {"fernet": 3}}, [
        "! The Fernet key skips from generation 1 to 3: only the newest two are kept, so stored connections and variables become unreadable. Raise it one by one.",
        "`api-server`, `dag-processor`, `scheduler` and `triggerer` restart: Secret `airflow-fernet-key` changes.",
    ]),
    "Fernet key of another Secret": Edit(PROD, {"existingSecrets": {"fernetKey": "vault"}}, [
        "! The Fernet key comes from the Secret `vault` instead of the stack: stored values become unreadable, unless it is the same key.",
        "`api-server`, `dag-processor`, `scheduler` and `triggerer` restart: the environment changes (`AIRFLOW__CORE__FERNET_KEY`).",
        "The user Job runs again: it creates the admin user, or sets its password.",
        "The database migration runs again; the pods wait for it.",
    ]),
    "every secret of others": Edit(CELERY, {"existingSecrets": {"apiSecretKey": "v1", "jwtSecret": "v2", "adminPassword": "v3", "brokerUrl": "v4", "resultBackend": "v7", "gitSshKey": "v5", "metadataConnection": "v6"}}, [
        "! The JWT secret comes from the Secret `v2` instead of the stack: unless it is the same, the tokens of running tasks, of API clients and of the UI become invalid.",
        "! The broker comes from the Secret `v4` instead of the stack: tasks queued in the old one are not taken over.",
        "! The metadata database moves from `inCluster` to `Secret v6`: history, connections, variables and users are not copied. Copy the database first, while Airflow is stopped.",
        "! `StatefulSet/airflow-database/data` is deleted; its volume of `8Gi` stays, unused, until its claim is deleted by hand.",
        "! `StatefulSet/airflow-redis/redis-db` is deleted; its volume of `1Gi` stays, unused, until its claim is deleted by hand.",
        "The key for the DAG repository comes from the Secret `v5` instead of the stack: it must be in the repository by now.",
        "The API secret comes from the Secret `v1` instead of the stack: unless it is the same, sessions of the UI end.",
        "The password of the admin user comes from the Secret `v3` instead of the stack: the next number in `rotation.adminPassword` applies it.",
        "The store of Celery's results comes from the Secret `v7` instead of the stack: the states of running tasks in the old one are no longer read.",
        "`api-server` restarts: the environment changes (`AIRFLOW__API_AUTH__JWT_SECRET`, `AIRFLOW__API__SECRET_KEY`, `AIRFLOW__CELERY__BROKER_URL`, `AIRFLOW__CELERY__RESULT_BACKEND` and 2 more).",
        "`dag-processor` restarts: the environment changes (`AIRFLOW__CELERY__BROKER_URL`, `AIRFLOW__CELERY__RESULT_BACKEND`, `AIRFLOW__DATABASE__SQL_ALCHEMY_CONN` and `AIRFLOW__DATABASE__SQL_ALCHEMY_CONN_ASYNC`) and the volumes change.",
        "`scheduler` restarts: the environment changes (`AIRFLOW__API_AUTH__JWT_SECRET`, `AIRFLOW__CELERY__BROKER_URL`, `AIRFLOW__CELERY__RESULT_BACKEND`, `AIRFLOW__DATABASE__SQL_ALCHEMY_CONN` and 1 more).",
        "`triggerer` restarts: the environment changes (`AIRFLOW__API__SECRET_KEY`, `AIRFLOW__CELERY__BROKER_URL`, `AIRFLOW__CELERY__RESULT_BACKEND`, `AIRFLOW__DATABASE__SQL_ALCHEMY_CONN` and 1 more) and the volumes change.",
        "`worker` restarts: the environment changes (`AIRFLOW__API__SECRET_KEY`, `AIRFLOW__CELERY__BROKER_URL` and `AIRFLOW__CELERY__RESULT_BACKEND`) and the volumes change.",
        "Removed: `StatefulSet/airflow-database` and `StatefulSet/airflow-redis`.",
        "The user Job runs again: it creates the admin user, or sets its password.",
        "The database migration runs again; the pods wait for it.",
        "Running tasks in `worker` have 600 s to finish; then they are killed, and retried if they have retries.",
    ]),
    "Fernet key that comes along": Edit(PROD, {"rotation": {"fernetGiven": True}}, [
        "! The first Fernet key is the given one instead of the stack's own: stored values become unreadable, unless it is the same key.",
        "`api-server`, `dag-processor`, `scheduler` and `triggerer` restart: Secret `airflow-fernet-key` changes.",
    ]),
    "Fernet key that came along, parted with": Edit({**PROD, "rotation": {"fernetGiven": True, "fernet": 2}}, {"rotation": {"fernet": 3}}, [
        "A new Fernet key: stored values stay readable with the previous key, which is kept. Encrypt them again with `airflow rotate-fernet-key`.",
        "`api-server`, `dag-processor`, `scheduler` and `triggerer` restart: Secret `airflow-fernet-key` changes.",
    ]),
    "namespace given away": Edit(DEV, {"createNamespace": False}, [
        "! The namespace `airflow` is deleted with all its content, because the stack created it: keep `createNamespace` as it was.",
        "! No NetworkPolicy selects `dag-processor` any more: every pod of the cluster can connect.",
    ]),
    "protected namespace given away": Edit(PROD, {"createNamespace": False}, [
        "! The namespace `airflow-prod` is deleted with all its content, because the stack created it: keep `createNamespace` as it was.",
        "! `Namespace/airflow-prod` is protected: `pulumi up` stops before it deletes it.",
        "! `NetworkPolicy/deny-ingress` is protected: `pulumi up` stops before it deletes it.",
        "! No NetworkPolicy selects `dag-processor` any more: every pod of the cluster can connect.",
    ]),
    "API secret": Edit(PROD, {"rotation": {"apiSecret": 2}}, [
        "A new API secret: sessions of the UI end, and every user logs in again.",
        "`api-server` and `triggerer` restart: Secret `airflow-api-secret-key` changes.",
    ]),
    "JWT secret": Edit(PROD, {"rotation": {"jwt": 2}}, [
        "! A new JWT secret: the tokens of running tasks, of API clients and of the UI become invalid, so running tasks fail.",
        "`api-server` and `scheduler` restart: Secret `airflow-jwt-secret` changes.",
    ]),
    "admin password": Edit(PROD, {"rotation": {"adminPassword": 2}}, [
        "A new password of the admin user: output `adminPassword`.",
        "The user Job runs again: it creates the admin user, or sets its password.",
    ]),
    "database password": Edit(DEV, {"rotation": {"databasePassword": 2}}, [
        "A new password of the database user: the database and its clients switch to it.",
        "`api-server`, `dag-processor`, `scheduler` and `triggerer` restart: Secret `airflow-metadata` changes.",
        "`database` restarts: Secret `airflow-database` changes.",
    ]),
    "broker password": Edit(CELERY, {"rotation": {"redisPassword": 2}}, [
        "A new password of the broker: it restarts, and its queued tasks may be queued again.",
        "`api-server`, `dag-processor`, `scheduler`, `triggerer` and `worker` restart: Secret `airflow-broker-url` changes.",
        "`redis` restarts: Secret `airflow-redis-password` changes.",
        "Running tasks in `worker` have 600 s to finish; then they are killed, and retried if they have retries.",
    ]),
    "deploy key": Edit(DEV, {"rotation": {"gitSshKey": 2}}, [
        "A new deploy key: add output `gitDeployKey` to the DAG repository.",
    ]),
    "back to an older key": Edit(_merged(PROD, {"rotation": {"apiSecret": 2}}), {"rotation": {"apiSecret": 1}}, [
        "! `rotation.apiSecret` goes back from 2 to 1: the newer generation is deleted, and everything that needs it fails.",
        "`api-server` and `triggerer` restart: Secret `airflow-api-secret-key` changes.",
    ]),
    "ingress host": Edit(PROD, {"ingress": {"host": "flows.example.com"}}, [
        "The UI moves from `airflow.example.com` to `flows.example.com`: adapt DNS, certificate and redirect URLs of single sign-on. Old links break.",
        "`api-server`, `dag-processor`, `scheduler` and `triggerer` restart: ConfigMap `airflow-config` changes (`api.base_url`).",
    ]),
    "ingress added": Edit(DEV, {"ingress": {"host": "dev.example.com", "controllerNamespace": "ingress"}}, [
        "! The UI is served over plain HTTP: passwords are readable on the network.",
        "The UI becomes reachable at `dev.example.com`: its DNS name must point to the ingress controller.",
        "`api-server` restarts: the environment changes (`FORWARDED_ALLOW_IPS`), the command changes and ConfigMap `airflow-config` changes (`api.base_url` and `fab.cookie_secure`).",
        "`dag-processor`, `scheduler` and `triggerer` restart: ConfigMap `airflow-config` changes (`api.base_url` and `fab.cookie_secure`).",
    ]),
    "ingress without TLS": Edit(PROD, {"ingress": {"tlsSecret": None}}, [
        "! The UI is served over plain HTTP: passwords are readable on the network.",
        "`api-server`, `dag-processor`, `scheduler` and `triggerer` restart: ConfigMap `airflow-config` changes (`api.base_url` and `fab.cookie_secure`).",
    ]),
    "ingress removed": Edit(PROD, {"ingress": None}, [
        "! The UI is no longer reachable at `airflow.example.com`, only by a port-forward.",
        "`api-server` restarts: the environment changes (`FORWARDED_ALLOW_IPS`), the command changes and ConfigMap `airflow-config` changes (`api.base_url` and `fab.cookie_secure`).",
        "`dag-processor`, `scheduler` and `triggerer` restart: ConfigMap `airflow-config` changes (`api.base_url` and `fab.cookie_secure`).",
    ]),
    "a path of the host": Edit(PROD, {"ingress": None, "web": {"host": "airflow.example.com", "path": "/data", "ingress": {"dataPlane": {"namespace": "ingress"}}, "tls": {"secretName": "tls"}}}, [
        "The UI moves from `airflow.example.com` to `airflow.example.com/data`: adapt DNS, certificate and redirect URLs of single sign-on. Old links break.",
        "`api-server`, `dag-processor`, `scheduler` and `triggerer` restart: ConfigMap `airflow-config` changes (`api.base_url` and `core.execution_api_server_url`).",
        "The Job `airflow-web-ready-job` runs again.",
    ]),
    "a Gateway instead of an Ingress": Edit(PROD, {"ingress": None, "web": {"host": "airflow.example.com", "gateway": {"name": "public", "namespace": "edge"}, "tls": {"external": True}}}, [
        "The UI is reached by the Gateway `edge/public` instead of the ingress controller: `airflow.example.com` must point to the new one.",
        "The Job `airflow-web-ready-job` runs again.",
    ]),
    "the settings of the Ingress in web": Edit(PROD, {"ingress": None, "web": {"host": "airflow.example.com", "ingress": {"dataPlane": {"namespace": "ingress"}}, "tls": {"secretName": "tls"}}}, [
        "The Job `airflow-web-ready-job` runs again.",
    ]),
    "database moves out of the cluster": Edit(DEV, {"database": {"external": {"host": "db.example.com"}}}, [
        "! The metadata database moves from `inCluster` to `db.example.com:5432/airflow`: history, connections, variables and users are not copied. Copy the database first, while Airflow is stopped.",
        "! `StatefulSet/airflow-database/data` is deleted; its volume of `8Gi` stays, unused, until its claim is deleted by hand.",
        "`api-server`, `dag-processor`, `scheduler` and `triggerer` restart: Secret `airflow-metadata` changes.",
        "Removed: `StatefulSet/airflow-database`.",
        "The database migration runs again; the pods wait for it.",
    ]),
    "database moves to another host": Edit(PROD, {"database": {"external": {"host": "new.example.com"}}}, [
        "! The metadata database moves from `db.example.com:5432/airflow` to `new.example.com:5432/airflow`: history, connections, variables and users are not copied. Copy the database first, while Airflow is stopped.",
        "`api-server`, `dag-processor`, `scheduler` and `triggerer` restart: Secret `airflow-metadata` changes.",
        "The database migration runs again; the pods wait for it.",
    ]),
    "database not encrypted": Edit(PROD, {"database": {"external": {"sslMode": "disable"}}}, [
        "! The connection to the database has sslMode `disable` instead of `require`: less of it is encrypted or verified.",
        "`api-server`, `dag-processor`, `scheduler` and `triggerer` restart: Secret `airflow-metadata` changes.",
    ]),
    "DAGs over plain HTTP": Edit({"dags": {"repository": "https://git.example.com/dags.git"}}, {"dags": {"repository": "http://git.example.com/dags.git"}}, [
        "! The DAGs come from `http://git.example.com/dags.git` instead of `https://git.example.com/dags.git`: DAGs that are only in the old repository disappear from the UI, with their runs.",
        "! DAGs come over an unencrypted connection, from `http://git.example.com/dags.git`: anyone on the path can replace them, and read a token.",
        "`api-server` and `scheduler` restart: ConfigMap `airflow-config` changes (`pod_template_file.yaml`).",
        "`dag-processor` and `triggerer` restart: git-sync's settings change and ConfigMap `airflow-config` changes (`pod_template_file.yaml`).",
        "Running task pods continue unchanged; new ones use the new pod template.",
    ]),
    "database verified": Edit(PROD, {"database": {"external": {"sslMode": "verify-full", "caBundle": {"configMap": "database-ca"}}}}, [
        "The connection to the database has sslMode `verify-full` instead of `require`.",
        "`api-server`, `dag-processor`, `scheduler` and `triggerer` restart: the environment changes (`PGSSLROOTCERT`), the volumes change, ConfigMap `airflow-config` changes (`pod_template_file.yaml`) and Secret `airflow-metadata` changes.",
        "The user Job runs again: it creates the admin user, or sets its password.",
        "The database migration runs again; the pods wait for it.",
        "Running task pods continue unchanged; new ones use the new pod template.",
    ]),
    "other nodes": Edit(DEV, {"placement": {"nodeSelector": {"pool": "airflow"}}}, [
        "`api-server`, `dag-processor`, `scheduler` and `triggerer` restart: the pod changes (`spec.nodeSelector.pool`) and ConfigMap `airflow-config` changes (`pod_template_file.yaml`).",
        "`statsd` and `database` restart: the pod changes (`spec.nodeSelector.pool`).",
        "The user Job runs again: it creates the admin user, or sets its password.",
        "The database migration runs again; the pods wait for it.",
        "Running task pods continue unchanged; new ones use the new pod template.",
    ]),
    "a volume": Edit(PROD, {"volumes": {"ca": {"configMap": {"name": "ca"}, "mountPath": "/etc/ca"}}}, [
        "`api-server`, `dag-processor`, `scheduler` and `triggerer` restart: the volumes change and ConfigMap `airflow-config` changes (`pod_template_file.yaml`).",
        "The user Job runs again: it creates the admin user, or sets its password.",
        "The database migration runs again; the pods wait for it.",
        "Running task pods continue unchanged; new ones use the new pod template.",
    ]),
    "one more variable": Edit(PROD, {"environment": {"MODE": "fast"}}, [
        "`api-server`, `dag-processor`, `scheduler` and `triggerer` restart: the environment changes (`MODE`) and ConfigMap `airflow-config` changes (`pod_template_file.yaml`).",
        "The user Job runs again: it creates the admin user, or sets its password.",
        "The database migration runs again; the pods wait for it.",
        "Running task pods continue unchanged; new ones use the new pod template.",
    ]),
    "a variable from a Secret": Edit(PROD, {"environmentFrom": {"TOKEN": {"secret": "mine", "key": "token"}}}, [
        "`api-server`, `dag-processor`, `scheduler` and `triggerer` restart: the environment changes (`TOKEN`) and ConfigMap `airflow-config` changes (`pod_template_file.yaml`).",
        "The user Job runs again: it creates the admin user, or sets its password.",
        "The database migration runs again; the pods wait for it.",
        "Running task pods continue unchanged; new ones use the new pod template.",
    ]),
    "quota": Edit(PROD, {"quota": {"pods": "50"}}, [
        "Nothing restarts; changed in place: `ResourceQuota/airflow`.",
    ]),
    "labels": Edit(PROD, {"labels": {"team": "data"}}, [
        "`api-server`, `dag-processor`, `scheduler` and `triggerer` restart: the labels change and ConfigMap `airflow-config` changes (`metadata.labels.team` and `pod_template_file.yaml`).",
        "`statsd` restarts: the labels change.",
        "The user Job runs again: it creates the admin user, or sets its password.",
        "The database migration runs again; the pods wait for it.",
        "Running task pods continue unchanged; new ones use the new pod template.",
    ]),
    "namespace, dev": Edit(DEV, {"namespace": "flows"}, [
        "! Everything is deleted in the namespace `airflow` and recreated in `flows`. Lost with it: the database (`inCluster`) with all history and the volume of the task logs. Airflow is down meanwhile, and running tasks are killed.",
    ]),
    "namespace, prod": Edit(PROD, {"namespace": "flows"}, [
        "! Everything is deleted in the namespace `airflow-prod` and recreated in `flows`. It holds no data: database and logs stay where they are. Airflow is down meanwhile, and running tasks are killed.",
        "! The namespace and the release are protected: `pulumi up` stops before it deletes them.",
    ]),
    "an option of Airflow": Edit(PROD, {"values": {"config": {"core": {"parallelism": 64}}}}, [
        "`api-server`, `dag-processor`, `scheduler` and `triggerer` restart: ConfigMap `airflow-config` changes (`core.parallelism`).",
    ]),
    "no admin user": Edit(PROD, {"admin": {"create": False}}, [
        "The program no longer manages the admin user; `admin` stays in the database, with its password.",
        "The Job `airflow-admin-job` is deleted; its results stay.",
    ]),
    "protection off": Edit(PROD, {"protect": False}, [
        "! Nothing is protected any more: a destroy may delete the Fernet key, the database and the namespace.",
    ]),
    "protected database's volume": Edit({**DEV, "protect": True}, {"database": {"inCluster": {"storage": "20Gi"}}}, [
        "! `StatefulSet/airflow-database` is protected and cannot change `volumeClaimTemplates` in place: `pulumi up` stops before it replaces it.",
        "`StatefulSet/airflow-database/data` grows from `8Gi` to `20Gi`, if its StorageClass allows it (allowVolumeExpansion). The existing volume keeps its size: enlarge its claim by hand too.",
    ]),
    "CloudNativePG volume grows": Edit(CNPG, {"database": {"cloudNativePg": {"storage": "40Gi"}}}, [
        "`Cluster/airflow-database` grows from `20Gi` to `40Gi`, if its StorageClass allows it (allowVolumeExpansion).",
    ]),
    "CloudNativePG volume's class": Edit(CNPG, {"database": {"cloudNativePg": {"storageClass": "fast"}}}, [
        "! The StorageClass of `Cluster/airflow-database` changes from `the default` to `fast`: existing instances keep their volumes; the operator moves no data.",
    ]),
    "CloudNativePG moves out": Edit(CNPG, {"database": {"cloudNativePg": None, "external": {"host": "db.example.com"}}}, [
        "! The metadata database moves from `cloudNativePg` to `db.example.com:5432/airflow`: history, connections, variables and users are not copied. Copy the database first, while Airflow is stopped.",
        "! `Cluster/airflow-database` is deleted, with all data on its volume of `20Gi`.",
        "`api-server`, `dag-processor`, `scheduler` and `triggerer` restart: Secret `airflow-metadata` changes.",
        "The database migration runs again; the pods wait for it.",
    ]),
    "workload identity": Edit(PROD, {"serviceAccountAnnotations": {"example.com/role": "logs"}}, [
        "Nothing restarts; changed in place: `ServiceAccount/airflow-api-server`, `ServiceAccount/airflow-dag-processor`, `ServiceAccount/airflow-scheduler`, `ServiceAccount/airflow-triggerer` and `ServiceAccount/airflow-worker`.",
    ]),
    "mirror of all images": Edit(DEV, {"images": {"registry": "m.io/x"}}, [
        "`api-server`, `dag-processor`, `scheduler` and `triggerer` restart: the image changes and ConfigMap `airflow-config` changes (`kubernetes_executor.worker_container_repository` and `pod_template_file.yaml`).",
        "`statsd` and `database` restart: the image changes.",
        "The user Job runs again: it creates the admin user, or sets its password.",
        "The database migration runs again; the pods wait for it.",
        "Running task pods continue unchanged; new ones use the new pod template.",
    ]),
    "git bundle": Edit({"dags": SSH}, BUNDLE, [
        "The delivery of DAGs changes from `gitSync` to `gitBundle`.",
        "`api-server` and `scheduler` restart: the environment changes (`AIRFLOW_CONN_GIT_DAGS_DAGS_FOLDER`), the volumes change and ConfigMap `airflow-config` changes (`core.dags_folder`, `dag_processor.dag_bundle_config_list`, `dag_processor.refresh_interval` and 2 more).",
        "`dag-processor` restarts: the environment changes (`AIRFLOW_CONN_GIT_DAGS_DAGS_FOLDER`), containers are added or removed, the command changes, the volumes change and ConfigMap `airflow-config` changes (`core.dags_folder`, `dag_processor.dag_bundle_config_list`, `dag_processor.refresh_interval` and 2 more).",
        "`triggerer` restarts: the environment changes (`AIRFLOW_CONN_GIT_DAGS_DAGS_FOLDER`), containers are added or removed, the volumes change and ConfigMap `airflow-config` changes (`core.dags_folder`, `dag_processor.dag_bundle_config_list`, `dag_processor.refresh_interval` and 2 more).",
        "Running task pods continue unchanged; new ones use the new pod template.",
    ], [
        "The delivery of DAGs changes from `gitSync` to `gitBundle`.",
        "`api-server` and `scheduler` restart: the environment changes (`AIRFLOW_CONN_GIT_DAGS_DAGS_FOLDER`), the volumes change and ConfigMap `airflow-config` changes (`core.dags_folder`, `dag_processor.dag_bundle_config_list`, `dag_processor.refresh_interval` and 2 more).",
        "`dag-processor` and `triggerer` restart: the environment changes (`AIRFLOW_CONN_GIT_DAGS_DAGS_FOLDER`), containers are added or removed, the volumes change and ConfigMap `airflow-config` changes (`core.dags_folder`, `dag_processor.dag_bundle_config_list`, `dag_processor.refresh_interval` and 2 more).",
        "Running task pods continue unchanged; new ones use the new pod template.",
    ]),
    "DAGs in the image": Edit({"dags": SSH}, {"dags": {"repository": None, "delivery": "image"}, "images": {"airflow": {"repository": "acme/airflow"}}}, [
        "The delivery of DAGs changes from `gitSync` to `image`.",
        "`api-server` and `scheduler` restart: the image changes and ConfigMap `airflow-config` changes (`core.dags_folder`, `dag_processor.min_file_process_interval`, `dag_processor.refresh_interval` and 3 more).",
        "`dag-processor` restarts: the image changes, containers are added or removed, the command changes, the volumes change and ConfigMap `airflow-config` changes (`core.dags_folder`, `dag_processor.min_file_process_interval`, `dag_processor.refresh_interval` and 3 more).",
        "`triggerer` restarts: the image changes, containers are added or removed, the volumes change and ConfigMap `airflow-config` changes (`core.dags_folder`, `dag_processor.min_file_process_interval`, `dag_processor.refresh_interval` and 3 more).",
        "The user Job runs again: it creates the admin user, or sets its password.",
        "The database migration runs again; the pods wait for it.",
        "Running task pods continue unchanged; new ones use the new pod template.",
    ], [
        "The delivery of DAGs changes from `gitSync` to `image`.",
        "`api-server` and `scheduler` restart: the image changes and ConfigMap `airflow-config` changes (`core.dags_folder`, `dag_processor.min_file_process_interval`, `dag_processor.refresh_interval` and 3 more).",
        "`dag-processor` and `triggerer` restart: the image changes, containers are added or removed, the volumes change and ConfigMap `airflow-config` changes (`core.dags_folder`, `dag_processor.min_file_process_interval`, `dag_processor.refresh_interval` and 3 more).",
        "The user Job runs again: it creates the admin user, or sets its password.",
        "The database migration runs again; the pods wait for it.",
        "Running task pods continue unchanged; new ones use the new pod template.",
    ]),
    "a branch, with a git bundle": Edit(BUNDLE, {"dags": {"branch": "next"}}, [
        "The DAGs follow branch `next` instead of branch `main`; DAGs that are not in it disappear from the UI.",
        "`api-server`, `dag-processor`, `scheduler` and `triggerer` restart: ConfigMap `airflow-config` changes (`dag_processor.dag_bundle_config_list`).",
    ]),
    "one more repository": Edit(BUNDLE, {"dags": MORE}, [
        "DAGs also come from `ml`, branch `main` of `git@github.com:acme/ml.git`.",
        "`api-server`, `dag-processor`, `scheduler` and `triggerer` restart: the environment changes (`AIRFLOW_CONN_GIT_DAGS_ML`), the volumes change, ConfigMap `airflow-config` changes (`dag_processor.dag_bundle_config_list` and `pod_template_file.yaml`) and Secret `airflow-git-connections` changes.",
        "Running task pods continue unchanged; new ones use the new pod template.",
    ]),
    "one repository less": Edit(_merged(BUNDLE, {"dags": MORE}), {"dags": {"moreRepositories": None}}, [
        "! DAGs no longer come from `ml`: they disappear from the UI, with their runs.",
        "`api-server`, `dag-processor`, `scheduler` and `triggerer` restart: the environment changes (`AIRFLOW_CONN_GIT_DAGS_ML`), the volumes change, ConfigMap `airflow-config` changes (`dag_processor.dag_bundle_config_list` and `pod_template_file.yaml`) and Secret `airflow-git-connections` changes.",
        "Running task pods continue unchanged; new ones use the new pod template.",
    ]),
    "patience of an upgrade": Edit(PROD, {"chart": {"timeoutSeconds": 1800}}, [
        "Nothing restarts; changed in place: `Job/airflow-admin-job` and `Job/airflow-migration-job`.",
    ]),
}  # fmt: skip
