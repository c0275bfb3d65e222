"""Composition for platform teams: existing namespaces and Secrets, outputs of other stacks, several clusters, many Airflows."""

import asyncio
import cProfile
import runpy
from collections.abc import Callable
from typing import Any, cast

import pulumi
import pulumi_kubernetes as k8s
import pytest
from cryptography.fernet import Fernet

from airflow_stack.airflow import Airflow
from airflow_stack.arguments import AirflowArgs
from airflow_stack.cli.recording import Recording, record
from airflow_stack.inputs.wording import ArgumentsError, in_stack_file
from tests.support.cases import AUTHENTICATIONS, HTTPS, ROOT, SSH, Config, deployed, in_python, problems
from tests.support.golden import Golden

AIRFLOW = "airflow:index:Airflow"
CLAIM = "kubernetes:core/v1:PersistentVolumeClaim"
POLICY = "kubernetes:networking.k8s.io/v1:NetworkPolicy"
RELEASE = "kubernetes:helm.sh/v3:Release"
SECRET = "kubernetes:core/v1:Secret"
JOB = "kubernetes:batch/v1:Job"


def airflow(name: str = "airflow", opts: pulumi.ResourceOptions | None = None, **args: Any) -> Airflow:
    return Airflow(name, cast(AirflowArgs, {"dags": SSH, **args}), opts)


# An existing namespace


def test_an_existing_namespace_gets_only_airflows_own_objects() -> None:
    ours = deployed(namespace="theirs", logs={"volume": {"size": "1Gi"}})
    seen = deployed(namespace="theirs", logs={"volume": {"size": "1Gi"}}, create_namespace=False)
    gone = {r.name for r in ours.resources.values()} - {r.name for r in seen.resources.values()}
    assert gone == {"airflow-namespace", "airflow-deny-ingress"}
    for resource in seen.resources.values():
        if "metadata" in resource.inputs:
            assert resource.inputs["metadata"]["namespace"] == "theirs"
    assert seen.only(RELEASE).inputs["namespace"] == "theirs"
    assert seen.outputs_of(AIRFLOW)["namespace"] == "theirs"


def test_airflow_reaches_its_database_in_a_namespace_that_denies_by_default() -> None:
    assert [policy.name for policy in deployed(create_namespace=False).of_type(POLICY)] == [
        "airflow-database-allow-airflow",
        "airflow-tasks-dag-code-egress",
    ]


def test_no_object_is_deleted_with_an_existing_namespace() -> None:
    def with_whom(**args: object) -> str:
        seen = deployed(logs={"volume": {"size": "1Gi"}}, **args)
        return seen.only(CLAIM).deleted_with

    assert "airflow-namespace" in with_whom()
    assert with_whom(create_namespace=False) == ""


def test_the_same_program_can_create_the_namespace() -> None:
    def program() -> None:
        namespace = k8s.core.v1.Namespace("theirs", metadata={"name": "theirs"})
        airflow(namespace=namespace.metadata["name"], create_namespace=False)

    seen = record(program)
    namespace = next(urn for urn, r in seen.resources.items() if r.name == "theirs")
    assert all(namespace in secret.depends_on for secret in seen.of_type(SECRET))
    assert seen.only(RELEASE).inputs["namespace"] == "theirs"


def test_a_quota_for_an_existing_namespace_is_refused(golden: Golden) -> None:
    (problem,) = problems({"dags": SSH, "createNamespace": False, "quota": {"pods": "20"}}).problems
    assert problem.path == "quota"
    assert in_stack_file(problem) == golden


# Existing Secrets

# The existing Secret, the settings that use it, and the resources that it replaces.
EXISTING: dict[str, tuple[Config, set[str]]] = {
    "fernet_key": ({}, {"airflow-fernet-key", "airflow-fernet-key-1"}),
    "api_secret_key": ({}, {"airflow-api-secret-key", "airflow-api-secret-key-1"}),
    "jwt_secret": ({}, {"airflow-jwt-secret", "airflow-jwt-secret-1"}),
    "admin_password": ({}, {"airflow-admin", "airflow-admin-password-1"}),
    "metadata_connection": (
        {},
        {
            "airflow-database", "airflow-database-password-1", "airflow-database-metadata", "airflow-database-postgres",
            "airflow-database-service", "airflow-database-allow-airflow",
        }),
    "broker_url": (
        {"executor": "CeleryExecutor", "security": {"tasks": "trusted"}},
        {"airflow-broker-url", "airflow-redis-password", "airflow-redis-password-1"}),
    "result_backend": ({"executor": "CeleryExecutor"}, set()),
    "git_ssh_key": ({}, {"airflow-git-secret", "airflow-git-ssh-key-1"}),
    "git_token": ({"dags": HTTPS}, set()),
    "github_app_private_key": ({"dags": in_python(AUTHENTICATIONS["github-app"])}, {"airflow-git-secret"}),
}  # fmt: skip


def custom(seen: Recording) -> set[str]:
    return {r.name for r in seen.resources.values() if not r.type.startswith("airflow:")}


@pytest.mark.parametrize("held", EXISTING)
def test_each_secret_can_exist_already_and_is_then_not_generated(held: str) -> None:
    config, gone = EXISTING[held]
    key = {"github_app_private_key": "made-up"} if "github_app" in held else {}
    without = deployed(**config, **key) if not key else None
    seen = deployed(**config, existing_secrets={held: "theirs"})
    if without:
        assert custom(without) - custom(seen) == gone
    assert not gone & custom(seen)
    assert "'theirs'" in repr([r.inputs for r in (*seen.of_type(RELEASE), *seen.of_type(JOB))])
    release = repr(seen.only(RELEASE).inputs)
    assert "checksum/theirs" not in release, "there is nothing to make a digest of"
    assert "theirs" not in seen.outputs_of(AIRFLOW)["secretNames"].values(), "those are the ones that were made"


ALL = {held: f"their-{held.replace('_', '-')}" for held in EXISTING if "token" not in held and "app" not in held}


def test_with_every_secret_existing_only_the_salt_is_generated() -> None:
    seen = deployed(executor="CeleryExecutor", existing_secrets={**ALL, "redis_password": "their-redis"})
    assert seen.of_type(SECRET) == []
    assert {r.name for r in seen.resources.values() if r.type.startswith(("random:", "tls:"))} == {"airflow-salt"}
    said = repr([seen.only(RELEASE).inputs, *(job.inputs for job in seen.of_type(JOB))])
    for name in (*ALL.values(), "their-redis"):
        assert f"'{name}'" in said
    assert "adminPassword" not in {k for k, v in seen.outputs_of(AIRFLOW).items() if v is not None}
    assert seen.only(RELEASE).inputs["values"]["redis"]["enabled"] is True


def test_an_existing_connection_needs_no_asyncpg_url_and_uses_one_if_present() -> None:
    def read(**existing: str) -> Any:
        values = deployed(existing_secrets={"metadata_connection": "theirs", **existing}).only(RELEASE).inputs["values"]
        return [variable for variable in values["scheduler"]["env"] if variable["name"].endswith("_ASYNC")]

    assert read() == []
    (variable,) = read(async_metadata_connection="theirs-too")
    assert variable["valueFrom"]["secretKeyRef"] == {"name": "theirs-too", "key": "asyncConnection"}


def test_an_existing_broker_replaces_the_programs_redis() -> None:
    existing = {"broker_url": "theirs", "result_backend": "results"}
    values = deployed(executor="CeleryExecutor", existing_secrets=existing).only(RELEASE).inputs["values"]
    assert values["redis"]["enabled"] is False
    assert values["data"]["brokerUrlSecretName"] == "theirs"
    assert values["data"]["resultBackendSecretName"] == "results"


def test_a_git_bundle_mounts_an_existing_key() -> None:
    seen = deployed(dags={**SSH, "delivery": "gitBundle"}, existing_secrets={"git_ssh_key": "theirs"})
    volumes = seen.only(RELEASE).inputs["values"]["volumes"]
    assert "theirs" in {volume["secret"]["secretName"] for volume in volumes}
    assert {secret.name for secret in seen.of_type(SECRET) if "git" in secret.name} == {
        "airflow-git-bundle-connections"
    }


WRONG: dict[str, tuple[Config, str]] = {
    "two databases": (
        {"existingSecrets": {"metadataConnection": "x"}, "database": {"external": {"host": "db"}}},
        "database"),
    "a broker's password without its URL": (
        {"existingSecrets": {"redisPassword": "x"}, "executor": "CeleryExecutor"},
        "existingSecrets.brokerUrl"),
    "a broker without Celery": ({"existingSecrets": {"brokerUrl": "x"}}, "existingSecrets.brokerUrl"),
    "a token over SSH": ({"existingSecrets": {"gitToken": "x"}}, "existingSecrets.gitToken"),
    "a token of a bundle": (
        {"dags": {**HTTPS, "authentication": "token", "delivery": "gitBundle"}, "existingSecrets": {"gitToken": "x"}},
        "existingSecrets.gitToken"),
    "a rotation of theirs": (
        {"existingSecrets": {"fernetKey": "x"}, "rotation": {"fernet": 2}}, "rotation.fernet"),
    "an admin who is not made": (
        {"existingSecrets": {"adminPassword": "x"}, "admin": {"create": False}},
        "existingSecrets.adminPassword"),
    "the key twice": (
        {"existingSecrets": {"gitSshKey": "x"}, "gitSshKey": "key"}, "gitSshKey"),
    "a misspelt one": ({"existingSecrets": {"fernetKeys": "x"}}, "existingSecrets.fernetKeys"),
}  # fmt: skip


@pytest.mark.parametrize("wrong", WRONG)
def test_a_conflict_with_an_existing_secret_is_refused_with_the_fix(wrong: str, golden: Golden) -> None:
    config, key = WRONG[wrong]
    found = {problem.path: problem for problem in problems({"dags": SSH, **config}).problems}
    assert in_stack_file(found[key]) == golden


def test_a_higher_generation_sets_an_existing_admin_password_again() -> None:
    jobs = [
        deployed(existing_secrets={"admin_password": "theirs"}, rotation={"admin_password": generation}).named(
            "airflow-admin-job"
        )
        for generation in (1, 2)
    ]
    assert jobs[0].inputs != jobs[1].inputs


# Outputs of other stacks, known late

EXTERNAL: Config = {"host": "db.example.com", "port": 6432.0, "name": "meta", "user": "af"}


def elsewhere(value: object) -> pulumi.Output[Any]:
    return pulumi.Output.from_input(value)


def unknown() -> pulumi.Output[Any]:
    """An output of a stack without a deployment, in a preview."""
    known: asyncio.Future[bool] = asyncio.Future()
    known.set_result(False)
    value: asyncio.Future[None] = asyncio.Future()
    value.set_result(None)
    return pulumi.Output(set(), value, known)


def on_platform(wrap: Callable[[object], object]) -> Callable[[], object]:
    external = {key: wrap(value) for key, value in EXTERNAL.items()}
    return lambda: airflow(
        namespace=wrap("theirs"),
        create_namespace=False,
        database={"external": external},
        database_password=pulumi.Output.secret("canary"),
    )


def test_a_database_from_another_stack_equals_a_literal_one() -> None:
    late, plain = record(lambda: on_platform(elsewhere)()), record(on_platform(lambda value: value))
    assert late.resources.keys() == plain.resources.keys()
    for urn, resource in late.resources.items():
        assert resource.inputs == plain.resources[urn].inputs
        assert resource.shown == plain.resources[urn].shown
    url = late.named("airflow-database-metadata").inputs["stringData"]["connection"]
    assert url == "postgresql://af:canary@db.example.com:6432/meta?sslmode=require"
    assert "canary" not in late.shown()


def test_a_preview_with_unknown_outputs_of_another_stack_shows_every_resource() -> None:
    late = record(lambda: on_platform(lambda _: unknown())(), preview=True)
    assert late.resources.keys() == record(on_platform(lambda value: value)).resources.keys()


@pytest.mark.parametrize(
    ("path", "value"), [("namespace", "Not A Name"), ("host", "db.example.com:5432"), ("port", 99999)]
)
def test_an_output_is_checked_once_known_and_its_value_is_not_repeated(
    path: str, value: object, golden: Golden
) -> None:
    def program() -> None:
        args: Config = {"namespace": elsewhere(value)}
        if path != "namespace":
            args = {"database": {"external": {"host": "db", path: elsewhere(value)}}, "database_password": "x"}
        airflow(**args)

    with pytest.raises(pulumi.RunError) as refused:
        record(program)
    assert str(value) not in str(refused.value).replace("65535", "")
    assert str(refused.value) == golden


def test_an_output_that_decides_which_resources_exist_is_refused(golden: Golden) -> None:
    def program() -> None:
        airflow(size=elsewhere("small"), values={"apiServer": {"podAnnotations": [elsewhere("x")]}})

    with pytest.raises(ArgumentsError) as refused:
        record(program)
    assert [problem.path for problem in refused.value.problems] == ["size", "values.apiServer.podAnnotations.0"]
    assert str(refused.value) == golden


@pytest.mark.parametrize("late", ["namespace", "database_password", "fernet_key"])
def test_an_output_without_a_value_is_an_error_and_not_the_default(late: str, golden: Golden) -> None:
    external: Config = {
        "database": {"external": {"host": "db"}},
        "database_password": "x",
        "rotation": {"fernet_given": True},
    }
    given: Config = {**external, "fernet_key": Fernet.generate_key().decode()}
    given.pop(late, None)
    with pytest.raises(pulumi.RunError) as refused:
        record(lambda: airflow(**{**given, late: elsewhere(None)}))
    assert str(refused.value) == golden


def test_an_argument_that_is_none_is_left_out() -> None:
    nothing: Config = dict.fromkeys(("fernet_key", "git_token", "database_password", "namespace", "ingress"))
    assert record(lambda: airflow(**nothing)).resources == record(airflow).resources


def test_a_name_in_camel_case_is_no_argument_of_a_program(golden: Golden) -> None:
    with pytest.raises(ArgumentsError) as refused:
        record(lambda: airflow(fernetKey=elsewhere("x")))
    assert str(refused.value) == golden


def test_messages_for_a_program_name_no_command_for_a_stack_file(golden: Golden) -> None:
    with pytest.raises(ArgumentsError) as refused:
        record(lambda: airflow(executor="CeleryExecuter", existing_secrets={"fernet": "x"}))
    assert "pulumi config" not in str(refused.value)
    assert [problem.path for problem in refused.value.problems] == ["executor", "existingSecrets.fernet"]
    assert str(refused.value) == golden


def test_protection_does_not_prevent_jobs_from_running_again() -> None:
    seen = record(lambda: airflow(opts=pulumi.ResourceOptions(protect=True)))
    protected = {resource.type for resource in seen.resources.values() if resource.protect}
    assert {RELEASE, SECRET} <= protected
    assert JOB not in protected


# Several clusters, and many Airflows in one


def test_every_child_uses_the_provider_of_its_cluster() -> None:
    def program() -> None:
        for cluster in ("blue", "green"):
            provider = k8s.Provider(cluster, kubeconfig=cluster)
            airflow(cluster, pulumi.ResourceOptions(provider=provider), logs={"volume": {"size": "1Gi"}})

    seen = record(program)
    for cluster in ("blue", "green"):
        own = [
            r for r in seen.resources.values() if r.type.startswith("kubernetes:") and r.name.startswith(f"{cluster}-")
        ]
        assert len(own) > 12
        assert {r.provider.split("::")[-2] for r in own} == {cluster}


def test_the_same_namespace_in_two_clusters_is_allowed() -> None:
    def program() -> None:
        airflow("here")
        airflow("there", pulumi.ResourceOptions(provider=k8s.Provider("there", kubeconfig="there")))

    assert len(record(program).of_type(AIRFLOW)) == 2


def test_a_second_airflow_in_a_namespace_is_refused_before_it_registers_a_resource(golden: Golden) -> None:
    with pytest.raises(ArgumentsError) as refused:
        record(lambda: [airflow("one", namespace="shared"), airflow("two", namespace="shared")])
    assert str(refused.value) == golden
    record(lambda: airflow("two", namespace="shared"))  # another program, another matter


def test_the_teams_example_gives_each_team_a_namespace_quota_and_repository() -> None:
    seen = record(lambda: runpy.run_path(str(ROOT / "examples" / "teams" / "__main__.py")))
    quotas = seen.of_type("kubernetes:core/v1:ResourceQuota")
    assert {q.inputs["metadata"]["labels"]["team"]: q.inputs["metadata"]["namespace"] for q in quotas} == {
        team: f"airflow-{team}" for team in ("ingest", "reports", "science")
    }
    repositories = {release.inputs["values"]["dags"]["gitSync"]["repo"] for release in seen.of_type(RELEASE)}
    assert len(repositories) == 3


def many(count: int) -> Recording:
    return record(lambda: [airflow(f"team-{n}", namespace=f"team-{n}", labels={"team": f"t{n}"}) for n in range(count)])


def test_the_work_per_airflow_does_not_grow_with_their_number() -> None:
    resources = len(deployed().resources)  # and all modules are loaded

    def calls(count: int) -> int:
        profile = cProfile.Profile()
        seen = profile.runcall(many, count)
        assert len(seen.resources) == count * resources
        return sum(entry.callcount for entry in profile.getstats())

    one, two, four = calls(1), calls(2), calls(4)
    assert four - two < 1.1 * 2 * (two - one), "function calls, for time depends on the machine"


@pytest.mark.parametrize("name", ["Data_Platform", "a" * 41, "a-", "1a", "a.b"])
def test_a_component_name_that_no_job_could_have_is_refused_before_any_resource(name: str, golden: Golden) -> None:
    with pytest.raises(ArgumentsError) as refused:
        record(lambda: Airflow(name, {"dags": {"repository": SSH["repository"]}}))
    assert str(refused.value) == golden
    assert record(lambda: Airflow("a" * 40, {"dags": {"repository": SSH["repository"]}})).resources
