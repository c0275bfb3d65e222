"""The stand-in plugins under the real engine, on a real Kubernetes API and with the real Helm."""

import base64
import json
import os
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from lightkube import ApiError, Client
from lightkube.models.meta_v1 import ObjectMeta
from lightkube.resources.apps_v1 import StatefulSet
from lightkube.resources.core_v1 import Namespace, Pod, Secret

from sandbox.simulated import Simulated
from sandbox.stack import Result, Stack
from sandbox.toolchain import Found

CANARY = "canary-4f1d9b"
PROGRAM = """
import json, pulumi
made, limits = [], pulumi.CustomTimeouts(create="60s", update="60s", delete="60s")
for name, (type_, properties, options) in json.load(open("resources.json")).items():
    for key in options.pop("secret", []):
        properties[key] = pulumi.Output.secret(properties[key])
    after = pulumi.ResourceOptions(depends_on=list(made), custom_timeouts=limits, **options)
    made.append(pulumi.CustomResource(type_, name, properties, after))
"""
Resources = dict[str, list[Any]]
"""Per name the type, the properties, and the resource options if any."""


class Program:
    """A stack of a program that declares what a test tells it to."""

    def __init__(self, folder: Path, stack: Stack) -> None:
        self.folder, self.stack = folder, stack

    def declare(self, resources: Resources) -> None:
        full = {name: [*parts, {}][:3] for name, parts in resources.items()}
        (self.folder / "resources.json").write_text(json.dumps(full))

    def up(self, resources: Resources, *arguments: str) -> Result:
        self.declare(resources)
        return self._shown(self.stack.up(*arguments))

    def preview(self, resources: Resources, *arguments: str) -> Result:
        self.declare(resources)
        return self._shown(self.stack.preview("--diff", *arguments))

    def unchanged(self) -> bool:
        """Whether a preview after a refresh finds nothing to do."""
        return set(self._shown(self.stack.preview("--diff", "--refresh")).changes) == {"same"}

    def state(self, name: str) -> dict[str, Any]:
        resources = self.stack.export()["deployment"]["resources"]
        found: dict[str, Any]
        (found,) = (each for each in resources if each["urn"].endswith(f"::{name}"))
        return found

    @staticmethod
    def _shown(result: Result) -> Result:
        print(result.output)  # pytest shows it when the test fails
        return result


@pytest.fixture
def program(tmp_path: Path, open_stack: Callable[..., Stack], monkeypatch: pytest.MonkeyPatch) -> Program:
    monkeypatch.setattr("sandbox.stack.official_plugins", lambda cache: None)
    folder = tmp_path / "program"
    folder.mkdir()
    (folder / "Pulumi.yaml").write_text('{"name": "test", "runtime": "python"}')
    (folder / "__main__.py").write_text(PROGRAM)
    return Program(folder, open_stack("test", folder))


@pytest.fixture
def namespace(client: Client) -> Iterator[str]:
    name = f"test-{uuid4().hex[:8]}"
    client.create(Namespace(metadata=ObjectMeta(name=name)))
    yield name
    client.delete(Namespace, name)


@pytest.fixture
def helm(tools: dict[str, Found], cluster: Simulated, namespace: str) -> Callable[..., str]:
    def run(*arguments: str) -> str:
        command = [tools["helm"].path, *arguments, "--namespace", namespace]
        env = os.environ | {"KUBECONFIG": cluster.kubeconfig}
        return subprocess.run(command, env=env, check=True, capture_output=True, text=True).stdout

    return run


def assert_hidden(program: Program, *results: Result) -> None:
    """No text carries the canary, in plain or in base64."""
    texts = [json.dumps(program.stack.export()), *(result.output for result in results)]
    for shape in (CANARY, base64.b64encode(CANARY.encode()).decode()):
        assert not [text for text in texts if shape in text]


# -- random and tls


def test_generated_values_live_in_state_and_are_replaced_when_an_input_changes(program: Program) -> None:
    resources: Resources = {
        "password": ["random:index/randomPassword:RandomPassword", {"length": 20}],
        "bytes": ["random:index/randomBytes:RandomBytes", {"length": 32}],
        "key": ["tls:index/privateKey:PrivateKey", {"algorithm": "ED25519"}],
    }
    assert program.up(resources).changes == {"create": 4}
    assert program.unchanged()
    first = program.state("bytes")["outputs"]["hex"]
    for name, output in (("password", "result"), ("bytes", "base64"), ("key", "privateKeyOpenssh")):
        assert "ciphertext" in program.state(name)["outputs"][output]

    resources["bytes"][1]["length"] = 16
    resources["old"] = ["random:index/randomPassword:RandomPassword", {"length": len(CANARY)}, {"import_": CANARY}]
    assert program.up(resources).changes == {"same": 3, "replace": 1, "import": 1}
    assert program.state("bytes")["outputs"]["hex"] != first
    assert "ciphertext" in program.state("old")["outputs"]["result"]
    assert program.stack.destroy().changes == {"delete": 5}


def test_an_unknown_type_and_a_wrong_input_are_refused_with_what_is_allowed(program: Program) -> None:
    refused = program.preview({"pet": ["random:index/randomPet:RandomPet", {}]})
    assert not refused.ok
    assert "stand-in for the random plugin" in refused.output
    assert "random:index/randomPassword:RandomPassword" in refused.output

    refused = program.preview({"key": ["tls:index/privateKey:PrivateKey", {"algorithm": "DSA"}]})
    assert "makes only ED25519 keys, not DSA" in refused.output


# -- Kubernetes objects


def secret(name: str, namespace: str, **texts: str) -> list[Any]:
    metadata = {"name": name, "namespace": namespace}
    return ["kubernetes:core/v1:Secret", {"metadata": metadata, "type": "Opaque", "stringData": texts}]


def stateful_set(namespace: str, **spec: Any) -> list[Any]:
    labels = {"app": "set"}
    pod = {"containers": [{"name": "main", "image": "image:1"}]}
    template = {"metadata": {"labels": labels}, "spec": pod}
    spec = {"selector": {"matchLabels": labels}, "template": template, "serviceName": "none", **spec}
    return ["kubernetes:apps/v1:StatefulSet", {"metadata": {"name": "set", "namespace": namespace}, "spec": spec}]


def test_objects_are_created_updated_replaced_and_deleted(program: Program, client: Client) -> None:
    own = f"test-{uuid4().hex[:8]}"
    resources = {
        "space": ["kubernetes:core/v1:Namespace", {"metadata": {"name": own}}],
        "secret": secret("secret", own, a="1"),
        "set": stateful_set(own, replicas=2),
    }
    assert program.up(resources).changes == {"create": 4}
    assert program.unchanged()

    resources["set"][1]["spec"]["replicas"] = 1
    resources["secret"][1]["metadata"]["name"] = "renamed"
    preview = program.preview(resources)
    assert preview.changes == {"same": 2, "update": 1, "replace": 1}
    assert "~ replicas: 2 => 1" in preview.output
    changed = program.stack.up()
    assert changed.changes == preview.changes
    assert list(changed.steps) == ["create-replacement", "replace", "update", "delete-replaced"]
    assert program.state("secret")["id"] == f"{own}/renamed"

    assert program.stack.destroy().changes == {"delete": 4}
    with pytest.raises(ApiError, match="not found"):
        client.get(Namespace, own)


def test_a_secret_is_hidden_everywhere_and_replaced_after_its_deletion(
    program: Program, client: Client, namespace: str
) -> None:
    resources = {"s": secret("secret", namespace, key=CANARY, b="x")}
    results = [program.preview(resources), program.up(resources, "--diff"), program.stack.refresh("--diff")]
    stored = client.get(Secret, "secret", namespace=namespace).data or {}
    assert base64.b64decode(stored["key"]).decode() == CANARY

    resources["s"] = secret("secret", namespace, key=f"{CANARY}-2")
    changed = program.up(resources, "--diff")
    assert list(changed.steps) == ["delete-replaced", "replace", "create-replacement"]
    assert list(client.get(Secret, "secret", namespace=namespace).data or {}) == ["key"]
    assert_hidden(program, *results, changed)


def test_drift_of_managed_fields_is_shown_and_mended(program: Program, client: Client, namespace: str) -> None:
    resources = {
        "secret": secret("secret", namespace, a="1", b="2"),
        "set": stateful_set(namespace, replicas=2),
    }
    pod = resources["set"][1]["spec"]["template"]["spec"]
    # The server writes 1 and 1Gi, and the label is nobody's business here: neither is drift.
    pod["containers"][0]["resources"] = {"limits": {"cpu": "1000m", "memory": "1024Mi"}}
    program.up(resources)
    client.patch(StatefulSet, "set", {"metadata": {"labels": {"foreign": "label"}}}, namespace=namespace)
    assert program.unchanged()

    client.patch(StatefulSet, "set", {"spec": {"replicas": 3}}, namespace=namespace)
    for _, live in client.watch(StatefulSet, namespace=namespace):
        if live.status and live.status.readyReplicas == 3:  # or the refresh would tell of a set that is not ready
            break
    client.delete(Secret, "secret", namespace=namespace)
    drift = program._shown(program.stack.refresh("--diff"))
    assert drift.steps["refresh"]
    assert drift.changes == {"same": 1, "update": 1, "delete": 1}
    assert "~ replicas: 2 => 3" in drift.output

    assert program.up(resources).changes == {"same": 1, "create": 1, "update": 1}
    assert program.unchanged()


def test_an_object_that_exists_is_not_taken_over_but_imported(program: Program, client: Client, namespace: str) -> None:
    client.create(Secret(metadata=ObjectMeta(name="secret", namespace=namespace), stringData={"a": "1"}))
    resources = {"secret": secret("secret", namespace, a="1")}
    assert 'Secret "secret" already exists' in program.up(resources).output

    resources["secret"].append({"import_": f"{namespace}/secret"})
    assert program.up(resources).changes == {"same": 1, "import": 1}
    assert program.unchanged()


def test_a_preview_asks_the_api_server_and_changes_nothing(program: Program, client: Client, namespace: str) -> None:
    resources = {"set": stateful_set(namespace, replicas=-1)}
    assert "must be greater than or equal to 0" in program.preview(resources).output
    resources["set"][1]["spec"]["replicas"] = 1
    assert program.preview(resources).changes == {"create": 2}
    assert not list(client.list(StatefulSet, namespace=namespace))


def test_a_custom_resource_without_its_definition_is_refused(program: Program, namespace: str) -> None:
    cluster = {"metadata": {"name": "database", "namespace": namespace}, "spec": {"instances": 1}}
    resources: Resources = {"cluster": ["kubernetes:postgresql.cnpg.io/v1:Cluster", cluster]}
    assert program.preview(resources).ok
    assert "a custom resource needs its CRD installed" in program.up(resources).output


def test_a_failed_job_says_what_its_pod_said_and_is_run_again(program: Program, namespace: str) -> None:
    outcome = {"sandbox.airflow/outcome": "fail", "sandbox.airflow/message": "no route to database"}
    pod = {"restartPolicy": "Never", "containers": [{"name": "migrate", "image": "image:1"}]}
    template = {"metadata": {"annotations": outcome}, "spec": pod}
    metadata = {"name": "job", "namespace": namespace, "annotations": {"pulumi.com/replaceUnready": "true"}}
    properties = {"metadata": metadata, "spec": {"backoffLimit": 0, "template": template}}
    resources: Resources = {"j": ["kubernetes:batch/v1:Job", properties]}
    failed = program.up(resources)
    assert not failed.ok
    assert "the Job failed [BackoffLimitExceeded]" in failed.output
    assert "container migrate ended (Error, exit code 1): no route to database" in failed.output
    assert program.state("j")["initErrors"]

    del template["metadata"]
    assert program.up(resources).ok
    assert program.unchanged()


# -- Helm


CHART = {
    "Chart.yaml": "{apiVersion: v2, name: app, version: 1.2.3, appVersion: '9'}",
    "values.yaml": "{image: 'app:1', note: ''}",
    "values.schema.json": '{"additionalProperties": false, "properties": {"image": {}, "note": {}}}',
    "templates/app.yaml": """
apiVersion: apps/v1
kind: Deployment
metadata: {name: app}
spec:
  selector: {matchLabels: {app: app}}
  template:
    metadata: {labels: {app: app}}
    spec: {containers: [{name: app, image: {{ .Values.image | quote }}}]}
""",
}


@pytest.fixture
def release(tmp_path: Path, namespace: str) -> Resources:
    for name, text in CHART.items():
        file = tmp_path / "chart" / name
        file.parent.mkdir(exist_ok=True, parents=True)
        file.write_text(text)
    place = {"chart": str(tmp_path / "chart"), "name": "app", "namespace": namespace}
    return {"release": ["kubernetes:helm.sh/v3:Release", {**place, "values": {"image": "app:1"}}]}


def test_a_release_is_installed_upgraded_and_uninstalled(
    program: Program, release: Resources, helm: Callable[..., str]
) -> None:
    assert program.up(release).changes == {"create": 2}
    outputs = program.state("release")["outputs"]
    assert outputs["status"]["status"] == "deployed"
    assert outputs["version"] == "1.2.3"
    assert program.unchanged()

    release["release"][1]["values"] = {"image": "app:2"}
    preview = program.preview(release)
    assert preview.changes == {"same": 1, "update": 1}
    assert '~ image: "app:1" => "app:2"' in preview.output
    assert program.stack.up().changes == preview.changes
    assert program.state("release")["outputs"]["status"]["revision"] == 2

    helm("upgrade", "app", release["release"][1]["chart"], "--set", "image=app:3")
    assert '~ image: "app:2" => "app:3"' in program.stack.refresh("--diff").output
    assert program.stack.up().changes == {"same": 1, "update": 1}

    assert program.stack.destroy().ok
    assert helm("list", "--all", "--short") == ""


def test_a_failed_upgrade_says_why_leaves_the_old_revision_and_is_mended_by_the_next(
    program: Program, client: Client, release: Resources, helm: Callable[..., str], namespace: str
) -> None:
    program.up(release)
    serving = [pod.metadata.name for pod in client.list(Pod, namespace=namespace) if pod.metadata]
    properties = release["release"][1]

    properties["values"] = {"imagge": "app:2"}
    assert "imagge" in program.up(release).output
    assert len(json.loads(helm("history", "app", "--output", "json"))) == 1

    properties |= {"values": {"image": "app:does-not-exist"}, "timeout": 4}
    failed = program.up(release)
    assert "context deadline exceeded" in failed.output
    assert "container app waits (ImagePullBackOff)" in failed.output
    assert client.get(Pod, serving[0] or "", namespace=namespace).status

    properties |= {"values": {"image": "app:2"}, "timeout": 60}
    assert program.up(release).ok
    assert program.unchanged()


def test_a_failed_first_install_is_mended_by_the_next_up(program: Program, release: Resources, namespace: str) -> None:
    properties = release["release"][1]
    properties |= {"values": {"image": "app:does-not-exist"}, "timeout": 3}
    assert not program.up(release).ok
    assert program.state("release")["id"] == f"{namespace}/app"

    properties |= {"values": {"image": "app:1"}, "timeout": 60}
    assert program.up(release).ok
    assert program.unchanged()


def test_a_release_that_is_gone_is_found_gone_and_one_that_exists_is_imported(
    program: Program, release: Resources, helm: Callable[..., str], namespace: str
) -> None:
    program.up(release)
    helm("uninstall", "app")
    assert program.stack.refresh().changes == {"same": 1, "delete": 1}

    helm("install", "app", release["release"][1]["chart"], "--set", "image=app:1")
    assert "cannot re-use a name that is still in use" in program.up(release).output
    place = ["kubernetes:helm.sh/v3:Release", "release", f"{namespace}/app"]
    imported = program.stack.run("import", *place, "--yes", "--stack", "test", "--generate-code=false")
    assert "1 imported" in imported.output
    assert program.state("release")["outputs"]["values"] == {"image": "app:1"}


def test_what_helm_refuses_is_reported_in_its_words(
    program: Program, client: Client, release: Resources, tools: dict[str, Found], cluster: Simulated, namespace: str
) -> None:
    program.up(release)
    properties = release["release"][1]
    upgrade = ["upgrade", "app", properties["chart"], "--set=image=app:does-not-exist", "--wait"]
    command = [tools["helm"].path, *upgrade, f"--namespace={namespace}"]
    killed = subprocess.Popen(command, env=os.environ | {"KUBECONFIG": cluster.kubeconfig})
    for _, secret in client.watch(Secret, namespace=namespace, labels={"owner": "helm"}):
        if secret.metadata and secret.metadata.name == "sh.helm.release.v1.app.v2":
            killed.kill()
            killed.wait()
            break
    properties["values"] = {"image": "app:2"}
    assert "another operation (install/upgrade/rollback) is in progress" in program.up(release).output

    properties["chart"] += "-missing"
    assert "check chart and repository" in program.preview(release).output


def test_a_secret_value_of_a_release_is_hidden(program: Program, release: Resources) -> None:
    properties = release["release"][1]
    properties["values"]["note"] = CANARY
    release["release"].append({"secret": ["values"]})
    results = [program.preview(release), program.up(release, "--diff"), program.stack.refresh("--diff")]
    properties["values"]["unknown"] = CANARY
    results.append(program.up(release, "--diff"))
    assert [result.ok for result in results] == [True, True, True, False]
    assert_hidden(program, *results)
