"""One whole Airflow: its resources, their order, and its outputs."""

from collections.abc import Iterator
from typing import Any

import pulumi
import pytest
from pydantic.alias_generators import to_snake

from airflow_stack.airflow import Airflow
from airflow_stack.cli.recording import Recording, record
from airflow_stack.credentials import SECRETS
from tests.support.cases import AUTHENTICATIONS, EXECUTORS, GIVEN, HTTPS, KEY, SSH, Config, changed, deployed, in_python

AIRFLOW = "airflow:index:Airflow"
RELEASE = "kubernetes:helm.sh/v3:Release"
SECRET = "kubernetes:core/v1:Secret"
CLAIM = "kubernetes:core/v1:PersistentVolumeClaim"

LABELS = {"team": "data", "example.com/cost": "42"}
# Together they register every kind of resource.
MANY: dict[str, Config] = {
    "in-cluster": {"quota": {"pods": "20"}, "logs": {"volume": {"size": "1Gi"}}, "executor": "CeleryExecutor"},
    "external": {
        "database": {"external": {"host": "db"}}, "database_password": "canary of the database",
        "dags": {**SSH, "authentication": "sshKey"}, "git_ssh_key": KEY},
    "cloud-native-pg": {
        "database": {"cloud_native_pg": {}}, "dags": {**HTTPS, "authentication": "token"}, "git_token": "canary of the token"},
    "GitHub App": {"dags": in_python(AUTHENTICATIONS["github-app"]), "github_app_private_key": GIVEN["githubAppPrivateKey"]},
}  # fmt: skip
for case in MANY.values():
    case.update(namespace="mine", labels=LABELS)


def objects(recording: Recording) -> Iterator[tuple[str, Any]]:
    """Kubernetes objects except the release, by logical name."""
    for resource in recording.resources.values():
        if resource.type.startswith("kubernetes:") and resource.type != RELEASE:
            yield resource.name, resource.inputs


def waits_for(recording: Recording, urn: str) -> set[str]:
    """Everything that exists before a resource: its dependencies and its parents', transitively."""
    found: set[str] = set()
    todo = [urn]
    while todo:
        resource = recording.resources.get(todo.pop())
        for before in {*resource.depends_on, resource.parent} if resource else ():
            if before not in found:
                found.add(before)
                todo.append(before)
    return {recording.resources[urn].name for urn in found if urn in recording.resources}


@pytest.mark.parametrize("name", MANY)
def test_every_resource_is_a_descendant_of_the_component(name: str) -> None:
    seen = deployed(**MANY[name])
    top = [r.type for r in seen.resources.values() if r.parent not in seen.resources]
    assert top == [AIRFLOW]


@pytest.mark.parametrize("name", MANY)
def test_every_component_registers_its_outputs(name: str) -> None:
    seen = deployed(**MANY[name])
    components = {urn for urn, r in seen.resources.items() if r.type.startswith("airflow:")}
    assert len(components) == 9 + 1
    assert components <= seen.outputs.keys()


def test_two_airflows_in_one_program_do_not_conflict() -> None:
    seen = record(
        lambda: [
            Airflow(name, {"dags": {"repository": SSH["repository"]}, "namespace": name}) for name in ("a", "a-git")
        ]
    )
    assert len(seen.of_type(AIRFLOW)) == 2
    places = [(r.type, r.inputs["metadata"].get("namespace"), r.inputs["metadata"].get("name", r.name))
              for r in seen.resources.values() if "metadata" in r.inputs]  # fmt: skip
    assert len(places) == len(set(places))
    assert len(seen.resources) == 2 * len(deployed().resources)


def test_the_component_accepts_providers_and_protection() -> None:
    seen = record(
        lambda: Airflow("a", {"dags": {"repository": SSH["repository"]}}, pulumi.ResourceOptions(protect=True))
    )
    free = {r.type for r in seen.resources.values() if not r.protect}
    assert free == {"kubernetes:batch/v1:Job"}, "which run again with each version"


PROTECTED = {
    "in-cluster": {
        "airflow-fernet-key-1", "airflow-database-password-1", "airflow-database-postgres", "airflow-task-logs",
        "airflow-namespace", "airflow-deny-ingress", "airflow-quota", "airflow-release",
    },
    "external": {"airflow-fernet-key-1", "airflow-namespace", "airflow-deny-ingress", "airflow-release"},
    "cloud-native-pg": {
        "airflow-fernet-key-1", "airflow-database-password-1", "airflow-database-cluster",
        "airflow-namespace", "airflow-deny-ingress", "airflow-release",
    },
}  # fmt: skip


@pytest.mark.parametrize("name", MANY)
def test_protection_covers_irreplaceable_resources_and_not_secrets(name: str) -> None:
    expected = PROTECTED.get(name, PROTECTED["in-cluster"] - {"airflow-task-logs", "airflow-quota"})

    def protected(**more: object) -> set[str]:
        seen = deployed(**{**MANY[name], **more}).resources.values()
        return {r.name for r in seen if r.protect and not r.type.startswith("airflow:")}

    assert protected(protect=True) == expected | {"airflow-protection"}
    assert protected() == set()


def test_every_generation_of_a_protected_key_is_protected() -> None:
    seen = deployed(protect=True, rotation={"fernet": 3})
    assert all(seen.named(f"airflow-fernet-key-{generation}").protect for generation in (1, 2, 3))
    assert not any(secret.protect for secret in seen.of_type(SECRET))


@pytest.mark.parametrize("name", MANY)
def test_the_namespace_and_everything_in_it_have_the_labels(name: str) -> None:
    seen = deployed(**MANY[name])
    assert len(list(objects(seen))) > 8
    for object_name, inputs in objects(seen):
        assert LABELS.items() <= inputs["metadata"]["labels"].items(), object_name
        if template := inputs.get("spec", {}).get("template"):
            assert LABELS.items() <= template["metadata"]["labels"].items(), object_name
    assert seen.only(RELEASE).inputs["values"]["labels"] == LABELS


@pytest.mark.parametrize("name", MANY)
def test_everything_is_in_the_programs_namespace(name: str) -> None:
    seen = deployed(**MANY[name])
    for object_name, inputs in objects(seen):
        if inputs["kind"] != "Namespace":
            assert inputs["metadata"]["namespace"] == "mine", object_name
            assert "airflow-namespace" in waits_for(seen, seen_urn(seen, object_name)), object_name
    assert seen.only(RELEASE).inputs["namespace"] == "mine"


def seen_urn(recording: Recording, name: str) -> str:
    (urn,) = (u for u, r in recording.resources.items() if r.name == name and not r.type.startswith("airflow:"))
    return urn


@pytest.mark.parametrize("name", MANY)
def test_the_release_waits_for_the_migration_and_for_every_secret(name: str) -> None:
    seen = deployed(**MANY[name])
    before = waits_for(seen, seen.urn(RELEASE))
    assert "airflow-migration-job" in before
    assert {secret.name for secret in seen.of_type(SECRET)} <= before
    assert {claim.name for claim in seen.of_type(CLAIM)} <= before
    assert "airflow-admin-job" not in before


def test_the_migration_waits_for_the_database_and_the_release_and_the_admin_user_for_the_migration() -> None:
    seen = deployed()
    migration = waits_for(seen, seen_urn(seen, "airflow-migration-job"))
    assert {"airflow-database-postgres", "airflow-database-metadata", "airflow-fernet-key"} <= migration
    assert "airflow-release" not in migration
    user = waits_for(seen, seen_urn(seen, "airflow-admin-job"))
    assert "airflow-migration-job" in user
    assert "airflow-release" not in user, "the two go on side by side"


def test_the_outputs_wait_for_the_rollout_and_the_rollout_for_the_release() -> None:
    seen = deployed()
    assert "airflow-release" in waits_for(seen, seen_urn(seen, "airflow-rollout-job"))
    assert {"airflow-rollout-account", "airflow-rollout-role", "airflow-rollout-binding"} <= waits_for(
        seen, seen_urn(seen, "airflow-rollout-job")
    )


def test_the_resource_that_stops_a_destroy_of_a_protected_stack_is_deleted_first() -> None:
    """It is protected, and depends on everything that is not a component."""
    seen = deployed(**{**MANY["in-cluster"], "protect": True})
    first = waits_for(seen, seen_urn(seen, "airflow-protection"))
    everything = {r.name for r in seen.resources.values() if not r.type.startswith("airflow:")}
    assert everything - first == {"airflow-protection"}


def test_the_release_is_the_official_chart_at_one_version_and_the_rollout_waits_for_it() -> None:
    release = deployed().only(RELEASE).inputs
    assert release["name"] == "airflow"
    assert (release["chart"], release["version"]) == ("airflow", "1.22.0")
    assert release["repositoryOpts"] == {"repo": "https://airflow.apache.org"}
    assert release["timeout"] >= 300
    assert release["skipAwait"] is True
    assert "atomic" not in release


@pytest.mark.parametrize(
    ("chart", "expected"),
    [
        ({"repository": "https://charts.example.com"}, {"chart": "airflow", "repositoryOpts": {"repo": "https://charts.example.com"}}),
        ({"repository": "oci://registry.example.com/charts/"}, {"chart": "oci://registry.example.com/charts/airflow"}),
    ],
    ids=str,
)  # fmt: skip
def test_the_chart_comes_from_the_configured_repository(chart: Config, expected: Config) -> None:
    release = deployed(chart={**chart, "version": "1.21.0"}).only(RELEASE).inputs
    assert expected.items() <= release.items()
    assert release["version"] == "1.21.0"


def test_a_local_chart_takes_precedence_over_the_repository() -> None:
    release = deployed(chart={"path": "sandbox/chart"}).only(RELEASE).inputs
    assert release["chart"] == "sandbox/chart"
    assert not {"version", "repositoryOpts"} & release.keys()


@pytest.mark.parametrize("name", MANY)
def test_no_secret_is_shown_in_plain_text(name: str) -> None:
    seen = deployed(**MANY[name])
    given = [MANY[name][key] for key in map(to_snake, SECRETS) if key in MANY[name]]
    # A secret encoded for a URL is still a secret.
    made = [secret.inputs["stringData"] for secret in seen.of_type(SECRET)]
    contents = {text for data in made for key, text in data.items() if "USERNAME" not in key and key != "username"}
    kept = "\n".join(contents)
    assert all(canary.replace(" ", "%20") in kept or canary in kept for canary in given)
    assert len(contents) > 5
    for text in {*given, *contents}:
        assert text not in seen.shown()
        assert text.strip() not in seen.shown()


@pytest.mark.parametrize("key", ["gitSshKey", "gitToken", "githubAppPrivateKey", "databasePassword"])
def test_a_plain_text_secret_of_a_program_becomes_secret(key: str) -> None:
    ways = {
        "gitToken": {**HTTPS, "authentication": "token"},
        "githubAppPrivateKey": in_python(AUTHENTICATIONS["github-app"]),
    }
    more = {"database": {"external": {"host": "db"}}} if key == "databasePassword" else {}
    args: Any = {"dags": ways.get(key, SSH), **more, to_snake(key): GIVEN[key]}
    seen = record(lambda: Airflow("airflow", args))
    line = GIVEN[key].splitlines()[-2:][0].replace(" ", "%20")
    assert line in repr([secret.inputs for secret in seen.of_type(SECRET)]).replace(" ", "%20")
    assert line not in seen.shown()


@pytest.mark.parametrize("executor", EXECUTORS)
def test_the_values_contain_names_of_the_programs_secrets_and_no_secret(executor: str) -> None:
    seen = deployed(executor=executor)
    release = seen.only(RELEASE)
    assert release.shown == release.inputs, "one secret would hide all values of a preview"
    made = {secret.inputs["metadata"]["name"] for secret in seen.of_type(SECRET)}
    values = release.inputs["values"]
    named = {values[key] for key in ("fernetKeySecretName", "apiSecretKeySecretName", "jwtSecretName")}
    named |= {values["data"]["metadataSecretName"], values["dags"]["gitSync"]["sshKeySecret"]}
    if executor == "CeleryExecutor":
        named |= {values["data"]["brokerUrlSecretName"], values["redis"]["passwordSecretName"]}
    assert named <= made


def test_every_digest_belongs_to_a_secret_and_does_not_reveal_it() -> None:
    annotations = deployed().only(RELEASE).inputs["values"]["scheduler"]["podAnnotations"]
    assert annotations.keys() == {f"checksum/airflow-{name}" for name in ("fernet-key", "jwt-secret", "metadata")}
    assert all(len(digest) == 16 and int(digest, 16) for digest in annotations.values())


# Settings with the credential, and the only resources that may change with its generation.
ROTATIONS: dict[str, tuple[Config, set[str]]] = {
    "fernet": ({}, {"airflow-fernet-key-2", "airflow-fernet-key", "airflow-release"}),
    "api_secret": ({}, {"airflow-api-secret-key-2", "airflow-api-secret-key", "airflow-release"}),
    "jwt": ({}, {"airflow-jwt-secret-2", "airflow-jwt-secret", "airflow-release"}),
    "admin_password": ({}, {"airflow-admin-password-2", "airflow-admin", "airflow-admin-job"}),
    "database_password": (
        {},
        {"airflow-database-password-2", "airflow-database", "airflow-database-metadata", "airflow-database-postgres", "airflow-release"},
    ),
    "redis_password": (
        {"executor": "CeleryExecutor"},
        {"airflow-redis-password-2", "airflow-redis-password", "airflow-broker-url", "airflow-release"},
    ),
    "git_ssh_key": ({}, {"airflow-git-ssh-key-2"}),  # the old one is in use until it is dropped
}  # fmt: skip


@pytest.mark.parametrize("credential", ROTATIONS)
def test_a_new_generation_changes_only_its_secret_and_the_secrets_readers(credential: str) -> None:
    config, expected = ROTATIONS[credential]
    assert changed(deployed(**config), deployed(**config, rotation={credential: 2})) == expected
    assert "airflow-migration-job" not in expected


def test_older_generations_stay_as_they_are() -> None:
    second, third = (
        deployed(executor="CeleryExecutor", rotation=dict.fromkeys(ROTATIONS, generation)) for generation in (2, 3)
    )
    new = third.resources.keys() - second.resources.keys()
    assert second.resources.keys() < third.resources.keys()
    assert len(new) == len(ROTATIONS)
    assert all(urn.endswith("-3") for urn in new)


def test_another_branch_changes_only_the_release() -> None:
    assert changed(deployed(), deployed(dags={**SSH, "branch": "release"})) == {"airflow-release"}


def test_another_image_runs_both_jobs_again() -> None:
    assert changed(deployed(), deployed(images={"airflow": {"tag": "3.2.1"}})) == {
        "airflow-release", "airflow-migration-job", "airflow-admin-job",
    }  # fmt: skip


def test_another_database_is_migrated_again() -> None:
    one, two = (deployed(database={"external": {"host": host}}, database_password="x") for host in ("one", "two"))
    assert changed(one, two) == {"airflow-database-metadata", "airflow-migration-job", "airflow-release"}


def test_the_same_program_registers_the_same_resources() -> None:
    assert changed(deployed(), record(lambda: Airflow("airflow", {"dags": {"repository": SSH["repository"]}}))) == set()


def test_the_outputs_show_how_to_log_in() -> None:
    inside = deployed().outputs_of(AIRFLOW)
    assert inside["url"] == "http://localhost:8080"
    assert inside["portForward"] == "kubectl --namespace airflow port-forward service/airflow-api-server 8080:8080"
    assert inside["adminUser"] == "admin"
    assert inside["gitDeployKey"].startswith("ssh-ed25519 ")
    assert (inside["dagRepository"], inside["dagRef"]) == (SSH["repository"], "main")
    assert (inside["serviceName"], inside["servicePort"], inside["chartVersion"]) == (
        "airflow-api-server",
        8080,
        "1.22.0",
    )
    outside = deployed(ingress={"host": "a.example.com", "controller_namespace": "i", "tls_secret": "tls"}).outputs_of(
        AIRFLOW
    )
    assert outside["url"] == "https://a.example.com"
    assert not outside.get("portForward")


def test_the_admin_password_output_is_the_one_in_the_secret() -> None:
    seen = deployed()
    password = seen.outputs_of(AIRFLOW)["adminPassword"]
    assert seen.named("airflow-admin").inputs["stringData"] == {"username": "admin", "password": password}
    assert password not in seen.shown()


def test_with_single_sign_on_there_is_no_user_no_password_and_no_job() -> None:
    seen = deployed(admin={"create": False})
    assert not {"adminUser", "adminPassword"} & {k for k, v in seen.outputs_of(AIRFLOW).items() if v is not None}
    assert not [r for r in seen.resources.values() if "admin" in r.name]


@pytest.mark.parametrize("git", AUTHENTICATIONS)
def test_the_secret_names_in_the_outputs_are_those_of_the_secrets(git: str) -> None:
    secrets = {"ssh-key": "gitSshKey", "token": "gitToken", "github-app": "githubAppPrivateKey"}
    given: Config = {to_snake(secrets[git]): GIVEN[secrets[git]]} if git in secrets else {}
    seen = deployed(dags=in_python(AUTHENTICATIONS[git]), **given)
    made = {secret.inputs["metadata"]["name"] for secret in seen.of_type(SECRET)}
    assert set(seen.outputs_of(AIRFLOW)["secretNames"].values()) == made


@pytest.mark.parametrize("name", MANY)
def test_a_preview_registers_the_same_resources_as_a_deployment(name: str) -> None:
    args: Any = {"dags": SSH, **MANY[name]}
    previewed = record(lambda: Airflow("airflow", args), preview=True)
    assert previewed.resources.keys() == deployed(**MANY[name]).resources.keys()


def test_the_log_volume_has_the_configured_size_and_is_not_awaited() -> None:
    claim = deployed(logs={"volume": {"size": "7Gi", "storage_class": "shared"}}).only(CLAIM).inputs
    assert claim["metadata"]["name"] == "airflow-task-logs"
    assert claim["spec"]["resources"] == {"requests": {"storage": "7Gi"}}
    assert claim["spec"]["storageClassName"] == "shared"
    assert claim["metadata"]["annotations"] == {"pulumi.com/skipAwait": "true"}
    assert deployed().of_type(CLAIM) == []
