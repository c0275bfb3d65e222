"""A stack's settings: valid ones are accepted, and all others refused at once, with messages for users."""

import shlex
from typing import Any

import pytest

from airflow_stack.airflow import Airflow
from airflow_stack.choices import Executor
from airflow_stack.cli.recording import record
from airflow_stack.inputs.validation import arguments, load
from airflow_stack.inputs.wording import SettingsError, fix_in_stack_file, in_program, in_stack_file
from tests.support.cases import AUTHENTICATIONS, HOST_KEY, HTTPS, SSH, Config, problems, settings
from tests.support.golden import Golden

PYDANTICS_WORDS = ("pydantic", "Input should", "instance of", "dictionary", "type=", "validation error", "Traceback")


def dags(**changes: object) -> Config:
    return {"dags": {**SSH, **changes}}


def https(**changes: object) -> Config:
    return {"dags": {**HTTPS, **changes}}


# configuration, and the key in the message
APP = {"applicationId": 1, "installationId": 1}
WRONG: dict[str, tuple[Config, str]] = {
    "no repository": ({"dags": {"branch": "main"}}, "dags.repository"),
    "no dags": ({"size": "small", "dags": {}}, "dags.repository"),
    "dags as text": ({"dags": "git@github.com:a/b.git"}, "dags"),
    "a list for an object": (dags() | {"admin": ["a"]}, "admin"),
    "no URL": (dags(repository="github.com/acme/dags"), "dags.repository"),
    "a local path": (dags(repository="/srv/dags.git"), "dags.repository"),
    "a port out of range": (dags(repository="ssh://git@h:70000/a/b"), "dags.repository"),
    "SSH without a user": (dags(repository="ssh://github.com/a/b"), "dags.repository"),
    "two lines of URL": (dags(repository="git@github.com:a/b\n"), "dags.repository"),
    "a password in the URL": (
        https(repository="https://u:hunter2@github.com/a/b"), "dags.repository"),
    "a token in the URL": (
        https(repository="https://ghp_hunter2@github.com/a/b"), "dags.repository"),
    "branch and tag": (dags(branch="main", tag="v1"), "dags"),
    "three refs": (dags(branch="main", tag="v1", commit="0" * 40), "dags"),
    "a branch with a space": (dags(branch="my branch"), "dags.branch"),
    "a branch like an option": (dags(branch="--upload-pack=x"), "dags.branch"),
    "a range for a tag": (dags(tag="v1..v2"), "dags.tag"),
    "an empty branch": (dags(branch=""), "dags.branch"),
    "a branch of a clone": (dags(branch="origin/main"), "dags.branch"),
    "a pseudo ref": (dags(branch="FETCH_HEAD"), "dags.branch"),
    "an unexpanded path": (dags(path="$DAGS"), "dags.path"),
    "a path of the home folder": (dags(path="~/dags"), "dags.path"),
    "an address of GitHub's API": (https(repository="https://api.github.com/repos/a/b"), "dags.repository"),
    "a ref in the URL": (https(repository="https://github.com/a/b.git@main"), "dags.repository"),
    "a short commit": (dags(commit="abc1234"), "dags.commit"),
    "a path out of the repository": (dags(path="../other"), "dags.path"),
    "an absolute path": (dags(path="/dags"), "dags.path"),
    "a negative depth": (dags(depth=-1), "dags.depth"),
    "too impatient": (dags(visibleWithinSeconds=5), "dags.visibleWithinSeconds"),
    "a number in words": (dags(depth="five"), "dags.depth"),
    "half a second": (dags(visibleWithinSeconds=30.5), "dags.visibleWithinSeconds"),
    "a token over SSH": (dags(authentication="token"), "dags"),
    "a key over HTTPS": (https(authentication="sshKey"), "dags"),
    "no authentication over SSH": (dags(authentication="none"), "dags"),
    "authentication misspelt": (dags(authentication="sshkey"), "dags.authentication"),
    "a GitHub App over SSH": (dags(githubApp=APP), "dags.repository"),
    "a GitHub App that is not named": (https(authentication="githubApp"), "dags.githubApp"),
    "a GitHub App beside a token": (https(authentication="token", githubApp=APP), "dags.githubApp"),
    "a GitHub App without an ID": (https(githubApp={"installationId": 1}), "dags.githubApp"),
    "a GitHub App with two IDs": (https(githubApp={**APP, "clientId": "Iv1.a"}), "dags.githubApp"),
    "a GitHub App that is installed nowhere": (https(githubApp={"applicationId": 1}), "dags.githubApp.installationId"),
    "a GitHub App for an old git-sync": (
        https(githubApp=APP) | {"images": {"gitSync": {"tag": "v4.2.4"}}}, "images.gitSync.tag"),
    "a scp URL of Azure DevOps with a token": (
        dags(repository="git@ssh.dev.azure.com:v3/o/p/r", authentication="token"), "dags"),
    "a git host that is none": (dags(gitHost="sourceforge"), "dags.gitHost"),
    "no key left": (dags() | {"rotation": {"gitSshKeyDropped": 1}}, "rotation"),
    "a host without known keys": (
        dags(repository="git@git.example.com:a/b"), "dags"),
    "a port without known keys": (
        dags(repository="ssh://git@github.com:2222/a/b"), "dags"),
    "empty known hosts": (dags(knownHosts=" \n"), "dags"),
    "an executor misspelt": (dags() | {"executor": "CeleryExecuter"}, "executor"),
    "a size that is not": (dags() | {"size": "smal"}, "size"),
    "no replicas": (dags() | {"components": {"scheduler": {"replicas": 0}}}, "components.scheduler.replicas"),
    "a quantity in words": (dags() | {"components": {"scheduler": {"cpu": "half"}}}, "components.scheduler.cpu"),
    "a quantity as a number": (dags() | {"components": {"scheduler": {"memory": 2}}}, "components.scheduler.memory"),
    "two databases": (
        dags() | {"database": {"inCluster": {}, "external": {"host": "db"}}}, "database"),
    "a database without a host": (dags() | {"database": {"external": {"port": 1}}}, "database.external.host"),
    "a host that is none": (dags() | {"database": {"external": {"host": "db:5432"}}}, "database.external.host"),
    "a database port out of range": (
        dags() | {"database": {"external": {"host": "db", "port": 0}}}, "database.external.port"),
    "an SSL mode that is not": (
        dags() | {"database": {"external": {"host": "db", "sslMode": "on"}}}, "database.external.sslMode"),
    "an ingress without its controller": (
        dags() | {"ingress": {"host": "a.example.com"}}, "ingress.controllerNamespace"),
    "an address for a host": (
        dags() | {"ingress": {"host": "https://a.example.com", "controllerNamespace": "i"}}, "ingress.host"),
    "no e-mail": (dags() | {"admin": {"email": "me"}}, "admin.email"),
    "perhaps": (dags() | {"admin": {"create": "perhaps"}}, "admin.create"),
    "two places for logs": (
        dags() | {"logs": {"volume": {"size": "1Gi"}, "remote": {"folder": "s3://a/b"}}}, "logs"),
    "a volume without a size": (dags() | {"logs": {"volume": {}}}, "logs.volume.size"),
    "an access mode that is not": (
        dags() | {"logs": {"volume": {"size": "1Gi", "accessMode": "rwx"}}}, "logs.volume.accessMode"),
    "a folder on disk": (dags() | {"logs": {"remote": {"folder": "/logs"}}}, "logs.remote.folder"),
    "a tag in the repository": (
        dags() | {"images": {"airflow": {"repository": "acme/airflow@1"}}}, "images.airflow.repository"),
    "a tag with a space": (dags() | {"images": {"airflow": {"tag": "3.2.2 rc"}}}, "images.airflow.tag"),
    "a tag that hides the version": (
        dags() | {"images": {"airflow": {"tag": "latest"}}}, "images.airflow.tag"),
    "Airflow 2": (dags() | {"images": {"airflow": {"tag": "2.11.0"}}}, "images.airflow.tag"),
    "a digest of no version": (
        dags() | {"images": {"airflow": {"digest": f"sha256:{'a' * 64}"}}}, "images.airflow.digest"),
    "a version that is not the official image's": (
        dags() | {"images": {"airflow": {"tag": "2.10.5", "version": "3.3.2"}}}, "images.airflow.version"),
    "a short digest": (dags() | {"images": {"airflow": {"digest": "sha256:ab"}}}, "images.airflow.digest"),
    "one pull secret as text": (dags() | {"images": {"pullSecrets": "mine"}}, "images.pullSecrets"),
    "chart 2": (dags() | {"chart": {"version": "2.0.0"}}, "chart.version"),
    "a chart of before Airflow 3": (dags() | {"chart": {"version": "1.15.0"}}, "chart.version"),
    "a chart over http": (dags() | {"chart": {"repository": "http://charts"}}, "chart.repository"),
    "no time for the chart": (dags() | {"chart": {"timeoutSeconds": 5}}, "chart.timeoutSeconds"),
    "a namespace in capitals": (dags() | {"namespace": "Airflow"}, "namespace"),
    "a namespace too long": (dags() | {"namespace": "a" * 64}, "namespace"),
    "a label value too long": (dags() | {"labels": {"team": "a" * 64}}, "labels.team"),
    "a label that is the chart's": (dags() | {"labels": {"component": "x"}}, "labels"),
    "an annotation that is a template": (
        dags() | {"serviceAccountAnnotations": {"a": "{{ x"}}, "serviceAccountAnnotations.a"),
    "a folder that is a template": (dags() | {"logs": {"remote": {"folder": "s3://a/{{x"}}}, "logs.remote.folder"),
    "a connection with a space": (
        dags() | {"logs": {"remote": {"folder": "s3://a", "connection": "a b"}}}, "logs.remote.connection"),
    "a label key with a space": (dags() | {"labels": {"my team": "a"}}, "labels.my team"),
    "a variable with a dash": (dags() | {"environment": {"MY-MODE": "a"}}, "environment.MY-MODE"),
    "a variable as a number": (dags() | {"environment": {"DEBUG": 1}}, "environment.DEBUG"),
    "a variable of the program": (
        dags() | {"environment": {"AIRFLOW__CORE__FERNET_KEY": "x"}}, "environment.AIRFLOW__CORE__FERNET_KEY"),
    "a command for the program's variable": (
        dags() | {"environment": {"AIRFLOW__CORE__FERNET_KEY_CMD": "x"}}, "environment.AIRFLOW__CORE__FERNET_KEY_CMD"),
    "the executor as a variable": (
        dags() | {"environment": {"AIRFLOW__CORE__EXECUTOR": "X"}}, "environment.AIRFLOW__CORE__EXECUTOR"),
    "a variable of the program from a Secret": (
        dags() | {"environmentFrom": {"AIRFLOW__CORE__FERNET_KEY": {"secret": "s", "key": "k"}}},
        "environmentFrom.AIRFLOW__CORE__FERNET_KEY"),
    "a variable given twice": (
        dags() | {"environment": {"A": "1"}, "environmentFrom": {"A": {"secret": "s", "key": "k"}}},
        "environmentFrom"),
    "generation 0": (dags() | {"rotation": {"jwt": 0}}, "rotation.jwt"),
    "a number for yes": (dags() | {"protect": 7}, "protect"),
}  # fmt: skip


@pytest.mark.parametrize("name", WRONG)
def test_a_wrong_setting_is_refused_with_reason_and_fix(name: str, golden: Golden) -> None:
    config, key = WRONG[name]
    (problem,) = problems(config).problems
    assert problem.path == key
    assert in_stack_file(problem) == golden
    assert not [word for word in PYDANTICS_WORDS if word in in_stack_file(problem)]


RIGHT: dict[str, tuple[Config, str, object]] = {
    "three forms of a URL (scp)": (dags(repository="git@gitlab.com:a/b"), "dags.repository", "git@gitlab.com:a/b"),
    "three forms of a URL (ssh)": (dags(repository="ssh://git@github.com/a/b"), "dags.repository", "ssh://git@github.com/a/b"),
    "three forms of a URL (https)": (https(repository="https://h:8443/a/b"), "dags.repository", "https://h:8443/a/b"),
    "a host in capitals": (dags(repository="git@GitHub.com:a/b"), "dags.follows_branch", True),
    "a host with its keys": (
        dags(repository="ssh://git@git.example.com:2222/a/b", knownHosts=f"[git.example.com]:2222 {HOST_KEY}"),
        "dags.known_hosts", f"[git.example.com]:2222 {HOST_KEY}"),
    "main when nothing is said": (dags(), "dags.ref", "main"),
    "a branch with a slash": (dags(branch="release/2026.11"), "dags.ref", "release/2026.11"),
    "a tag": (dags(tag="v1"), "dags.ref", "v1"),
    "a commit of SHA-256": (dags(commit="a" * 64), "dags.ref", "a" * 64),
    "the root of the repository": (dags(path=""), "dags.path", ""),
    "a folder with a slash behind": (dags(path="a/b/"), "dags.path", "a/b"),
    "a number as text, as Pulumi's command line stores it": (dags(depth="5"), "dags.depth", 5),
    "yes as text, as the engine hands it over": (dags() | {"protect": "true"}, "protect", True),
    "an object as JSON, as the engine hands it over": (dags() | {"size": "large", "rotation": '{"jwt": 2}'}, "rotation.jwt", 2),
    "nothing, as a default in Pulumi.yaml is": (dags() | {"ingress": {}, "size": "", "gitToken": ""}, "ingress", None),
    "a number in a quota": (dags() | {"quota": {"pods": 20}}, "quota", {"pods": "20"}),
    "an image with a version of its own": (
        dags() | {"images": {"airflow": {"tag": "acme-7", "version": "3.1.0"}}}, "images.airflow.airflow_version", "3.1.0"),
    "a version before a suffix": (
        dags() | {"images": {"airflow": {"tag": "3.2.1-python3.12"}}}, "images.airflow.airflow_version", "3.2.1"),
    "a version beside a tag of one's own": (
        dags() | {"images": {"airflow": {"repository": "acme/airflow", "tag": "2.0.1", "version": "3.3.2"}}},
        "images.airflow.airflow_version", "3.3.2"),
    "nothing between the databases": (dags() | {"database": {}}, "database.in_cluster", None),
    "a quantity in parts": (dags() | {"components": {"workers": {"cpu": "1.5", "memory": "512Mi"}}}, "components.workers.cpu", "1.5"),
    "a bucket": (dags() | {"logs": {"remote": {"folder": "wasb-logs"}}}, "logs.remote.folder", "wasb-logs"),
    "a name of 63 letters": (dags() | {"namespace": "a" * 63}, "namespace", "a" * 63),
}  # fmt: skip


@pytest.mark.parametrize("name", RIGHT)
def test_a_valid_setting_is_accepted(name: str) -> None:
    config, path, expected = RIGHT[name]
    found: Any = settings(**config)
    for step in path.split("."):
        found = getattr(found, step)
    assert found == expected


def test_all_errors_are_reported_at_once(golden: Golden) -> None:
    names = ["a short commit", "an executor misspelt", "no e-mail", "generation 0", "a variable given twice"]
    together: Config = {}
    for name in names:
        together |= WRONG[name][0] if name != names[0] else {}
    together |= WRONG[names[0]][0] | {"sise": "small", "gitToken": "t", "values": {"executr": "x"}}
    error = problems(together, secret_keys=set())
    assert {problem.path for problem in error.problems} == {
        "dags.commit", "executor", "admin.email", "rotation.jwt", "environmentFrom", "sise", "gitToken", "values.executr",
    }  # fmt: skip
    assert str(error) == golden


MISSPELT: dict[str, tuple[Config, str, str]] = {
    "at the top": (dags() | {"executer": "LocalExecutor"}, "executer", "executor"),
    "in an object": (dags(brnch="main"), "dags.brnch", "branch"),
    "two objects down": (dags() | {"components": {"apiServer": {"replica": 2}}}, "components.apiServer.replica", "replicas"),
    "an object": (dags() | {"database": {"inClutser": {}}}, "database.inClutser", "inCluster"),
    "behind a name of one's own": (
        dags() | {"environmentFrom": {"A": {"secret": "s", "keey": "k", "key": "k"}}}, "environmentFrom.A.keey", "key"),
    "snake case": (dags(visible_within_seconds=30), "dags.visible_within_seconds", "visibleWithinSeconds"),
    "a secret": (dags() | {"gitSshKye": "x"}, "gitSshKye", "gitSshKey"),
}  # fmt: skip


@pytest.mark.parametrize("name", MISSPELT)
def test_a_misspelt_key_is_refused_with_the_nearest_and_all_valid_keys(name: str, golden: Golden) -> None:
    config, key, nearest = MISSPELT[name]
    (problem,) = problems(config).problems
    assert problem.path == key
    assert nearest in (problem.allowed or "").split(", ")
    assert nearest in fix_in_stack_file(problem)
    assert in_stack_file(problem) == golden


def test_an_unknown_key_without_a_near_one_is_refused_with_all_valid_keys(golden: Golden) -> None:
    assert str(problems(dags() | {"zzzz": 1})) == golden


def test_a_key_set_without_path_has_its_own_message(golden: Golden) -> None:
    assert str(problems(dags() | {"dags.branch": "main"})) == golden


def test_a_long_value_is_cut_to_one_line() -> None:
    (problem,) = problems(dags() | {"namespace": "A\n" * 5000}).problems
    assert len(str(problem.value)) < 200
    assert len(in_stack_file(problem).splitlines()) == 3


@pytest.mark.parametrize(
    "value",
    ["[" + "1" * 5000 + "]", '{"a":' * 990 + "1" + "}" * 990, "[" * 100_000, {"a": 10**5000}, {"a": {(1, 2): 3}}, {1: 2}],
    ids=["a number too long", "nested deeply", "nested without end", "a number too large", "a pair for a key", "a number for a key"],
)  # fmt: skip
def test_values_that_json_cannot_represent_are_refused(value: object) -> None:
    (problem,) = problems(dags() | {"values": value}).problems
    assert problem.path.startswith("values")


def test_a_program_gets_the_same_messages_with_its_own_names() -> None:
    in_a_file = problems(dags(visibleWithinSeconds=5) | {"executor": "CeleryExecuter"})
    in_a_program = problems({"dags": {**SSH, "visible_within_seconds": 5}, "executor": "CeleryExecuter"}, by_name=True)
    assert [(p.reason, p.value, p.allowed) for p in in_a_program.problems] == [
        (p.reason, p.value, p.allowed) for p in in_a_file.problems
    ]
    (misspelt,) = problems({"dags": {**SSH, "visibleWithinSeconds": 30}}, by_name=True).problems
    assert "did you mean 'visible_within_seconds'?" in in_program(misspelt)
    assert in_program(misspelt).startswith("  dags.visibleWithinSeconds = ")


def test_the_component_refuses_wrong_arguments_before_any_resource(golden: Golden) -> None:
    made: list[Airflow] = []
    wrong: Any = {"dags": {**SSH, "dept": 1}, "namespace": "X"}
    with pytest.raises(SettingsError) as refused:
        record(lambda: made.append(Airflow("mine", wrong)))
    assert {problem.path for problem in refused.value.problems} == {"dags.dept", "namespace"}
    assert str(refused.value) == golden
    assert not made


def test_an_enum_equals_its_value() -> None:
    taken = load("test", {"dags": SSH, "executor": Executor.LOCAL}, (), by_name=True)
    assert taken == settings(executor="LocalExecutor")


@pytest.mark.parametrize("name", AUTHENTICATIONS)
def test_settings_survive_conversion_to_arguments_and_back(name: str) -> None:
    given = settings(
        dags=AUTHENTICATIONS[name],
        size="large",
        labels={"team": "data"},
        values={"apiServer": {"extraInitContainers": None, "a": [None]}},
        database={"cloudNativePg": {}},
        rotation={"jwt": 3},
    )
    args = arguments(given, {})
    assert load("test", {**args}, (), by_name=True, secrets_required=False) == given


FIXES: dict[str, tuple[Config, str]] = {
    "a value with characters of the shell": (dags() | {"web": {"titel": "a > b"}}, "'a > b'"),
    "a placeholder": (dags() | {"namespace": "A B"}, "'<value>'"),
    "a key with a dot": (dags() | {"labels": {"a.example/b": "x y"}}, """'airflow:labels["a.example/b"]'"""),
    "an item of a list": (dags() | {"images": {"pullSecrets": ["A B"]}}, "'airflow:images.pullSecrets[0]'"),
}


@pytest.mark.parametrize("name", FIXES)
def test_a_fix_is_a_command_that_a_shell_reads_as_it_is_meant(name: str) -> None:
    config, quoted = FIXES[name]
    (problem,) = problems(config).problems
    fix = fix_in_stack_file(problem, "my stack")
    assert quoted in fix
    words = shlex.split(fix, comments=True)
    assert not [word for word in words if word.startswith(("<", ">")) and word not in ("<value>",)]
    assert fix.count("pulumi config ") == fix.count("--stack 'my stack'")


def test_a_misspelt_secret_is_never_in_a_command() -> None:
    (problem,) = problems(dags() | {"gitTokn": "hunter2"}).problems
    assert "hunter2" not in fix_in_stack_file(problem)


@pytest.mark.parametrize(
    "config", [dags() | {"admin": "me"}, dags() | {"labels": "me"}, dags() | {"images": {"pullSecrets": "me"}}]
)
def test_no_fix_replaces_a_whole_object(config: Config) -> None:
    (problem,) = problems(config).problems
    assert "pulumi config" not in fix_in_stack_file(problem)
