"""The two Jobs: commands, environment, and no visible password."""

import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import pytest

from tests.support.cases import deployed

JOB = "kubernetes:batch/v1:Job"
JOBS = {"migration": "airflow-migration-job", "admin": "airflow-admin-job"}
STUB = """
import getpass, json, sys

def main():
    told = {"argv": sys.argv[1:]}
    if "users" in sys.argv:
        told["typed"] = getpass.getpass("Password: ")
    print(json.dumps(told))
"""
SECRETS_READ = {
    "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": ("airflow-metadata", "connection"),
    "AIRFLOW__CORE__FERNET_KEY": ("airflow-fernet-key", "fernet-key"),
    "AIRFLOW__API__SECRET_KEY": ("airflow-api-secret-key", "api-secret-key"),
}


def pod(job: str, **config: object) -> Any:
    return deployed(**config).named(JOBS[job]).inputs["spec"]["template"]


def environment(job: str, **config: object) -> tuple[dict[str, str], dict[str, tuple[str, str]]]:
    """Variables with a value, and those from Secrets."""
    (container,) = pod(job, **config)["spec"]["containers"]
    plain = {v["name"]: v["value"] for v in container["env"] if "value" in v}
    references = {v["name"]: v["valueFrom"]["secretKeyRef"] for v in container["env"] if "valueFrom" in v}
    assert len(plain) + len(references) == len(container["env"])
    return plain, {name: (ref["name"], ref["key"]) for name, ref in references.items()}


def commands(job: str, **config: object) -> list[dict[str, Any]]:
    """Run a Job's container with a fake `airflow` that records its arguments and the entered password."""
    (container,) = pod(job, **config)["spec"]["containers"]
    command = [sys.executable, *container["args"][1:]]
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "airflow").mkdir()
        (Path(folder) / "airflow" / "__main__.py").write_text(STUB)
        variables = {**environment(job, **config)[0], "ADMIN_PASSWORD": "hunter2", "PYTHONPATH": folder}
        done = subprocess.run(command, env=variables, check=True, capture_output=True, text=True, timeout=30)
    assert container["args"][0] == "python"
    assert "hunter2" not in str(command)
    return [json.loads(line) for line in done.stdout.splitlines()]


@pytest.mark.parametrize("job", JOBS)
def test_a_job_has_the_environment_of_every_airflow_container(job: str) -> None:
    plain, references = environment(
        job, environment={"MODE": "on"}, environment_from={"TOKEN": {"secret": "mine", "key": "token"}}
    )
    assert SECRETS_READ.items() <= references.items()
    assert references["TOKEN"] == ("mine", "token")
    assert plain["MODE"] == "on"
    assert plain["AIRFLOW__CORE__AUTH_MANAGER"].endswith("FabAuthManager")


@pytest.mark.parametrize("job", JOBS)
def test_a_job_runs_the_image_of_the_release(job: str) -> None:
    digest = "sha256:" + "a" * 64
    images = {"registry": "m.io/x", "pull_secrets": ["mine"], "airflow": {"tag": "3.3.2", "digest": digest}}
    spec = pod(job, images=images)["spec"]
    assert spec["containers"][0]["image"] == f"m.io/x/apache/airflow:3.3.2@{digest}"
    assert spec["imagePullSecrets"] == [{"name": "mine"}]
    values = deployed(images=images).only("kubernetes:helm.sh/v3:Release").inputs["values"]
    assert spec["containers"][0]["image"] == f"{values['defaultAirflowRepository']}:{values['defaultAirflowTag']}"


@pytest.mark.parametrize("job", JOBS)
def test_a_changed_job_is_replaced_and_a_complete_one_stays(job: str) -> None:
    resource = deployed().named(JOBS[job])
    assert resource.delete_before_replace
    assert "ttlSecondsAfterFinished" not in resource.inputs["spec"]
    assert resource.inputs["spec"]["template"]["spec"]["restartPolicy"] == "Never"


@pytest.mark.parametrize("job", JOBS)
def test_a_failed_job_shows_its_cause_and_no_job_has_a_service_account_token(job: str) -> None:
    spec = pod(job)["spec"]
    assert spec["containers"][0]["terminationMessagePolicy"] == "FallbackToLogsOnError"
    assert spec["automountServiceAccountToken"] is False


@pytest.mark.parametrize("job", JOBS)
def test_network_policies_let_a_job_reach_the_database(job: str) -> None:
    """The policies of the database and of the chart select by these labels."""
    assert {"tier": "airflow", "release": "airflow"}.items() <= pod(job)["metadata"]["labels"].items()


@pytest.mark.parametrize("job", JOBS)
def test_only_rotation_of_the_admin_password_runs_a_job_again(job: str) -> None:
    assert "annotations" in pod(job)["metadata"]
    everything = dict.fromkeys(("fernet", "api_secret", "jwt", "database_password", "redis_password", "git_ssh_key"), 2)
    celery = {"executor": "CeleryExecutor"}
    assert pod(job, **celery, rotation=everything) == pod(job, **celery)
    assert pod("admin", rotation={"admin_password": 2}) != pod("admin")


def test_the_migration_creates_fabs_tables_only_for_fab() -> None:
    manager = "airflow.api_fastapi.auth.managers.simple.simple_auth_manager.SimpleAuthManager"
    other = {"values": {"config": {"core": {"auth_manager": manager}}}}
    migrate = {"argv": ["db", "migrate"]}
    assert commands("migration") == [migrate, {"argv": ["fab-db", "migrate"]}, {"argv": ["sync-perm"]}]
    assert commands("migration", **other) == [migrate]
    assert environment("migration", **other)[0]["AIRFLOW__CORE__AUTH_MANAGER"] == manager


def test_the_admin_job_creates_the_user_and_enters_the_password_at_the_prompt() -> None:
    admin = {"username": "o'neil $x", "email": "o@example.com", "first_name": "A b", "last_name": "`c`"}
    assert environment("admin")[1]["ADMIN_PASSWORD"] == ("airflow-admin", "password")
    create = [
        "users", "create", "--role", "Admin", "--username", "o'neil $x", "--email", "o@example.com",
        "--firstname", "A b", "--lastname", "`c`",
    ]  # fmt: skip
    reset = ["users", "reset-password", "--username", "o'neil $x"]
    assert commands("admin", admin=admin) == [
        {"argv": create, "typed": "hunter2"},
        {"argv": reset, "typed": "hunter2"},
    ]


def test_the_admin_job_creates_no_role() -> None:
    assert environment("admin")[0]["AIRFLOW__FAB__UPDATE_FAB_PERMS"] == "False"


def test_no_argument_and_no_plain_variable_contains_the_password() -> None:
    seen = deployed()
    password = seen.named("airflow-admin").inputs["stringData"]["password"]
    assert password
    for job in seen.of_type(JOB):
        assert password not in repr(job.inputs)
        assert job.shown == job.inputs
