"""Values files of real installations, reduced to one point each."""

from typing import Any

Case = dict[str, Any]

REPOSITORY = "https://git.example.com/data/dags.git"


def git(**more: Any) -> Case:
    """The DAGs of most cases."""
    return {"gitSync": {"enabled": True, "repo": REPOSITORY, "branch": "main", "subPath": "dags", **more}}


K8S: Case = {"executor": "KubernetesExecutor", "dags": git()}
LOCAL: Case = {"executor": "LocalExecutor", "dags": git()}
CELERY: Case = {"executor": "CeleryExecutor", "dags": git()}
KEYCLOAK = "airflow.providers.keycloak.auth_manager.keycloak_auth_manager.KeycloakAuthManager"
OLD_LOCAL_SETTINGS = """{{- if not (or .Values.webserverSecretKey .Values.webserverSecretKeySecretName) }}
from airflow.www.utils import UIAlert
DASHBOARD_UIALERTS = [UIAlert('Usage of a dynamic webserver secret key detected.')]
{{- end }}"""
TOKEN = "GITSYNC_USERNAME: 'ZGVwbG95LTc='\nGITSYNC_PASSWORD: 'Y2FuYXJ5LTVlMGM='\n"

CASES: dict[str, Case] = {
    "own image beside the chart's default": {
        **K8S,
        "airflowVersion": "3.2.2",
        "defaultAirflowRepository": "apache/airflow",
        "defaultAirflowTag": "3.2.2",
        "images": {"airflow": {"repository": "registry.example.com/data/airflow", "tag": "3.2.2-b77"}},
    },
    "resources of workers in the older place": {
        **CELERY,
        "workers": {
            "replicas": 1,
            "resources": {"requests": {"cpu": "1", "memory": "4Gi"}, "limits": {"cpu": "2", "memory": "8Gi"}},
            "podAnnotations": {"sidecar.istio.io/inject": "false"},
            "podDisruptionBudget": {"enabled": True, "config": {"maxUnavailable": 1}},
        },
    },
    "the chart's variables switched off": {
        **K8S,
        "postgresql": {"enabled": False},
        "enableBuiltInSecretEnvVars": {"AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": False, "AIRFLOW__CORE__FERNET_KEY": False},
        "secret": [
            {"envName": "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN", "secretName": "db-app", "secretKey": "uri"},
            {"envName": "AIRFLOW__CORE__FERNET_KEY", "secretName": "keys", "secretKey": "fernet"},
        ],
    },
    "variables from Secrets with the chart's keys": {
        **K8S,
        "postgresql": {"enabled": False},
        "secret": [
            {"envName": "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN", "secretName": "db", "secretKey": "connection"},
            {"envName": "AIRFLOW__CORE__FERNET_KEY", "secretName": "keys", "secretKey": "fernet-key"},
        ],
    },
    "a stray key of the community chart": {
        "executor": "KubernetesExecutor",
        "fernetKeySecretName": "airflow-fernet",
        "airflow": {"config": {"AIRFLOW__WEBSERVER__BASE_URL": "https://airflow.example.com"}},
        "scheduler": {"replicas": 2, "nodeSelector": {"pool": "data"}},
        "dags": git(branch="release", ref="release", subPath="airflow/dags", credentialsSecret="git"),
    },
    "ingress with paths and two hosts": {
        **K8S,
        "config": {"api": {"base_url": "https://airflow.example.com/airflow"}},
        "ingress": {
            "enabled": True,
            "apiServer": {
                "ingressClassName": "alb",
                "path": "/airflow",
                "pathType": "Prefix",
                "precedingPaths": [{"path": "/*", "pathType": "ImplementationSpecific", "serviceName": "a", "servicePort": "use-annotation"}],
                "hosts": [
                    {"name": "airflow.example.com", "tls": {"enabled": True, "secretName": "t1"}},
                    {"name": "airflow.intern.example.com", "tls": {"enabled": True, "secretName": "t2"}},
                ],
            },
        },
    },
    "a part of resources": {
        **K8S,
        "scheduler": {"resources": {"limits": {"memory": "512Mi"}}},
        "triggerer": {"resources": {"requests": {"memory": "2Gi"}, "limits": {"cpu": "1"}}},
        "dagProcessor": {"resources": {"requests": {"cpu": 1}, "limits": {"memory": "3Gi", "nvidia.com/gpu": 1}}},
    },
    "no first user, by the older switch": {**K8S, "webserver": {"defaultUser": {"enabled": False}}, "createUserJob": {"useHelmHooks": False}},
    "no first user": {**K8S, "createUserJob": {"enabled": False}},
    "git-sync 3 on a tag": {**K8S, "images": {"gitSync": {"tag": "v3.6.9"}}, "dags": git(rev="v1.4.2")},
    "a token in Base64": {**K8S, "dags": git(credentialsSecret="git-login"), "extraSecrets": {"git-login": {"data": TOKEN}}},
    "the chart's database by its host": {
        **K8S,
        "postgresql": {"enabled": True, "auth": {"username": "postgres", "password": "canary-5e0c"}},
        "data": {"metadataConnection": {"user": "postgres", "pass": "canary-5e0c", "host": "airflow-postgresql", "db": "airflow"}},
    },
    "templates in extraEnv": {
        **K8S,
        "extraEnv": "- name: STATSD_PREFIX\n  value: '{{ .Release.Name }}-prod'\n"
        "- name: SENTRY_DSN\n  valueFrom:\n    secretKeyRef: {name: sentry, key: dsn, optional: true}\n"
        "- name: NODE\n  valueFrom: {fieldRef: {fieldPath: spec.nodeName}}\n"
        "- name: PLAIN\n  value: text\n",
    },
    "single sign-on by a variable": {**LOCAL, "extraEnv": f"- name: AIRFLOW__CORE__AUTH_MANAGER\n  value: {KEYCLOAK}\n"},
    "single sign-on by configuration": {**LOCAL, "config": {"core": {"auth_manager": KEYCLOAK}}},
    "zero replicas": {**LOCAL, "workers": {"replicas": 0}, "triggerer": {"replicas": 0}},
    "workers that an autoscaler starts": {**CELERY, "workers": {"replicas": 0, "keda": {"enabled": True}}},
    "a user in the URL": {**K8S, "dags": git(repo="https://acme@dev.azure.com/acme/data/_git/dags", credentialsSecret="azdo")},
    "Secrets by name": {
        "executor": "KubernetesExecutor",
        "fernetKeySecretName": "airflow-fernet",
        "apiSecretKeySecretName": "airflow-api",
        "jwtSecretName": "airflow-jwt",
        "postgresql": {"enabled": False},
        "data": {"metadataSecretName": "airflow-db"},
        "dags": git(repo="git@github.com:acme/dags.git", sshKeySecret="airflow-git"),
    },
    "Secrets of Celery by name": {**CELERY, "data": {"brokerUrlSecretName": "broker"}, "redis": {"passwordSecretName": "redis"}},
    "more tasks before": LOCAL,
    "old local settings": {**K8S, "webserverSecretKeySecretName": "web", "airflowLocalSettings": OLD_LOCAL_SETTINGS},
    "user ids of OpenShift": {**K8S, "uid": 1002490000, "gid": 1002490000, "dags": git(uid=1002490000)},
}  # fmt: skip
