"""The stand-in chart renders the program's values like the official chart, and refuses other values.

The comparison needs the official chart in AIRFLOW_CHART (a folder or a packed chart). The other tests run without it.
"""

import configparser
import json
import os
import re
import subprocess
from collections.abc import Callable
from functools import cache

import pytest
import yaml

from airflow_stack.chart.values import chart_values
from airflow_stack.cli.helm import find_helm
from airflow_stack.settings.models import Settings
from tests.support.cases import BUNDLES, IMAGE
from tests.support.cases import CONTRACT_CHART as CONTRACT
from tests.support.manifests import Manifest, containers, pods

Facts = Callable[[list[Manifest]], object]

OFFICIAL = os.environ.get("AIRFLOW_CHART", "")


GIT = {
    "ssh": {"repository": "git@github.com:acme/dags.git", "authentication": "sshKey"},
    "token": {"repository": "https://github.com/acme/dags.git", "authentication": "token"},
    "app": {"repository": "https://github.com/acme/dags.git", "githubApp": {"applicationId": 1, "installationId": 2}},
    "public": {"repository": "https://github.com/acme/dags.git", "tag": "v1", "authentication": "none"},
}
PREFERRED = {"weight": 1, "preference": {"matchExpressions": [{"key": "disk", "operator": "Exists"}]}}
MORE: dict[str, Manifest] = {
    "ingress": {
        "ingress": {"host": "a.example.com", "controllerNamespace": "ingress", "className": "nginx", "tlsSecret": "tls"}
    },
    "environment": {
        "environment": {"MODE": "on"},
        "environmentFrom": {"TOKEN": {"secret": "mine", "key": "token"}},
        "labels": {"team": "data"},
        "serviceAccountAnnotations": {"iam": "role"},
        "images": {"registry": "registry.example.com/mirror", "pullSecrets": ["pull"]},
    },
    "sizes": {"size": "large", "logs": {"volume": {"size": "5Gi"}}},
    "image": IMAGE,
    "bundle": {
        "dags": BUNDLES["bundle, several"],
        "values": {
            "volumes": [{"name": "key", "secret": {"secretName": "deploy-key", "defaultMode": 288}}],
            "volumeMounts": [{"name": "key", "mountPath": "/key"}],
            "extraEnv": "- {name: RELEASE, value: '{{ .Release.Name }}'}",
            "statsd": {"enabled": False},
        },
    },
    "placement": {
        "placement": {
            "nodeSelector": {"pool": "airflow"},
            "tolerations": [{"key": "dedicated", "operator": "Exists"}],
            "affinity": {"nodeAffinity": {"preferredDuringSchedulingIgnoredDuringExecution": [PREFERRED]}},
            "topologySpreadConstraints": [{"maxSkew": 1, "topologyKey": "zone", "whenUnsatisfiable": "ScheduleAnyway"}],
            "priorityClassName": "high",
        },
        "volumes": {"ca": {"configMap": {"name": "ca"}, "mountPath": "/etc/company-ca"}},
    },
    "claims": {
        "values": {
            "triggerer": {"persistence": {"enabled": True}},
            "workers": {"celery": {"persistence": {"enabled": True}}},
        }
    },
    "trusted": {"security": {"tasks": "trusted"}, "values": {"scheduler": {"waitForMigrations": {"enabled": True}}}},
    "pods": {
        "security": {"podNamespaces": ["jobs"]},
        "values": {
            "airflowLocalSettings": "LIMIT = 1",
            "scheduler": {"env": [{"name": "MODE", "value": "on"}]},
            "workers": {"kubernetes": {"env": [{"name": "MODE", "value": "off"}]}},
        },
    },
    "path": {
        "values": {"config": {"api": {"base_url": "https://example.com/airflow"}}, "nodeSelector": {"disk": "ssd"}}
    },
}
EXECUTORS = ("KubernetesExecutor", "LocalExecutor", "CeleryExecutor")
SETS: dict[str, Manifest] = {
    f"{executor}-{git}": {"executor": executor, "dags": GIT[git]} for executor in EXECUTORS for git in GIT
}
SETS |= {
    f"{executor}-{name}": {"executor": executor, "dags": GIT["ssh"], **more}
    for executor in EXECUTORS
    for name, more in MORE.items()
}


def run_helm(chart: str, values: Manifest) -> subprocess.CompletedProcess[str]:
    command = [find_helm(), "template", "airflow", chart, "--namespace", "data", "--values", "-"]
    return subprocess.run(command, input=json.dumps(values), capture_output=True, text=True, check=False)


def values_of(name: str) -> Manifest:
    return chart_values(Settings.model_validate(SETS[name]))


@cache
def render(chart: str, name: str) -> list[Manifest]:
    done = run_helm(chart, values_of(name))
    assert done.returncode == 0, done.stderr
    return [manifest for manifest in yaml.safe_load_all(done.stdout) if manifest]


def objects(manifests: list[Manifest]) -> object:
    return sorted((manifest["kind"], manifest["metadata"]["name"]) for manifest in manifests)


def secrets_read(manifests: list[Manifest]) -> object:
    """(container, variable, Secret, key) of variables, and (pod, Secret, mounted file) of volumes."""
    found = set()
    for name, container in containers(manifests):
        for variable in container.get("env", []):
            if ref := variable.get("valueFrom", {}).get("secretKeyRef"):
                found.add((name, variable["name"], ref["name"], ref["key"]))
    for pod, template in pods(manifests):
        for volume in template["spec"].get("volumes", []):
            if "secret" in volume:
                found.add((pod, volume["name"], volume["secret"]["secretName"], volume["secret"].get("defaultMode")))
    return found


def service_accounts(manifests: list[Manifest]) -> object:
    accounts = {
        m["metadata"]["name"]: (m["metadata"].get("annotations") or {}, m.get("automountServiceAccountToken", True))
        for m in manifests
        if m["kind"] == "ServiceAccount"
    }
    return accounts, {
        pod: [template["spec"].get(key) for key in ("serviceAccountName", "automountServiceAccountToken")]
        for pod, template in pods(manifests)
    }


def local_settings(manifests: list[Manifest]) -> object:
    (config,) = (m["data"] for m in manifests if m["metadata"]["name"] == "airflow-config")
    return config["airflow_local_settings.py"].strip()


def selectors(manifests: list[Manifest]) -> object:
    selected = {
        (m["kind"], m["metadata"]["name"]): m["spec"]["selector"] for m in manifests if "selector" in m.get("spec", {})
    }
    return selected, {pod: template["metadata"]["labels"] for pod, template in pods(manifests)}


def environment(manifests: list[Manifest]) -> object:
    """Variables without Secrets. Those of the log groomer are left out: the official chart repeats the defaults of its image."""
    return {
        name: {variable["name"]: variable.get("value") for variable in container.get("env", [])}
        for name, container in containers(manifests)
        if "log-groomer" not in name
    }


def mounts(manifests: list[Manifest]) -> object:
    """Mounted files of a container. The official chart mounts unused ones too: in helpers, and the pod template of other executors."""
    keys = ("mountPath", "name", "subPath", "readOnly")
    return {
        name: sorted(
            str([mount.get(key) or None for key in keys])
            for mount in container["volumeMounts"]
            if "pod_template" not in mount["mountPath"]
        )
        for name, container in containers(manifests)
        if "wait-for" not in name and "log-groomer" not in name
    }


def probes(manifests: list[Manifest]) -> object:
    """Probes of Airflow and git-sync."""

    def plain(probe: Manifest) -> object:
        numbers = [probe.get(key, 0) for key in ("initialDelaySeconds", "periodSeconds", "failureThreshold")]
        if "exec" not in probe:
            return numbers, [probe["httpGet"][key] for key in ("path", "port")]
        _, asked = probe["exec"]["command"][-1].split("/entrypoint")
        return numbers, probe["timeoutSeconds"], sorted(re.findall(r"[^\s\\]+", asked))

    return {
        name: {key: plain(probe) for key, probe in container.items() if key.endswith("Probe")}
        for name, container in containers(manifests)
        if "statsd" not in name
    }


def commands(manifests: list[Manifest]) -> object:
    airflow = {name: c for name, c in containers(manifests) if not re.search(r"/(redis|statsd|git-sync.*)$", name)}
    return {name: [re.sub(r"[\\\s]+", " ", word) for word in c.get("args", [])] for name, c in airflow.items()}


def container_facts(manifests: list[Manifest]) -> object:
    """Images, users and sizes, which decide on admission and scheduling."""
    return {
        name: [c.get(key) or None for key in ("image", "securityContext", "resources")]
        for name, c in containers(manifests)
    }


def pod_facts(manifests: list[Manifest]) -> object:
    keys = (
        "securityContext",
        "imagePullSecrets",
        "nodeSelector",
        "tolerations",
        "topologySpreadConstraints",
        "priorityClassName",
        "enableServiceLinks",
        "terminationGracePeriodSeconds",
    )
    return {
        pod: [
            *(template["spec"].get(key) or None for key in keys),
            (template["spec"].get("affinity") or {}).get(
                "nodeAffinity"
            ),  # the official chart prefers to spread pods too
        ]
        for pod, template in pods(manifests)
        if pod != "airflow-api-server"
    }


def access(manifests: list[Manifest]) -> object:
    """Roles, network policies, disruption budgets and ports."""

    def plain(manifest: Manifest) -> object:
        spec = manifest.get("spec", {})
        if manifest["kind"] == "Service":
            return [(port["port"], port.get("protocol", "TCP")) for port in spec["ports"]], spec.get("clusterIP")
        for rule in spec.get("ingress", []):
            for port in rule["ports"]:
                port.update(protocol=port.get("protocol", "TCP"), port=int(port["port"]))
        subjects = sorted(subject["name"] for subject in manifest.get("subjects", []))
        return spec, manifest.get("rules"), manifest.get("roleRef"), subjects

    kinds = ("Role", "RoleBinding", "NetworkPolicy", "PodDisruptionBudget", "Service")
    return {(m["kind"], m["metadata"]["name"]): plain(m) for m in manifests if m["kind"] in kinds}


def ingress(manifests: list[Manifest]) -> object:
    return [manifest["spec"] for manifest in manifests if manifest["kind"] == "Ingress"]


def airflow_options(manifests: list[Manifest]) -> dict[tuple[str, str], str]:
    (config,) = (m["data"]["airflow.cfg"] for m in manifests if m["metadata"]["name"] == "airflow-config")
    parser = configparser.RawConfigParser()
    parser.read_string(config)
    return {(section, option): value for section in parser.sections() for option, value in parser[section].items()}


FACTS: list[Facts] = [
    objects, secrets_read, service_accounts, selectors, environment, mounts, probes, commands, container_facts, pod_facts, access, ingress, local_settings,
]  # fmt: skip


@pytest.mark.official_chart
@pytest.mark.parametrize("facts", FACTS, ids=lambda facts: facts.__name__)
@pytest.mark.parametrize("name", SETS)
def test_the_stand_in_agrees_with_the_official_chart(name: str, facts: Facts) -> None:
    assert facts(render(str(CONTRACT), name)) == facts(render(OFFICIAL, name))


@pytest.mark.official_chart
@pytest.mark.parametrize("name", SETS)
def test_each_airflow_option_of_the_stand_in_has_the_official_value(name: str) -> None:
    assert airflow_options(render(str(CONTRACT), name)).items() <= airflow_options(render(OFFICIAL, name)).items()


@pytest.mark.parametrize("name", SETS)
def test_the_stand_in_accepts_the_programs_values_and_renders_no_secret_and_no_hook(name: str) -> None:
    for manifest in render(str(CONTRACT), name):
        assert manifest["kind"] != "Secret"
        assert "helm.sh/hook" not in (manifest["metadata"].get("annotations") or {})


@pytest.mark.parametrize(
    "path",
    [
        "executr",
        "scheduler.replica",
        "dags.gitSync.brnch",
        "scheduler.persistence",
        "workers.kubernetes.replicas",
        "redis.passwrd",
    ],
)
def test_an_unknown_key_is_refused(path: str) -> None:
    values = values_of("CeleryExecutor-ssh")
    *parents, key = path.split(".")
    inner = values
    for parent in parents:
        inner = inner[parent]
    inner[key] = {}
    done = run_helm(str(CONTRACT), values)
    assert done.returncode != 0
    assert key in done.stderr


@pytest.mark.parametrize("key", ["fernetKeySecretName", "jwtSecretName", "createUserJob", "data"])
def test_values_that_the_official_chart_would_generate_are_required(key: str) -> None:
    values = values_of("LocalExecutor-ssh")
    del values[key]
    assert f"missing property '{key}'" in run_helm(str(CONTRACT), values).stderr
