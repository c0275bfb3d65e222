"""The three stacks with the real engine, a real Kubernetes API and the real Helm.

Nodes are simulated. Plugins and chart are official where they are available, with the same expectations.
"""

import base64
import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from lightkube import Client
from lightkube.resources.core_v1 import Pod, Secret

from sandbox import config_copy
from sandbox.sandbox_stack import PulumiResult, SandboxStack
from tests.support.canaries import SHORTEST, leaks, unpacked
from tests.support.cases import AUTHENTICATIONS, GIVEN, SERVED

ROOT = Path(__file__).parents[2]
CHART = os.environ.get("AIRFLOW_CHART") or str(ROOT / "sandbox" / "chart")
Open = Callable[..., SandboxStack]
OpenStack = Callable[..., SandboxStack]
RollOut = Callable[..., list[str]]
ROLLOUT = "airflow-rollout-job"


NAMESPACES = {name: f"stacks-{name}" for name in ("dev", "staging", "prod")}


@pytest.fixture(scope="module")
def deployed(open_stack: OpenStack, request: pytest.FixtureRequest) -> Iterator[Open]:
    """Deploy a stack on first use. The next test gets it as it is, or deployed again if a test failed."""
    stacks: dict[str, SandboxStack] = {}
    failed: dict[str, int] = {}

    def deploy(name: str) -> SandboxStack:
        if failed.get(name) != request.session.testsfailed:
            stack = stacks.get(name) or stacks.setdefault(name, open_stack(name))
            prepare(stack, {"airflow:namespace": NAMESPACES[name]}, {})
            result = stack.up()
            assert result.ok, result.output
            failed[name] = request.session.testsfailed
        return stacks[name]

    yield deploy
    for stack in stacks.values():
        stack.unprotect()
        gone = stack.destroy()
        assert gone.ok, gone.output


def prepare(stack: SandboxStack, changes: dict[str, Any], secrets: dict[str, str]) -> None:
    """Configure a stack with its settings, changes and secrets."""
    source, target = ROOT / f"Pulumi.{stack.name}.yaml", stack.config_file
    config_copy.write(source, target, throwaway=True, chart=CHART, served=SERVED)
    configure(stack, changes)
    for key, value in {**config_copy.missing_secrets(target, SERVED), **secrets}.items():
        stack.set_secret(key, value)


def configure(stack: SandboxStack, changes: dict[str, Any]) -> None:
    """Change settings in the stack's file, by paths such as `airflow:dags.branch`."""
    content = yaml.safe_load(stack.config_file.read_text())
    for path, value in changes.items():
        *parents, last = path.split(".")
        place = content["config"]
        for step in parents:
            place = place.setdefault(step, {})
        place[last] = value
    stack.config_file.write_text(yaml.safe_dump(content))


def touched(result: PulumiResult) -> dict[str, set[str]]:
    """Logical names of the resources per operation, without components and without the rollout, which follows each release."""
    steps = {
        operation: {urn.rsplit("::", 1)[1] for urn in urns if "$airflow:" not in urn.rsplit("::", 1)[0][-40:]}
        for operation, urns in result.steps.items()
    }
    return {operation: names - {ROLLOUT} for operation, names in steps.items() if names - {ROLLOUT}}


def last_changes(stack: SandboxStack) -> dict[str, str]:
    """Time of the last change of each resource, by URN."""
    resources = stack.export()["deployment"]["resources"]
    return {resource["urn"]: resource["modified"] for resource in resources if resource["custom"]}


@pytest.mark.parametrize("name", NAMESPACES)
def test_a_stack_is_created_unchanged_and_destroyed(
    name: str, deployed: Open, client: Client, roll_out: RollOut
) -> None:
    stack = deployed(name)
    preview = stack.preview("--diff")
    assert preview.ok, preview.output
    assert set(preview.changes) == {"same"}, preview.output
    assert preview.changes["same"] > 20, "an empty preview would be unchanged too"
    outputs = stack.outputs()
    namespace = NAMESPACES[name]
    assert outputs["namespace"] == namespace
    assert outputs["dagRef"] == {"dev": "main", "staging": "main", "prod": "release"}[name]
    assert roll_out(namespace) == []
    running = [pod for pod in client.list(Pod, namespace=namespace) if pod.status and pod.status.phase == "Running"]
    assert {"api-server", "scheduler", "dag-processor", "triggerer"} <= {
        (pod.metadata.labels or {}).get("component") for pod in running if pod.metadata
    }


def test_refresh_finds_nothing_to_change(deployed: Open) -> None:
    stack = deployed("dev")
    refreshed = stack.refresh()
    assert refreshed.ok, refreshed.output
    assert set(refreshed.changes) == {"same"}, refreshed.output


def test_another_branch_updates_only_the_release(deployed: Open) -> None:
    stack = deployed("dev")
    configure(stack, {"airflow:dags.branch": "develop"})
    preview = stack.preview("--diff")
    assert touched(preview) == {"update": {"airflow-release"}}, preview.output
    assert '"main" => "develop"' in preview.output, "reviewers see the change"
    assert touched(stack.up()) == {"update": {"airflow-release"}}


def test_a_new_jwt_generation_changes_its_secret_and_the_release(deployed: Open) -> None:
    stack = deployed("dev")
    configure(stack, {"airflow:rotation.jwt": 2})
    changed = stack.up()
    assert changed.ok, changed.output
    assert touched(changed) == {
        "create": {"airflow-jwt-secret-2"},
        "update": {"airflow-jwt-secret", "airflow-release"},
    }, changed.output


def test_a_new_admin_password_reruns_the_user_job_and_does_not_change_the_release(deployed: Open) -> None:
    stack = deployed("dev")
    before = stack.outputs(secrets=True)["adminPassword"]
    configure(stack, {"airflow:rotation.adminPassword": 2})
    changed = stack.up()
    assert changed.ok, changed.output
    names = set().union(*touched(changed).values())
    assert names == {"airflow-admin-password-2", "airflow-admin", "airflow-admin-job"}, changed.output
    assert stack.outputs(secrets=True)["adminPassword"] != before


def test_a_misspelt_chart_value_is_refused_before_any_change(deployed: Open) -> None:
    stack = deployed("dev")
    before, settings = last_changes(stack), stack.config_file.read_text()
    configure(stack, {"airflow:values": {"schedulr": {"replicas": 2}}, "airflow:dags.branch": "other"})
    refused = stack.up()
    assert not refused.ok
    assert "airflow:values.schedulr" in refused.output
    assert "'scheduler'" in refused.output
    assert "Traceback" not in refused.output
    assert refused.output.count("error:") == refused.output.count("error: stack 'dev' has 1 setting to correct")
    assert last_changes(stack) == before
    stack.config_file.write_text(settings)


def test_after_a_failed_rollout_the_previous_pods_keep_serving_and_the_next_upgrade_recovers(
    deployed: Open, client: Client, roll_out: RollOut
) -> None:
    stack = deployed("dev")
    assert roll_out(NAMESPACES["dev"]) == []
    serving = ready_pods(client, "dag-processor", NAMESPACES["dev"])
    assert serving
    configure(stack, {"airflow:images.gitSync.tag": "does-not-exist"})
    changed = stack.up()
    assert changed.ok, "a simulated node does not run the failing program"
    assert any(urn.endswith(f"::{ROLLOUT}") for urn in changed.steps["create-replacement"]), (
        "the rollout is awaited again"
    )
    hindered = roll_out(NAMESPACES["dev"], patience=2)
    assert any("airflow-dag-processor" in line and "ImagePullBackOff" in line for line in hindered), hindered
    assert ready_pods(client, "dag-processor", NAMESPACES["dev"]) == serving
    configure(stack, {"airflow:images": {}})
    recovered = stack.up()
    assert recovered.ok, recovered.output
    assert roll_out(NAMESPACES["dev"]) == []
    assert set(stack.preview().changes) == {"same"}


def ready_pods(client: Client, component: str, namespace: str) -> set[str]:
    """Names of the ready pods of a component."""
    pods = client.list(Pod, namespace=namespace, labels={"component": component})
    return {
        pod.metadata.name or ""
        for pod in pods
        if pod.metadata and pod.status and not pod.metadata.deletionTimestamp
        for condition in pod.status.conditions or []
        if condition.type == "Ready" and condition.status == "True"
    }


def test_a_failed_migration_fails_up_with_its_log_and_the_next_up_recovers(open_stack: OpenStack) -> None:
    stack = open_stack("dev")
    fails = {"SANDBOX_JOB_FAILS": "relation dag_run is locked"}
    prepare(stack, {"airflow:namespace": "other", "airflow:environment": fails}, {})
    failed = stack.up()
    assert not failed.ok
    assert "relation dag_run is locked" in failed.output, failed.output
    assert "airflow-release" not in failed.output, "the release is unchanged"
    assert "Traceback" not in failed.output, "Pulumi interrupts the program"
    configure(stack, {"airflow:environment": {}})
    recovered = stack.up()
    assert recovered.ok, recovered.output


def test_destroy_of_a_protected_stack_stops_before_any_deletion(deployed: Open, client: Client) -> None:
    stack = deployed("prod")
    before = held(stack)
    serving = ready_pods(client, "scheduler", NAMESPACES["prod"])
    mistaken = stack.destroy()
    assert not mistaken.ok
    assert "airflow-protection" in mistaken.output
    assert "protect" in mistaken.output
    assert held(stack) == before
    assert ready_pods(client, "scheduler", NAMESPACES["prod"]) >= serving
    assert set(stack.preview().changes) == {"same"}


def test_the_commands_of_the_output_remove_a_protected_stack(deployed: Open) -> None:
    stack = deployed("prod")
    assert stack.outputs()["toDestroy"] == "pulumi config set airflow:protect false && pulumi up && pulumi destroy"
    configure(stack, {"airflow:protect": False})
    freed = stack.up()
    assert freed.ok, freed.output
    assert "toDestroy" not in stack.outputs()
    gone = stack.destroy()
    assert gone.ok, gone.output


def held(stack: SandboxStack) -> set[tuple[str, str]]:
    """URN and id of each resource."""
    return {(each["urn"], each.get("id", "")) for each in stack.export()["deployment"]["resources"]}


CANARY = "canary-7f3a"


NEW_KEYS = {f"airflow:rotation.{key}": 2 for key in ("fernet", "jwt", "apiSecret", "redisPassword")}


def test_no_secret_appears_in_plain_text_anywhere(open_stack: OpenStack, client: Client) -> None:
    stack = open_stack("staging")
    secrets: set[str] = set()
    seen: dict[str, str] = {}

    def look(results: list[PulumiResult], secret: str) -> None:
        """Collect the current secrets, and the texts that must not contain them."""
        for result in results:
            assert result.ok, result.output
        found = secret_contents(client, CANARY) | generated(stack)
        assert len(found) >= 12, "including generated secrets"
        assert any(f"{CANARY}-database" in each for each in found), "the canaries are in use"
        assert max(secret.splitlines(), key=len) in found, "the key is in use"
        secrets.update(found)
        for where, text in places(stack, client, results).items():
            assert text, f"nothing was read from {where}"
            seen[where] = "\n".join([seen.get(where, ""), text])

    git(stack, "ssh-key", gitSshKey=GIVEN["gitSshKey"])
    results = [stack.up(), stack.preview("--diff", "--show-sames")]
    look(results, GIVEN["gitSshKey"])

    git(stack, "token", gitToken=f"{CANARY}-token")
    configure(stack, NEW_KEYS)
    results = [stack.preview("--diff"), stack.up("--diff")]
    look(results, f"{CANARY}-token")

    git(stack, "github-app", githubAppPrivateKey=GIVEN["githubAppPrivateKey"])
    configure(stack, NEW_KEYS)
    results = [stack.preview("-v=9"), stack.up(), stack.refresh("--diff")]
    look(results, GIVEN["githubAppPrivateKey"])

    assert "release" in unpacked(seen["the Helm release"]), "the release is unpacked"
    for where, text in seen.items():
        assert leaks(secrets, text) == set(), f"in {where}"


def git(stack: SandboxStack, authentication: str, **secrets: str) -> None:
    """Configure the authentication at the git host, and an executor with every kind of generated secret."""
    changes = {
        "airflow:executor": "CeleryExecutor",
        "airflow:dags": AUTHENTICATIONS[authentication],
        "airflow:namespace": CANARY,
    }
    secrets["databasePassword"] = f"{CANARY}-database/@%"
    prepare(stack, changes, {f"airflow:{key}": value for key, value in secrets.items()})
    content = yaml.safe_load(stack.config_file.read_text())
    for key in {"gitSshKey", "gitToken", "githubAppPrivateKey"} - secrets.keys():
        content["config"].pop(f"airflow:{key}", None)  # of the authentication before
    stack.config_file.write_text(yaml.safe_dump(content))


def places(stack: SandboxStack, client: Client, results: list[PulumiResult]) -> dict[str, str]:
    """Every text that could contain a secret, by place."""
    results = [
        *results,
        stack.run("config", "--config-file", str(stack.config_file)),
        stack.run("stack", "--show-ids", "--show-urns", "--stack", stack.name),
    ]
    helm = client.list(Secret, namespace=CANARY, labels={"owner": "helm"})
    backend = stack.config_file.parent / "pulumi"
    return {
        "the output of Pulumi": "\n".join(result.output for result in results),
        "the exported state": json.dumps(stack.export()),
        "the stack file": stack.config_file.read_text(),
        "the Helm release": "\n".join((secret.data or {})["release"] for secret in helm),
        "the pods": json.dumps([pod.to_dict() for pod in client.list(Pod, namespace=CANARY)]),
        "the backend's files": "\n".join(
            file.read_text(errors="replace") for file in backend.rglob("*") if file.is_file()
        ),
    }


def secret_contents(client: Client, namespace: str) -> set[str]:
    """Secret values in the namespace: each value, and each line of a private key."""
    found: set[str] = set()
    for secret in client.list(Secret, namespace=namespace):
        if secret.type != "helm.sh/release.v1":
            for key, value in (secret.data or {}).items():
                if "USERNAME" not in key.upper():
                    text = base64.b64decode(value).decode()
                    found |= {text, *(line for line in text.splitlines() if "-----" not in line)}
    return {text for text in found if len(text) >= SHORTEST}


def generated(stack: SandboxStack) -> set[str]:
    """Secret outputs of the resources that generate values."""
    state = json.loads(stack.run("stack", "export", "--show-secrets", "--stack", stack.name).output)
    outputs = [
        output
        for resource in state["deployment"]["resources"]
        if resource["type"].startswith(("random:", "tls:"))
        for output in resource["outputs"].values()
    ]
    return {json.loads(each["plaintext"]) for each in outputs if isinstance(each, dict) and "plaintext" in each}
