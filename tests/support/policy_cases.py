"""Resources that violate each policy, and resources that comply, by name of the rule."""

from dataclasses import dataclass
from typing import Any

from airflow_stack.choices import Tier
from airflow_stack.policies.model import RELEASE, Resource
from tests.support.cases import HOST_KEY

CANARY = "canary-5e1b"
RESOURCES = {"requests": {"cpu": "100m", "memory": "1Gi"}, "limits": {"memory": "1Gi"}}
KEY = f"-----BEGIN OPENSSH PRIVATE KEY-----\n{CANARY}\n-----END OPENSSH PRIVATE KEY-----\n"
_OFF = {"enabled": False}
_PASSWORD = "random:index/randomPassword:RandomPassword"
_CLUSTER = "kubernetes:postgresql.cnpg.io/v1:Cluster"


@dataclass(frozen=True)
class Case:
    """Violating and complying resources of a rule."""

    bad: list[Resource]
    good: list[Resource]
    tier: Tier = Tier.DEVELOPMENT


def release(values: dict[str, Any] | None = None, **inputs: Any) -> Resource:
    """A release of the Airflow chart."""
    given = {"name": "airflow", "chart": "airflow", "version": "1.22.0", "values": values or {}, **inputs}
    return Resource(RELEASE, "airflow-release", given)


def sync(**values: Any) -> Resource:
    """A release with git-sync."""
    return release({"dags": {"gitSync": {"enabled": True, **values}}})


def bundle(**kwargs: Any) -> Resource:
    """A release with a git bundle."""
    return release({"dagProcessor": {"dagBundleConfigList": [{"name": "dags-folder", "kwargs": kwargs}]}})


def pod(kind: str = "batch/v1:Job", protect: bool = False, **container: Any) -> Resource:
    """A workload with one container."""
    spec = {"template": {"spec": {"containers": [{"name": "main", "image": "apache/airflow:3.2.2", **container}]}}}
    return Resource(f"kubernetes:{kind}", "work", {"spec": spec}, protect)


def env(name: str, value: str, **more: Any) -> Resource:
    """A pod with a variable."""
    return pod(env=[{"name": name, "value": value, **more}])


def namespace(level: str | None, protect: bool = False) -> Resource:
    """A namespace with a Pod Security level."""
    labels = {"pod-security.kubernetes.io/enforce": level} if level else {}
    return Resource("kubernetes:core/v1:Namespace", "ns", {"metadata": {"labels": labels}}, protect)


_PRODUCTION, _STAGING = Tier.PRODUCTION, Tier.STAGING
_NAMED = {"fernetKeySecretName": "a", "apiSecretKeySecretName": "b", "jwtSecretName": "c"}
_POSTGRES: dict[str, Any] = {"kind": "apps/v1:StatefulSet", "image": "registry.example.com:5000/library/postgres:16.10"}
_CHART_COMPONENTS = ("apiServer", "scheduler", "dagProcessor", "triggerer", "statsd")
_SIZED = {
    **{name: {"resources": RESOURCES, "logGroomerSidecar": {"resources": RESOURCES}} for name in _CHART_COMPONENTS},
    **dict.fromkeys(("createUserJob", "migrateDatabaseJob"), _OFF),
    "executor": "KubernetesExecutor",
    "workers": {"kubernetes": {"resources": RESOURCES}},
}
_SSH = "git@git.example.com:acme/dags.git"
_SHARED = {
    "executor": "LocalExecutor",
    "dags": {"persistence": {"enabled": True}, "gitSync": {"enabled": True, "sshKeySecret": "a"}},
}

CASES = {
    "pinned-chart": Case(
        [release(version=None), release(version="1.x"), release(version=">=1.22"), release(chart="oci://r.example.com/airflow", version="")],
        [release(), release(chart="./airflow-1.22.0.tgz", version=None), release(chart="/charts/airflow", version=None)],
    ),
    "awaited-release": Case([release(skipAwait=True)], [release(), release(skipAwait=False)]),
    "no-helm-hooks": Case(
        [
            release({"createUserJob": _OFF}),
            release({"createUserJob": _OFF, "migrateDatabaseJob": {"useHelmHooks": False}}),
            release({"createUserJob": _OFF, "migrateDatabaseJob": _OFF, "extraSecrets": {"a": {"data": ""}}}),
        ],
        [
            release({"createUserJob": _OFF, "migrateDatabaseJob": _OFF, "extraConfigMaps": {"a": {"useHelmHooks": False}}}),
            release({key: {"useHelmHooks": False, "applyCustomEnv": False} for key in ("createUserJob", "migrateDatabaseJob")}),
        ],
    ),
    "own-keys": Case([release(), release({**_NAMED, "fernetKeySecretName": ""})], [release({**_NAMED, "data": {"metadataSecretName": "d"}})]),
    "no-default-admin": Case(
        [
            release(),
            release({"createUserJob": {"defaultUser": {"password": "admin"}}}),
            release({"createUserJob": _OFF, "webserver": {"defaultUser": {"username": "admin"}}}),
            release({"createUserJob": _OFF, "config": {"core": {"simple_auth_manager_all_admins": "True"}}}),
        ],
        [release({"createUserJob": _OFF}), release({"createUserJob": {"defaultUser": {"password": "unused"}}})],
    ),
    "bounded-volumes": Case(
        [
            release({"executor": "KubernetesExecutor"}),
            release({"executor": "CeleryExecutor", "triggerer": {"persistence": _OFF}}),
            release({"executor": "LocalExecutor", "triggerer": {"persistence": _OFF}}),
            release({"executor": "KubernetesExecutor", "triggerer": {"persistence": _OFF}, "logs": {"persistence": {"enabled": True}}}),
        ],
        [
            release({"executor": "KubernetesExecutor", "triggerer": {"persistence": {"size": "5Gi"}}}),
            release({"triggerer": {"persistence": _OFF}, "workers": {"celery": {"persistence": _OFF}}}),
            release(
                {
                    "executor": "KubernetesExecutor",
                    "triggerer": {"persistence": _OFF},
                    "logs": {"persistence": {"enabled": True, "existingClaim": "logs"}},
                }
            ),
        ],
    ),
    "no-shared-dag-volume": Case([release(_SHARED)], [
            release({**_SHARED, "executor": "CeleryExecutor"}),
            release({**_SHARED, "dags": {"persistence": {"enabled": True}, "gitSync": {"enabled": True, "credentialsSecret": "a"}}}),
            sync(sshKeySecret="a"),
        ]),
    "known-hosts": Case(
        [
            sync(repo=_SSH),
            sync(repo="ssh://git@git.example.com:2222/dags.git", knownHosts=" \n"),
            sync(repo=_SSH, knownHosts=HOST_KEY),
            sync(repo=_SSH, knownHosts=f"git.example.org {HOST_KEY}"),
            sync(repo=_SSH, knownHosts=f"git.example.com {HOST_KEY}", env=[{"name": "GITSYNC_SSH_KNOWN_HOSTS", "value": "false"}]),
            release({"env": [{"name": "AIRFLOW_CONN_GIT", "value": '{"extra": {"strict_host_key_checking": "no"}}'}]}),
            release({"env": [{"name": "GIT_SSH_COMMAND", "value": "ssh -o StrictHostKeyChecking=no"}]}),
        ],
        [
            sync(repo=_SSH, knownHosts=f"git.example.com {HOST_KEY}"),
            sync(repo="https://git.example.com/acme/dags.git"),
            release({"env": [{"name": "AIRFLOW_CONN_GIT", "value": '{"extra": {"strict_host_key_checking": "yes"}}'}]}),
        ],
    ),
    "branch-is-ref": Case(
        [sync(ref="v1.2.3"), sync(branch="main"), sync(branch="", ref="v1"), sync(branch="main", ref="main", rev="v1.2.3")],
        [sync(branch="main", ref="main"), sync(branch="", ref="v1.2.3", rev=""), release()],
    ),
    "production-ref": Case(
        [sync(branch="main", ref="main"), sync(branch="", ref="refs/heads/master", rev=""), bundle(tracking_ref="develop")],
        [sync(branch="release", ref="release"), sync(branch="", ref="0" * 40, rev=""), bundle(tracking_ref="refs/tags/v1"), release()],
        _PRODUCTION,
    ),
    "staging-ref": Case(
        [sync(branch="release", ref="release"), sync(branch="", ref="v1.2.3", rev=""), bundle(tracking_ref="refs/tags/2026.11")],
        [sync(branch="main", ref="main"), bundle(tracking_ref="releasing-soon"), release()],
        _STAGING,
    ),
    "pinned-images": Case(
        [pod(image="apache/airflow:stable"), pod(image="r.example.com:5000/airflow:3"), release({"images": {"statsd": {"tag": "main"}}})],
        [
            pod(),
            pod(image="apache/airflow@sha256:abc"),
            pod(image="r.example.com:5000/airflow:main@sha256:abc"),
            pod(image="acme/airflow:8a0da78"),
            release({"defaultAirflowTag": "3.2.2", "images": {"redis": {"tag": "7.2-bookworm"}}}),
        ],
    ),
    "no-latest-tag": Case(
        [
            pod(image="apache/airflow:latest"),
            pod(image="r.example.com:5000/airflow"),
            release({"defaultAirflowTag": "latest"}),
            release({"images": {"gitSync": {"repository": "acme/git-sync", "tag": "latest"}}}),
            release({"scheduler": {"extraContainers": [{"name": "a", "image": "acme/a"}]}}),
        ],
        [pod(), pod(image="apache/airflow:latest@sha256:abc"), release({"images": {"airflow": {"repository": "acme/airflow", "tag": None}}})],
    ),
    "resources-set": Case(
        [
            pod(),
            pod(resources={"requests": RESOURCES["requests"]}),
            release({**_SIZED, "statsd": {}}),
            release({**_SIZED, "executor": "CeleryExecutor"}),
            release({**_SIZED, "dags": {"gitSync": {"enabled": True}}}),
        ],
        [pod(resources=RESOURCES), release(_SIZED), release({**_SIZED, "statsd": _OFF})],
    ),
    "pod-security": Case([namespace(None), namespace("baseline")], [namespace("restricted")]),
    "no-plaintext-secrets": Case(
        [
            *(release({name: CANARY}) for name in ("fernetKey", "apiSecretKey", "jwtSecret", "webserverSecretKey")),
            release({"dags": {"gitSync": {"sshKey": KEY}}}),
            release({"data": {"brokerUrl": f"redis://:{CANARY}@redis:6379/0"}}),
            release({"data": {"metadataConnection": {"pass": CANARY}}}),
            release({"postgresql": {"auth": {"postgresPassword": CANARY}}}),
            release({"config": {"smtp": {"smtp_password": CANARY}}}),
            release({"config": {"api_auth": {"jwt_secret": CANARY}}}),
            release({"config": {"secrets": {"backend_kwargs": f'{{"vault": {{"token": "{CANARY}"}}}}'}}}),
            release({"extraSecrets": {"a": {"stringData": f"key: {CANARY}"}}}),
            release({"extraEnv": f"- name: API_KEY\n  value: {CANARY}\n"}),
            release({"scheduler": {"env": [{"name": "SNOWFLAKE_PASSWORD", "value": CANARY}]}}),
            release({"env": [{"name": "AIRFLOW_CONN_DB", "value": f"postgres://af:{CANARY}@db/af"}]}),
            release({"env": [{"name": "HARMLESS", "value": f"ghp_{CANARY.replace('-', '')}{'x' * 20}"}]}),
            release({"podAnnotations": {"note": f"https://user:{CANARY}@example.com"}}),
            env("GITHUB_TOKEN", CANARY),
            env("AWS_SECRET_ACCESS_KEY", CANARY),
            pod(args=["sh", "-c", f"psql postgresql://af:{CANARY}@db/af"]),
            Resource("kubernetes:core/v1:ConfigMap", "map", {"data": {"id_ed25519": KEY}}),
        ],
        [
            release({**_NAMED, "dags": {"gitSync": {"sshKeySecret": "airflow-ssh-secret", "repo": _SSH}}}),
            release({"secret": [{"envName": "SMTP_PASSWORD", "secretName": "smtp", "secretKey": "password"}]}),
            release({"config": {"core": {"fernet_key_cmd": "cat /key", "sql_alchemy_conn_secret": "airflow/db"}}}),
            release({"apiServer": {"podAnnotations": {"checksum/airflow-redis-password": "0123456789abcdef"}}}),
            release({"redis": {"passwordSecretName": "airflow-redis-password"}, "tls": {"existingSecret": "tls"}}),
            env("AIRFLOW__CORE__FERNET_KEY_SECRET", "airflow/fernet"),
            env("AIRFLOW_CONN_AWS", '{"conn_type": "aws", "extra": {"region_name": "eu-central-1"}}'),
            env("USE_TOKEN", "true"),
            env("TOKEN_FILE", "/run/token"),
            pod(env=[{"name": "DB_PASSWORD", "valueFrom": {"secretKeyRef": {"name": "db", "key": "password"}}}]),
        ],
    ),
    "verified-tls": Case([env("PYTHONHTTPSVERIFY", "0"), release({"config": {"kubernetes_executor": {"verify_ssl": "False"}}})], [env("PYTHONHTTPSVERIFY", "1"), release()]),
    "encrypted-connections": Case(
        [
            release({"ingress": {"apiServer": {"enabled": True, "hosts": [{"name": "airflow.example.com"}]}}}),
            release({"apiServer": {"service": {"type": "LoadBalancer"}}}),
            sync(repo="http://git.example.com/dags.git"),
            release(repositoryOpts={"repo": "http://charts.example.com"}),
        ],
        [release({"ingress": {"apiServer": {"enabled": True, "hosts": [{"name": "a", "tls": {"enabled": True, "secretName": "t"}}]}}}), release()],
        _PRODUCTION,
    ),
    "encrypted-database": Case(
        [Resource("kubernetes:core/v1:Secret", "metadata", {"stringData": {"connection": f"postgresql://af:{CANARY}@db.example.com/af?sslmode=prefer"}})],
        [Resource("kubernetes:core/v1:Secret", "metadata", {"stringData": {"connection": "postgresql://af:x@db.example.com/af?sslmode=require"}}), release()],
        _PRODUCTION,
    ),
    "no-privileges": Case(
        [pod(securityContext={"privileged": True}), release({"executor": "KubernetesExecutor", "volumes": [{"name": "a", "hostPath": {"path": "/"}}]})],
        [pod(), release({"executor": "KubernetesExecutor"})],
        _PRODUCTION,
    ),
    "production-database": Case([release(), pod(**_POSTGRES)], [release({"postgresql": _OFF}), pod()], _PRODUCTION),
    "production-logs": Case(
        [release()],
        [release({"config": {"logging": {"remote_logging": "True", "remote_base_log_folder": "s3://a"}}}), release({"logs": {"persistence": {"enabled": True}}})],
        _PRODUCTION,
    ),
    "production-protection": Case(
        [
            namespace("restricted"),
            pod(**_POSTGRES),
            Resource(_PASSWORD, "airflow-fernet-key-2", {}),
            Resource(_PASSWORD, "airflow-database-password-1", {}),
            Resource(_CLUSTER, "airflow-database-cluster", {}),
        ],
        [
            namespace("restricted", protect=True),
            pod(protect=True, **_POSTGRES),
            pod(),
            Resource(_PASSWORD, "airflow-fernet-key-2", {}, protect=True),
            Resource(_PASSWORD, "airflow-jwt-secret-1", {}),
        ],
        _PRODUCTION,
    ),
}  # fmt: skip
