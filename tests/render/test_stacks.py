"""All objects of a stack: those of the program and of the Helm release."""

import json
from collections.abc import Callable
from copy import deepcopy
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import hypothesis
import pytest
import yaml
from hypothesis import given

from airflow_stack.chart.values import chart_values
from airflow_stack.cli.helm import helm_template
from airflow_stack.cli.manifests import record_stack, stack_manifests
from airflow_stack.cli.recording import with_name
from airflow_stack.cli.render.model import SECRET, shown_manifests
from airflow_stack.credentials import CREDENTIALS
from airflow_stack.settings.models import Chart, Settings
from tests.support.cases import (  # fmt: skip
    ACCESSES,
    AUTHENTICATIONS,
    CONTRACT_CHART,
    DATABASES,
    EXECUTORS,
    LOGS,
    STACKS,
    Config,
    official_chart,
    settings,
    stack_settings,
)
from tests.support.manifests import Manifest, containers, containers_of, pods, secrets_read, violations
from tests.support.strategies import in_order

RELEASE = "kubernetes:helm.sh/v3:Release"
KUBERNETES_SECRET = "kubernetes:core/v1:Secret"

# Each executor with each git authentication, and each other choice once.
CASES: dict[str, Config] = {
    f"{executor}, {git}": {"executor": executor, "dags": dags}
    for executor in EXECUTORS
    for git, dags in AUTHENTICATIONS.items()
}
CASES |= {
    "external database, ingress": {"database": DATABASES["external"], **ACCESSES["ingress"]},
    "CloudNativePG, log volume": {"database": DATABASES["cloud-native-pg"], "logs": LOGS["volume"]},
    "large, remote logs": {"size": "large", "executor": "CeleryExecutor", "logs": LOGS["remote"]},
    "environment, labels, mirror": {
        "environment": {"MODE": "y"},
        "environmentFrom": {"TOKEN": {"secret": "mine", "key": "token"}},
        "labels": {"team": "n", "example.com/cost": "42"},
        "images": {"registry": "m.io/x", "pullSecrets": ["pull"]},
        "quota": {"pods": "50"},
    },
    "single sign-on": {"admin": {"create": False}},
}


@dataclass(frozen=True)
class Rendered:
    """Manifests of one stack."""

    settings: Settings
    own: list[Manifest]
    release: list[Manifest]
    secrets: dict[str, dict[str, str]]
    """Keys and contents of the program's Secrets."""


@cache
def rendered(name: str, chart: Path) -> Rendered:
    found = stack_settings(name) if name in STACKS else settings(**CASES[name])
    found = found.model_copy(update={"chart": Chart(path=str(chart))})
    recording = record_stack(found, name)
    release = recording.only(RELEASE).inputs
    return Rendered(
        settings=found,
        own=[
            with_name(r.inputs, r.name)
            for r in recording.resources.values()
            if r.type.startswith("kubernetes:") and r.type != RELEASE
        ],
        release=helm_template(found.chart, release["name"], release["namespace"], release["values"]),
        secrets={s.inputs["metadata"]["name"]: s.inputs["stringData"] for s in recording.of_type(KUBERNETES_SECRET)},
    )


@cache
def shown(name: str, chart: Path) -> str:
    """What `airflow-stack render` prints."""
    return yaml.safe_dump_all(shown_manifests(stack_manifests(rendered(name, chart).settings, name)), sort_keys=False)


every_stack = pytest.mark.parametrize("name", [*STACKS, *CASES])


@pytest.mark.parametrize(("stack", "ref"), [("staging", "main"), ("prod", "release")])
def test_every_git_sync_container_follows_the_branch_of_its_stack(stack: str, ref: str, chart: Path) -> None:
    found = dict(c for c in containers(rendered(stack, chart).release) if "git-sync" in c[0])
    assert found.keys() == {
        "airflow-dag-processor/git-sync-init", "airflow-dag-processor/git-sync",
        "airflow-triggerer/git-sync-init", "airflow-triggerer/git-sync", "task/git-sync-init",
    }  # fmt: skip
    for name, container in found.items():
        variables = {variable["name"]: variable.get("value") for variable in container["env"]}
        assert (variables["GITSYNC_REF"], variables["GIT_SYNC_BRANCH"]) == (ref, ref), name


@pytest.mark.parametrize("git", ["token", "public"])
def test_a_tag_or_commit_is_followed_without_a_branch(git: str, chart: Path) -> None:
    found = rendered(f"KubernetesExecutor, {git}", chart)
    seen = [c["env"] for name, c in containers(found.release) if "git-sync" in name]
    assert len(seen) == 5
    for variables in ({v["name"]: v.get("value") for v in env} for env in seen):
        assert variables["GITSYNC_REF"] == found.settings.dags.ref
        assert not variables.get("GIT_SYNC_BRANCH")
        assert not variables.get("GIT_SYNC_REV")


@every_stack
def test_helm_renders_no_secret_and_no_hook(name: str, chart: Path) -> None:
    stack = rendered(name, chart)
    assert {m["kind"] for m in stack.release} >= {"Deployment", "Service", "ConfigMap", "NetworkPolicy"}
    assert [
        m["metadata"]["name"] for m in stack.release if m["kind"] in ("Secret", "Job", "PersistentVolumeClaim")
    ] == []
    assert [
        m["metadata"]["name"] for m in stack.release if "helm.sh/hook" in (m["metadata"].get("annotations") or {})
    ] == []


@pytest.mark.official_chart
def test_the_official_chart_renders_both_by_default() -> None:
    manifests = helm_template(Chart(path=str(official_chart())), "airflow", "airflow", {})
    assert any(m["kind"] == "Secret" for m in manifests)
    assert any("helm.sh/hook" in (m["metadata"].get("annotations") or {}) for m in manifests)


@every_stack
def test_every_pod_passes_pod_security_restricted(name: str, chart: Path) -> None:
    stack = rendered(name, chart)
    templates = list(pods(stack.own + stack.release))
    assert len(templates) >= 6
    assert {pod: found for pod, template in templates if (found := violations(template))} == {}


# A pod that passes, and each violation.
GOOD: Manifest = {
    "spec": {
        "securityContext": {"runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}},
        "containers": [
            {"name": "c", "securityContext": {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}}}
        ],
        "volumes": [{"name": "v", "emptyDir": {}}],
    }
}
SPOILT: dict[str, Callable[[Any, Any, Any], object]] = {
    "the host's network": lambda spec, pod, c: spec.update(hostNetwork=True),
    "a folder of the host": lambda spec, pod, c: spec["volumes"].append({"name": "h", "hostPath": {"path": "/"}}),
    "NFS": lambda spec, pod, c: spec["volumes"].append({"name": "n", "nfs": {"server": "s", "path": "/"}}),
    "sysctls": lambda spec, pod, c: pod.update(sysctls=[{"name": "kernel.msgmax", "value": "1"}]),
    "nothing said of root": lambda spec, pod, c: pod.pop("runAsNonRoot"),
    "root allowed in the container": lambda spec, pod, c: c["securityContext"].update(runAsNonRoot=False),
    "root by number": lambda spec, pod, c: c["securityContext"].update(runAsUser=0),
    "no seccomp": lambda spec, pod, c: pod.pop("seccompProfile"),
    "seccomp off": lambda spec, pod, c: c["securityContext"].update(seccompProfile={"type": "Unconfined"}),
    "escalation by default": lambda spec, pod, c: c["securityContext"].pop("allowPrivilegeEscalation"),
    "capabilities kept": lambda spec, pod, c: c["securityContext"].pop("capabilities"),
    "a capability added": lambda spec, pod, c: c["securityContext"]["capabilities"].update(add=["SYS_ADMIN"]),
    "privileged": lambda spec, pod, c: c["securityContext"].update(privileged=True),
    "a port of the host": lambda spec, pod, c: c.update(ports=[{"containerPort": 1, "hostPort": 1}]),
    "a probe of another host": lambda spec, pod, c: c.update(livenessProbe={"httpGet": {"host": "h", "port": 1}}),
    "SELinux": lambda spec, pod, c: pod.update(seLinuxOptions={"user": "root"}),
    "AppArmor off": lambda spec, pod, c: c["securityContext"].update(appArmorProfile={"type": "Unconfined"}),
    "proc unmasked": lambda spec, pod, c: c["securityContext"].update(procMount="Unmasked"),
    "no context at all": lambda spec, pod, c: c.pop("securityContext"),
}  # fmt: skip


@pytest.mark.parametrize("name", SPOILT)
@pytest.mark.parametrize("where", ["containers", "initContainers"])
def test_the_check_of_pod_security_finds_each_violation(name: str, where: str) -> None:
    template = deepcopy(GOOD)
    if where == "initContainers":
        template["spec"]["initContainers"] = [deepcopy(GOOD["spec"]["containers"][0])]
    assert violations(template) == []
    SPOILT[name](template["spec"], template["spec"]["securityContext"], template["spec"][where][0])
    assert violations(template)


@every_stack
def test_every_container_requests_cpu_and_memory(name: str, chart: Path) -> None:
    stack = rendered(name, chart)
    without = [
        where
        for where, container in containers(stack.own + stack.release)
        if not {"cpu", "memory"} <= (container.get("resources", {}).get("requests") or {}).keys()
    ]
    assert without == []


WORKLOADS = {
    "KubernetesExecutor": {"airflow-api-server", "airflow-scheduler", "airflow-dag-processor", "airflow-triggerer", "airflow-statsd", "task"},
    "LocalExecutor": {"airflow-api-server", "airflow-scheduler", "airflow-dag-processor", "airflow-triggerer", "airflow-statsd"},
    "CeleryExecutor": {
        "airflow-api-server", "airflow-scheduler", "airflow-dag-processor", "airflow-triggerer", "airflow-statsd",
        "airflow-worker", "airflow-redis",
    },
}  # fmt: skip


@pytest.mark.parametrize("executor", EXECUTORS)
def test_every_executor_gets_its_workloads(executor: str, chart: Path) -> None:
    stack = rendered(f"{executor}, ssh-key", chart)
    assert {pod for pod, _ in pods(stack.release)} == WORKLOADS[executor]
    assert {pod for pod, _ in pods(stack.own)} == {
        "airflow-database",
        "airflow-migration-job",
        "airflow-admin-job",
        "airflow-rollout-job",
    }


@every_stack
def test_every_secret_key_that_a_container_reads_is_created_by_the_program_or_named_by_the_user(
    name: str, chart: Path
) -> None:
    stack = rendered(name, chart)
    there = {(secret, key) for secret, content in stack.secrets.items() for key in content}
    there |= {(reference.secret, reference.key) for reference in stack.settings.environment_from.values()}
    read = {pair for _, template in pods(stack.own + stack.release) for pair in secrets_read(template)}
    assert read - there == set()
    assert {("airflow-fernet-key", "fernet-key"), ("airflow-jwt-secret", "jwt-secret")} <= read
    if stack.settings.dags.authentication == "sshKey":
        assert ("airflow-ssh-secret", "gitSshKey") in read
    unread = {secret for secret, _ in there} - {secret for secret, _ in read}
    assert unread <= {"airflow-database"}, "unused Secrets"


@every_stack
def test_a_pod_has_the_digests_of_exactly_the_secrets_that_it_reads(name: str, chart: Path) -> None:
    stack = rendered(name, chart)
    for pod, template in pods(stack.own + stack.release):
        annotations = template["metadata"].get("annotations") or {}
        borne = {key.removeprefix("checksum/") for key in annotations} & stack.secrets.keys()
        # Task pods always start fresh, and a rotation must not rerun a Job.
        fresh = pod == "task" or pod.endswith("-job")
        read = set() if fresh else {secret for secret, _ in secrets_read(template)} & stack.secrets.keys()
        assert borne == read, pod


@every_stack
def test_every_variable_with_a_credential_is_in_the_table(name: str, chart: Path) -> None:
    found: dict[tuple[str, str], set[str]] = {}
    for _, container in containers(rendered(name, chart).release):
        for variable in container.get("env") or []:
            if reference := variable.get("valueFrom", {}).get("secretKeyRef"):
                found.setdefault((reference["name"], reference["key"]), set()).add(variable["name"])
    for each in CREDENTIALS:
        if each.variables:
            assert found.get((each.secret, each.key), set()) <= {*each.variables}, each.name


@pytest.mark.parametrize("stack", STACKS)
def test_a_rendered_stack_contains_no_secret(stack: str, chart: Path) -> None:
    found = rendered(stack, chart)
    contents = {text for content in found.secrets.values() for key, text in content.items() if key != "username"}
    assert len(contents) > 5
    assert SECRET in shown(stack, chart)
    for content in contents:
        assert content.strip() not in shown(stack, chart)
        assert content.strip() not in json.dumps(found.release)


@pytest.mark.parametrize("name", [*STACKS, *(f"{executor}, ssh-key" for executor in EXECUTORS)])
def test_two_renderings_are_identical(name: str, chart: Path) -> None:
    assert shown(name, chart) == shown.__wrapped__(name, chart)
    assert shown(name, chart).count("\n---\n") > 20


@every_stack
def test_every_pod_has_the_labels_of_the_stack_and_of_its_component(name: str, chart: Path) -> None:
    stack = rendered(name, chart)
    for manifest in stack.own + stack.release:
        selector = manifest.get("spec", {}).get("selector")
        if manifest["kind"] in ("Deployment", "StatefulSet") and selector:
            labels = manifest["spec"]["template"]["metadata"]["labels"]
            assert selector["matchLabels"].items() <= labels.items()
            assert stack.settings.labels.items() <= labels.items()
    assert any(m["kind"] == "Deployment" for m in stack.release)


@every_stack
def test_all_objects_are_in_the_stacks_namespace_and_have_different_names(name: str, chart: Path) -> None:
    stack = rendered(name, chart)
    objects = [(m["kind"], m["metadata"]["name"]) for m in stack.own + stack.release]
    assert len(objects) == len(set(objects))
    for manifest in stack.own:
        assert manifest["kind"] == "Namespace" or manifest["metadata"]["namespace"] == stack.settings.namespace


def test_every_airflow_container_has_the_environment_unchanged(chart: Path) -> None:
    stack = rendered("environment, labels, mirror", chart)
    airflow = {
        n: c for n, c in containers(stack.own + stack.release) if c["image"].startswith("m.io/x/apache/airflow:")
    }
    assert len(airflow) >= 8
    for name, container in airflow.items():
        if not name.endswith(("log-groomer", "rollout")):  # these do not run Airflow
            variables = {v["name"]: v.get("value", v.get("valueFrom")) for v in container["env"]}
            assert variables["MODE"] == "y", name
            assert variables["TOKEN"] == {"secretKeyRef": {"name": "mine", "key": "token"}}, name


def test_every_image_comes_from_the_mirror(chart: Path) -> None:
    stack = rendered("environment, labels, mirror", chart)
    for _, template in pods(stack.own + stack.release):
        assert template["spec"]["imagePullSecrets"] == [{"name": "pull"}]
        for container in containers_of(template):
            assert container["image"].startswith("m.io/x/"), container["name"]


@pytest.mark.parametrize("which", ["contract", pytest.param("official", marks=pytest.mark.official_chart)])
@hypothesis.settings(max_examples=15, phases=[hypothesis.Phase.generate])  # Helm is too slow to shrink an example
@given(config=in_order)
def test_the_chart_renders_all_valid_settings(which: str, config: Config) -> None:
    found = settings(**config)
    chart = Chart(path=str(official_chart() if which == "official" else CONTRACT_CHART))
    manifests = helm_template(chart, "airflow", found.namespace, chart_values(found))
    assert {pod for pod, _ in pods(manifests)} == WORKLOADS[found.executor]
