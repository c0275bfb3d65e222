"""`check` accepts no configuration that the Kubernetes API refuses: renders of generated stacks go to an API server, as dry runs.

DRY_RUNS is the number of accepted configurations, 40 by default. `make fuzz` asks for 500, which take five minutes of CPU.
"""

import json
import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import hypothesis
import pytest
import yaml
from hypothesis import HealthCheck, Phase, given
from hypothesis import strategies as st
from lightkube import KubeConfig
from lightkube.config import client_adapter

from airflow_stack.cli.manifests import stack_manifests
from airflow_stack.inputs.validation import load
from airflow_stack.inputs.wording import SettingsError
from airflow_stack.settings.models import Chart
from sandbox.simulated import SimulatedCluster
from tests.support.cases import CONTRACT_CHART, EXECUTORS, HTTPS, SSH, Config
from tests.support.lean_chart import lean_chart  # noqa: F401
from tests.support.strategies import in_order
from tests.support.value_strategies import values

pytestmark = pytest.mark.engine
RUNS = int(os.environ.get("DRY_RUNS", "40"))
NAMESPACE = "dry-run"
_CLUSTER_WIDE = {"Namespace", "ClusterRole", "ClusterRoleBinding", "PriorityClass"}
_PLURALS = {"NetworkPolicy": "networkpolicies", "Ingress": "ingresses", "PriorityClass": "priorityclasses"}
_OTHERS = {"Cluster", "ScheduledBackup", "ScaledObject"}  # resources of operators
_KINDS = {kind: f"{kind.lower()}s" for kind in (
    "ConfigMap", "CronJob", "Deployment", "HorizontalPodAutoscaler", "Job", "LimitRange", "Namespace", "PersistentVolumeClaim",
    "PodDisruptionBudget", "ResourceQuota", "Role", "RoleBinding", "Secret", "Service", "ServiceAccount", "StatefulSet",
)}  # fmt: skip


class Api:
    """The API server, asked without effect."""

    def __init__(self, cluster: SimulatedCluster) -> None:
        config = KubeConfig.from_file(cluster.kubeconfig).get()
        assert config
        self._http = client_adapter.Client(config, client_adapter.ConnectionParams(trust_env=False))
        self._seen: set[str] = set()
        self._http.post("/api/v1/namespaces", json={"metadata": {"name": NAMESPACE}})
        self.asked = 0

    def refused(self, manifests: list[Config]) -> list[str]:
        """What the API says of the objects that it refuses; each object is sent once."""
        new = []
        for manifest in _with_task_pods(manifests):
            manifest["metadata"].pop("namespace", None)
            digest = json.dumps(manifest, sort_keys=True, default=str)
            if manifest["kind"] not in _OTHERS and digest not in self._seen:
                self._seen.add(digest)
                new.append(manifest)
        self.asked += len(new)
        with ThreadPoolExecutor(4) as pool:
            return [text for text in pool.map(self._refused, new) if text]

    def _refused(self, manifest: Config) -> str:
        kind = manifest["kind"]
        plural = _PLURALS.get(kind) or _KINDS.get(kind) or f"{kind.lower()}s"
        version = manifest["apiVersion"]
        base = f"/apis/{version}" if "/" in version else f"/api/{version}"
        place = "" if kind in _CLUSTER_WIDE else f"/namespaces/{NAMESPACE}"
        answer = self._http.post(f"{base}{place}/{plural}", params={"dryRun": "All"}, json=manifest)
        if answer.status_code < 300 or answer.status_code == 409:  # what exists has this name
            return ""
        return f"{kind}/{manifest['metadata']['name']}: {answer.status_code} {answer.text[:600]}"


def _with_task_pods(manifests: list[Config]) -> Iterator[Config]:
    """Copies of the manifests, and a Job of each task pod's template: the API knows no service account for a pod."""
    for manifest in json.loads(json.dumps(manifests, default=str), parse_float=_number):
        yield manifest
        if template := (manifest.get("data") or {}).get("pod_template_file.yaml"):
            pod = yaml.safe_load(template)
            job = {"template": {"metadata": pod["metadata"], "spec": pod["spec"]}}
            yield {"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": "task"}, "spec": job}


def _number(text: str) -> float | int:
    # The recording engine knows no whole numbers.
    return int(float(text)) if float(text).is_integer() else float(text)


plain = st.builds(
    lambda executor, dags, ingress: {"executor": executor, "dags": dags, **ingress},
    st.sampled_from(EXECUTORS),
    st.sampled_from([SSH, HTTPS]),
    st.sampled_from([{}, {"ingress": {"host": "a.example.com", "controllerNamespace": "ingress"}}]),
)
stacks: dict[str, st.SearchStrategy[Any]] = {
    "settings": in_order,
    "values": st.builds(lambda stack, own: {**stack, "values": own}, plain, values),
}


@pytest.fixture(scope="module")
def api(cluster: SimulatedCluster) -> Api:
    return Api(cluster)


@pytest.mark.official_chart
@pytest.mark.parametrize("kind", stacks)
def test_the_api_accepts_every_configuration_that_check_accepts(kind: str, api: Api, lean_chart: Path) -> None:  # noqa: F811
    sent(kind, api, str(lean_chart))


def test_the_api_accepts_every_stand_in_of_a_configuration_that_check_accepts(api: Api) -> None:
    sent("settings", api, str(CONTRACT_CHART))


def sent(kind: str, api: Api, chart: str) -> None:
    """Send the renders of accepted configurations; fail with each object that the API refuses."""
    accepted, refusals = 0, list[str]()

    @hypothesis.settings(
        max_examples=RUNS * 12, derandomize=True, phases=[Phase.generate], suppress_health_check=list(HealthCheck)
    )
    @given(config=stacks[kind])
    def examine(config: Config) -> None:
        nonlocal accepted
        if accepted >= RUNS:
            return
        try:
            settings = load("dry-run", config, set(), secrets_required=False)
        except SettingsError:
            return
        accepted += 1
        local = settings.model_copy(update={"chart": Chart(path=chart)})
        refusals.extend(f"{text}\n  {json.dumps(config)}" for text in api.refused(stack_manifests(local, "dry-run")))

    examine()
    assert not refusals, "\n".join(refusals)
    assert accepted >= RUNS // 2
    print(f"{accepted} configurations, {api.asked} objects")
