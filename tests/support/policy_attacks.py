"""Ways around each policy, and harmless look-alikes: what each rule must catch, and what it must accept."""

import json
from dataclasses import dataclass, field
from typing import Any

from airflow_stack.choices import Tier
from airflow_stack.policies.model import RELEASE, Resource
from tests.support.policy_cases import bundle, env, pod, release, sync

_OFF = {"enabled": False}


@dataclass(frozen=True)
class Attacks:
    """Resources of one rule."""

    caught: list[Resource]
    accepted: list[Resource] = field(default_factory=list)
    tier: Tier = Tier.DEVELOPMENT


def values(**given: Any) -> Resource:
    """A release without the chart's own user and Jobs."""
    return release({"createUserJob": _OFF, "migrateDatabaseJob": _OFF, **given})


def variable(name: str, value: str, at: str = "env") -> Resource:
    """A release with one variable in every container, or in those of one component."""
    return values(
        **(
            {"env": [{"name": name, "value": value}]}
            if at == "env"
            else {at: {"env": [{"name": name, "value": value}]}}
        )
    )


def object_(kind: str, **props: Any) -> Resource:
    """A plain object."""
    return Resource(f"kubernetes:{kind}", "object", props)


def public(text: str) -> Resource:
    """A release with a `webserver_config.py`."""
    return values(apiServer={"apiServerConfig": text})


NAMED = {
    "fernetKeySecretName": "a",
    "apiSecretKeySecretName": "b",
    "jwtSecretName": "c",
    "data": {"metadataSecretName": "d"},
}
ALL_ADMINS = "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_ALL_ADMINS"
POD = "spec:\n  containers:\n    - name: base\n"
GIT_VERIFY = {"GIT_CONFIG_COUNT": "1", "GIT_CONFIG_KEY_0": "http.sslVerify", "GIT_CONFIG_VALUE_0": "false"}


def connection(name: str = "git-connections", **content: Any) -> Resource:
    """A Secret with an Airflow connection."""
    return object_("core/v1:Secret", stringData={name: json.dumps({"conn_type": "git", **content})})


def database(query: str, host: str = "db.example.com") -> Resource:
    """The Secret with the metadata connection."""
    return object_("core/v1:Secret", stringData={"connection": f"postgresql://af:x@{host}:5432/af{query}"})


def ingress(component: str = "apiServer", host: Any = None, **more: Any) -> Resource:
    """A release with an Ingress."""
    return values(ingress={component: {"enabled": True, "hosts": [host or {"name": "airflow.example.com"}], **more}})


ATTACKS = {
    "no-default-admin": Attacks(
        [
            variable(ALL_ADMINS, "True"), variable(ALL_ADMINS, "1"), variable(ALL_ADMINS, "t", "apiServer"), variable(ALL_ADMINS, "true", "webserver"),
            env(ALL_ADMINS, "true"), values(extraEnv=f"- name: {ALL_ADMINS}\n  value: 'True'\n"),
            values(secret=[{"envName": ALL_ADMINS, "secretName": "s", "secretKey": "k"}]),
            values(env=[{"name": ALL_ADMINS, "valueFrom": {"configMapKeyRef": {"name": "a", "key": "b"}}}]),
            values(config={"core": {"SIMPLE_AUTH_MANAGER_ALL_ADMINS": True}}), values(config={"core": {"simple_auth_manager_all_admins": "true"}}),
            public("AUTH_ROLE_PUBLIC = 'Admin'"), public('AUTH_ROLE_PUBLIC="Op"'), public("AUTH_ROLE_PUBLIC: str = 'User'"),
            public("x = 1\nif x:\n    AUTH_ROLE_PUBLIC = 'Ad' + 'min'\n"), public("import os\nAUTH_ROLE_PUBLIC = os.environ['ROLE']"),
            public("globals()['AUTH_ROLE_PUBLIC'] = 'Admin'"), public("vars().update(AUTH_ROLE_PUBLIC='Admin')"),
            public("AUTH_ROLE_PUBLIC = 'Viewer'\nAUTH_ROLE_PUBLIC = 'Admin'"), public("AUTH_ROLE_PUBLIC = X = 'Admin'"),
            public("{{ .Values.x }}\nAUTH_ROLE_PUBLIC = 'Admin'\n"), public("{{ if true }}\n  AUTH_ROLE_PUBLIC = '{{ .Values.role }}'\n{{ end }}"),
            values(webserver={"webserverConfig": "AUTH_ROLE_PUBLIC = 'Admin'"}),
            values(extraConfigMaps={"a": {"useHelmHooks": False, "data": "webserver_config.py: |\n  AUTH_ROLE_PUBLIC = 'Admin'\n"}}),
            object_("core/v1:ConfigMap", data={"webserver_config.py": "AUTH_ROLE_PUBLIC = 'Admin'"}),
            variable("AIRFLOW__API__AUTH_BACKENDS", "airflow.api.auth.backend.default"),
            values(config={"api": {"auth_backends": "airflow.api.auth.backend.session,airflow.api.auth.backend.default"}}),
            values(config={"fab": {"auth_backends": "airflow.providers.fab.auth_manager.api.auth.backend.default"}}),
            release({"createUserJob": {"defaultUser": {"password": "Admin"}}}), release({"createUserJob": {"defaultUser": {"username": "root"}}}),
            env("_AIRFLOW_WWW_USER_PASSWORD", "airflow"), values(flower={"enabled": True}), values(flower={"enabled": True, "username": "a"}),
        ],
        [
            variable(ALL_ADMINS, "False"), variable(ALL_ADMINS, ""), variable(f"X_{ALL_ADMINS}", "True"), values(config={"core": {"simple_auth_manager_all_admins": "False"}}),
            public("# AUTH_ROLE_PUBLIC = 'Admin'\nAUTH_TYPE = AUTH_OAUTH"), public("AUTH_ROLE_PUBLIC = 'Public'"), public("AUTH_ROLE_PUBLIC = 'Viewer'  # reads"),
            public("AUTH_ROLE_PUBLIC = ''"), public("AUTH_ROLE_PUBLIC = None"), public("AUTH_ROLE_ADMIN = 'Admin'"), public("MY_AUTH_ROLE_PUBLICITY = 'Admin'"),
            public("{{ .Values.x }}\n# AUTH_ROLE_PUBLIC = 'Admin'\nAUTH_ROLE_PUBLIC = 'Viewer'\n"),
            values(config={"api": {"auth_backends": "airflow.providers.fab.auth_manager.api.auth.backend.session"}}),
            values(config={"core": {"auth_manager": "airflow.providers.fab.auth_manager.fab_auth_manager.FabAuthManager"}}),
            values(flower={"enabled": True, "secretName": "flower"}), values(flower={"enabled": True, "username": "a", "password": "b"}),
            values(flower={"enabled": True}, executor="KubernetesExecutor"), release({"createUserJob": {"defaultUser": {"password": "x7-long"}}}),
        ],
    ),
    "known-hosts": Attacks(
        [
            sync(env=[{"name": "GIT_SSL_NO_VERIFY", "value": "true"}]), sync(env=[{"name": "GIT_SSL_NO_VERIFY", "value": "false"}]),
            sync(env=[{"name": "GIT_SSL_NO_VERIFY", "value": ""}]), variable("GIT_SSL_NO_VERIFY", "1"), variable("GIT_SSL_NO_VERIFY", "1", "dagProcessor"),
            values(secret=[{"envName": "GIT_SSL_NO_VERIFY", "secretName": "s", "secretKey": "k"}]), env("GIT_SSL_NO_VERIFY", "1"),
            values(extraEnv="- name: GIT_SSL_NO_VERIFY\n  value: '1'\n"), values(workers={"celery": {"env": [{"name": "GIT_SSL_NO_VERIFY", "value": "1"}]}}),
            sync(env=[{"name": "GITSYNC_GIT_CONFIG", "value": "http.sslVerify:false"}]), sync(env=[{"name": "GIT_SYNC_GIT_CONFIG", "value": 'a:b,"HTTP.SSLVERIFY" : "off"'}]),
            sync(env=[{"name": "GITSYNC_GIT_CONFIG", "value": "http.https://git.example.com.sslVerify:0"}]),
            sync(env=[{"name": name, "value": value} for name, value in GIT_VERIFY.items()]),
            variable("GIT_CONFIG_PARAMETERS", "'http.sslVerify=false'"), values(extraConfigMaps={"git": {"useHelmHooks": False, "data": "config: |\n  [http]\n    sslVerify = false\n"}}),
            values(extraInitContainers=[{"name": "a", "command": ["git", "config", "--global", "http.sslVerify", "false"]}]),
            pod(args=["sh", "-c", "git -c http.sslVerify=false clone x"]),
            sync(repo="http://git.example.com/dags.git", credentialsSecret="token"), sync(repo="HTTP://git.example.com/dags.git", credentialsSecret="token"),
            connection(host="http://git.example.com/dags.git", password="x"),
            sync(repo="git.example.com:acme/dags.git"), sync(repo="SSH://git@git.example.com/dags.git"), sync(repo="git+ssh://git@git.example.com/dags.git"),
        ],
        [
            sync(repo="https://git.example.com/dags.git", credentialsSecret="token"), sync(repo="http://git.example.com/dags.git"),
            sync(env=[{"name": "GIT_SSL_CAINFO", "value": "/ca/ca.crt"}]), sync(env=[{"name": "GITSYNC_GIT_CONFIG", "value": "http.sslVerify:true"}]),
            sync(env=[{"name": "GITSYNC_GIT_CONFIG", "value": "http.sslCAInfo:/ca/no.crt"}]), variable("X_GIT_SSL_NO_VERIFY", "1"),
            sync(env=[{"name": "GIT_CONFIG_KEY_0", "value": "http.sslVerify"}, {"name": "GIT_CONFIG_VALUE_0", "value": "true"}]),
            values(extraConfigMaps={"git": {"useHelmHooks": False, "data": "config: |\n  [http]\n    # sslVerify = false\n"}}),
            connection(host="https://git.example.com/dags.git", password="x"), connection(host="http://git.example.com/dags.git"),
        ],
    ),
    "verified-tls": Attacks(
        [
            variable("PYTHONHTTPSVERIFY", "0"), env("NODE_TLS_REJECT_UNAUTHORIZED", "0"), variable("AIRFLOW__KUBERNETES_EXECUTOR__VERIFY_SSL", "False"),
            values(config={"kubernetes_executor": {"verify_ssl": False}}), values(config={"elasticsearch_configs": {"verify_certs": "False"}}),
            variable("AIRFLOW_CONN_API", '{"conn_type": "http", "extra": {"verify": false}}'), variable("AIRFLOW_CONN_API", '{"extra": "{\\"verify_ssl\\": false}"}'),
            values(extraConfigMaps={"a": {"useHelmHooks": False, "data": "clusters:\n- cluster:\n    insecure-skip-tls-verify: true\n"}}),
        ],
        [
            variable("PYTHONHTTPSVERIFY", "1"), variable("AIRFLOW__KUBERNETES_EXECUTOR__VERIFY_SSL", "True"), values(config={"kubernetes_executor": {"verify_ssl": True}}),
            variable("AIRFLOW_CONN_API", '{"extra": {"verify": "/ca/ca.crt"}}'), variable("AIRFLOW_CONN_API", "{not json"), env("SSL_CERT_FILE", "/ca/ca.crt"),
            values(config={"smtp": {"smtp_ssl": False}}),
        ],
    ),
    "encrypted-connections": Attacks(
        [
            ingress(), ingress("web"), ingress("flower"), ingress(host="airflow.example.com"), ingress(host={"name": "a", "tls": {"enabled": False, "secretName": "t"}}),
            values(ingress={"apiServer": {"enabled": True}}), values(ingress={"enabled": True}), values(ingress={"apiServer": {"enabled": True, "hosts": [{"name": "a", "tls": {"enabled": True}}, {"name": "b"}]}}),
            ingress(annotations={"nginx.ingress.kubernetes.io/ssl-redirect": "true"}),
            values(apiServer={"service": {"type": "LoadBalancer"}}), values(apiServer={"service": {"type": "NodePort"}}),
            values(config={"api": {"base_url": "http://airflow.example.com"}}), variable("AIRFLOW__API__BASE_URL", "http://airflow.example.com"),
            sync(repo="http://git.example.com/dags.git"), sync(repo="git://git.example.com/dags.git"), bundle(repo_url="http://git.example.com/dags.git"),
            connection(host="http://git.example.com/dags.git"), release(repositoryOpts={"repo": "http://charts.example.com"}),
            Resource(RELEASE, "other", {"name": "x", "chart": "http://charts.example.com/x-1.0.0.tgz", "version": "1.0.0"}),
            object_("networking.k8s.io/v1:Ingress", spec={"rules": [{"http": {"paths": [{"backend": {"service": {"name": "airflow-api-server"}}}]}}]}),
        ],
        [
            ingress(host={"name": "a", "tls": {"enabled": True, "secretName": "t"}}), ingress(tls={"enabled": True, "secretName": "t"}),
            ingress(annotations={"alb.ingress.kubernetes.io/certificate-arn": "arn:aws:acm:x"}), ingress(annotations={"networking.gke.io/managed-certificates": "a"}),
            ingress(annotations={"traefik.ingress.kubernetes.io/router.tls": "true"}), values(ingress={"apiServer": {"enabled": False, "hosts": [{"name": "a"}]}}),
            values(apiServer={"service": {"type": "ClusterIP"}}),
            values(ingress={"apiServer": {"enabled": True, "hosts": [{"name": "a"}]}}, config={"api": {"base_url": "https://a"}}),
            values(apiServer={"service": {"type": "LoadBalancer", "annotations": {"service.beta.kubernetes.io/aws-load-balancer-ssl-cert": "arn"}}}),
            values(apiServer={"service": {"type": "LoadBalancer"}}, config={"api": {"ssl_cert": "/tls/tls.crt"}}),
            values(config={"api": {"base_url": "http://localhost:8080"}}), values(config={"api": {"base_url": "https://airflow.example.com"}}),
            sync(repo="https://git.example.com/dags.git"), sync(repo="git@git.example.com:acme/dags.git"), release(repositoryOpts={"repo": "https://airflow.apache.org"}),
            object_("networking.k8s.io/v1:Ingress", spec={"tls": [{"secretName": "t"}], "rules": [{"http": {"paths": [{"backend": {"service": {"name": "airflow-api-server"}}}]}}]}),
            object_("networking.k8s.io/v1:Ingress", spec={"rules": [{"http": {"paths": [{"backend": {"service": {"name": "grafana"}}}]}}]}),
        ],
        Tier.PRODUCTION,
    ),
    "encrypted-database": Attacks(
        [
            database("?sslmode=disable"), database("?sslmode=prefer"), database("?sslmode=allow"), database(""), database("?a=b&sslmode=disable"), database("?sslmode=require&sslmode=disable"),
            values(postgresql=_OFF, data={"metadataConnection": {"host": "db"}}), values(postgresql=_OFF, data={"metadataConnection": {"sslmode": "prefer"}}),
            object_("core/v1:Secret", stringData={"asyncConnection": "postgresql+asyncpg://af:x@db:5432/af?ssl=disable"}),
        ],
        [
            database("?sslmode=require"), database("?sslmode=verify-full"), database("", "airflow-database"), values(data={"metadataSecretName": "a"}),
            values(postgresql=_OFF, data={"metadataConnection": {"sslmode": "verify-full"}}), object_("core/v1:Secret", stringData={"note": "postgresql is fine"}),
            object_("core/v1:Secret", stringData={"connection": "redis://:x@redis:6379/0"}),
        ],
        Tier.PRODUCTION,
    ),
    "no-privileges": Attacks(
        [
            pod(securityContext={"privileged": True}), pod(securityContext={"privileged": "true"}), pod(securityContext={"runAsUser": 0}), pod(securityContext={"runAsNonRoot": False}),
            pod(securityContext={"allowPrivilegeEscalation": True}), pod(securityContext={"capabilities": {"add": ["SYS_ADMIN"]}}), pod(securityContext={"capabilities": {"add": ["ALL"]}}),
            object_("core/v1:Pod", spec={"hostNetwork": True}), object_("apps/v1:DaemonSet", spec={"template": {"spec": {"hostPID": True}}}),
            object_("batch/v1:CronJob", spec={"jobTemplate": {"spec": {"template": {"spec": {"hostIPC": "true"}}}}}), object_("core/v1:PersistentVolume", spec={"hostPath": {"path": "/"}}),
            object_("apps/v1:Deployment", spec={"template": {"spec": {"volumes": [{"name": "a", "hostPath": {"path": "/"}}]}}}),
            object_("apps/v1:Deployment", spec={"template": {"spec": {"ephemeralContainers": [{"name": "a", "securityContext": {"privileged": True}}]}}}),
            values(volumes=[{"name": "a", "hostPath": {"path": "/var/run"}}]), values(scheduler={"extraVolumes": [{"name": "a", "hostPath": {"path": "/"}}]}),
            values(scheduler={"extraContainers": [{"name": "a", "securityContext": {"privileged": True}}]}), values(uid=0), values(scheduler={"uid": 0}), values(redis={"uid": 0}),
            values(securityContexts={"pod": {"runAsUser": 0}}), values(workers={"celery": {"hostNetwork": True}}), values(workers={"securityContexts": {"container": {"runAsUser": "0"}}}),
            values(podTemplate=f"{POD}      securityContext:\n        privileged: true\n"), values(podTemplate=f"{POD}  hostNetwork: true\n"),
            values(podTemplate="spec:\n  {{- if true }}\n  hostNetwork: true\n  {{- end }}\n"), values(podTemplate='{{ .x }}\n  volumes: [{"name": "a", "hostPath": {"path": "/"}}]\n'),
            values(executor="CeleryExecutor"),
        ],
        [
            pod(), pod(securityContext={"runAsUser": 50000, "runAsNonRoot": False}), pod(securityContext={"runAsNonRoot": True, "allowPrivilegeEscalation": False, "privileged": False}),
            pod(securityContext={"capabilities": {"drop": ["ALL"]}}), pod(securityContext={"capabilities": {"add": ["NET_BIND_SERVICE"]}}), pod(securityContext={"runAsGroup": 0, "fsGroup": 0}),
            values(executor="KubernetesExecutor", gid=0), values(executor="KubernetesExecutor", labels={"privileged": "true"}, nodeSelector={"hostNetwork": "true"}),
            values(executor="KubernetesExecutor", scheduler={"podAnnotations": {"hostPath": "/x"}}), values(executor="KubernetesExecutor", podTemplate=f"{POD}  # hostNetwork: true\n"),
            values(executor="KubernetesExecutor", podTemplate="{{ .x }}\n  # hostNetwork: true\n  hostNetwork: false\n"),
            values(executor="CeleryExecutor", redis={"securityContexts": {"pod": {"runAsUser": 999}}}), values(executor="CeleryExecutor", redis={"enabled": False}),
            object_("apiextensions.k8s.io/v1:CustomResourceDefinition", spec={"schema": {"hostPath": {"type": "string"}, "privileged": {"type": "boolean"}}}),
        ],
        Tier.PRODUCTION,
    ),
    "pod-security": Attacks(
        [
            object_("core/v1:Namespace", metadata={"labels": {"pod-security.kubernetes.io/enforce": "Restricted"}}), object_("core/v1:Namespace"),
            object_("core/v1:Namespace", metadata={"labels": {"pod-security.kubernetes.io/warn": "restricted"}}),
            object_("core/v1:NamespacePatch", metadata={"labels": {"pod-security.kubernetes.io/enforce": "privileged"}}),
        ],
        [
            object_("core/v1:NamespacePatch", metadata={"labels": {"team": "a"}}), object_("core/v1:ServiceAccount"),
            object_("core/v1:NamespacePatch", metadata={"labels": {"pod-security.kubernetes.io/enforce": "restricted"}}),
        ],
    ),
    "pinned-chart": Attacks(
        [release(version=each) for each in ("^1.22.0", "~1.22.0", "1.22", "1.22.x", "*", "1.22.0 - 1.23.0", "1.22.0 || 1.23.0", "latest", ">=1.22.0")],
        [release(version=each) for each in ("1.22.0", "v1.22.0", "1.22.0-rc1", "1.22.0+build.1")],
    ),
    "awaited-release": Attacks([release(skipAwait="true")], [release(skipAwait="false")]),
    "own-keys": Attacks(
        [release({**NAMED, name: empty}) for name in ("fernetKeySecretName", "apiSecretKeySecretName", "jwtSecretName") for empty in ("", None)]
        + [release({**NAMED, "data": {"metadataSecretName": ""}})],
        [release(NAMED)],
    ),
    "bounded-volumes": Attacks(
        [
            values(executor="KubernetesExecutor", triggerer={"persistence": {"enabled": "true"}}),
            values(executor="CeleryExecutor,KubernetesExecutor", triggerer={"persistence": _OFF}),
            values(executor="CeleryExecutor", triggerer={"persistence": _OFF}, workers={"celery": {"persistence": {"enabled": True}}}),
        ],
        [values(executor="CeleryExecutor", triggerer={"persistence": {"enabled": "false"}}, workers={"persistence": {"size": "5Gi"}})],
    ),
    "branch-is-ref": Attacks(
        [sync(branch="main", ref=""), sync(ref="0" * 40), sync(branch="main", ref="main", rev="0" * 40), sync(branch="", ref="v1", rev="HEAD")],
        [sync(branch="main", ref="main", rev="HEAD"), sync(branch="", ref="0" * 40, rev="")],
    ),
    "staging-ref": Attacks(
        [sync(branch="origin/release", ref="origin/release"), sync(branch="", ref="refs/tags/1.2.3", rev=""), bundle(tracking_ref="production/eu")],
        [sync(branch="main", ref="main"), bundle(tracking_ref="product"), bundle(tracking_ref="alive")],
        Tier.STAGING,
    ),
    "production-protection": Attacks(
        [Resource("kubernetes:core/v1:PersistentVolumeClaim", "logs", {}), Resource("random:index/randomBytes:RandomBytes", "airflow-fernet-key-1", {})],
        [Resource("kubernetes:core/v1:ConfigMap", "a", {}), Resource("random:index/randomPassword:RandomPassword", "other", {})],
        Tier.PRODUCTION,
    ),
    "resources-set": Attacks(
        [pod(resources={"requests": {"cpu": "1", "memory": "1Gi"}, "limits": {"cpu": "1"}}), pod("core/v1:Pod", resources={}), pod(resources={"limits": {"cpu": "1", "memory": "1Gi"}})],
        [pod(resources={"requests": {"cpu": "1", "memory": "1Gi"}, "limits": {"memory": "1Gi", "cpu": "2"}})],
    ),
    "no-latest-tag": Attacks(
        [pod(image="apache/airflow:latest-python3.12"), pod(image="apache/airflow:slim-latest"), pod(image="apache/airflow:slim-latest-python3.12")],
        [pod(image="apache/airflow:3.3.2-python3.12"), pod(image="acme/latest:1.0.0")],
    ),
    "pinned-images": Attacks(
        [pod(image="apache/airflow:main-python3.12"), pod(image="acme/airflow:stable-alpine3.19"), pod(image="acme/airflow:v3")],
        [pod(image="apache/airflow:3.3.2-python3.12"), pod(image="apache/airflow:slim-3.3.2"), pod(image="acme/a:20261128"), pod(image="acme/a:8a0da78")],
    ),
    "production-database": Attacks(
        [pod("apps/v1:Deployment", image="postgres"), pod("apps/v1:StatefulSet", image="docker.io/library/postgres:16")],
        [
            pod("batch/v1:Job", image="postgres:16.10"), pod("batch/v1:CronJob", image="postgres:16.10"), pod("apps/v1:Deployment", image="acme/postgres-exporter:1.0.0"),
            object_("apps/v1:Deployment", spec={"template": {"spec": {"initContainers": [{"name": "wait", "image": "postgres:16.10"}], "containers": []}}}),
        ],
        Tier.PRODUCTION,
    ),
    "production-logs": Attacks(
        [
            values(config={"logging": {"remote_logging": "True"}}), values(config={"logging": {"remote_logging": "False", "remote_base_log_folder": "s3://a"}}),
            values(config={"logging": {"remote_logging": "True", "remote_base_log_folder": "s3://a"}}, env=[{"name": "AIRFLOW__LOGGING__REMOTE_LOGGING", "value": "False"}]),
        ],
        [
            values(config={"logging": {"remote_logging": True, "remote_base_log_folder": "s3://a"}}),
            values(env=[{"name": "AIRFLOW__LOGGING__REMOTE_LOGGING", "value": "True"}, {"name": "AIRFLOW__LOGGING__REMOTE_BASE_LOG_FOLDER", "value": "s3://a"}]),
            values(elasticsearch={"enabled": True}),
        ],
        Tier.PRODUCTION,
    ),
    "production-ref": Attacks(
        [sync(branch="origin/main", ref="origin/main"), sync(branch="heads/master", ref="heads/master"), bundle(tracking_ref="refs/remotes/origin/develop")],
        [sync(branch="mainframe", ref="mainframe"), bundle(tracking_ref="release/main")],
        Tier.PRODUCTION,
    ),
}  # fmt: skip
