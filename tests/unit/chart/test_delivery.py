"""Delivery of DAGs: settings have the same meaning with every delivery, and another delivery changes only what depends on it."""

import json
import re
from typing import Any

import pytest
import yaml

from airflow_stack.chart.delivery import BUNDLE, FOLDER, followed
from airflow_stack.chart.values import chart_values
from airflow_stack.cli.recording import Recording
from airflow_stack.inputs.wording import in_stack_file
from airflow_stack.settings.models import Settings
from tests.support.cases import (  # fmt: skip
    AUTHENTICATIONS,
    BUNDLES,
    EXECUTORS,
    GIVEN,
    HOST_KEY,
    HTTPS,
    IMAGE,
    ROOT,
    SSH,
    Config,
    changed,
    deployed,
    problems,
    settings,
)
from tests.support.golden import Golden

AIRFLOW = "airflow:index:Airflow"
RELEASE = "kubernetes:helm.sh/v3:Release"
SECRET = "kubernetes:core/v1:Secret"
CONNECTIONS = "airflow-git-connections"

# The same settings for git-sync and for Airflow's git bundle. The functions below compute the effect of both.
SAME: dict[str, Config] = {
    **{name: dags for name, dags in AUTHENTICATIONS.items() if name != "github-app"},
    "branch": {**SSH, "branch": "release/2026.11"},
    "tag": {**SSH, "tag": "v1"},
    "commit": {**SSH, "commit": "a" * 40},
    "the root of the repository": {**SSH, "path": ""},
    "a folder in a folder": {**SSH, "path": "airflow/dags 50%"},
    "quickly": {**SSH, "visibleWithinSeconds": 20},
    "slowly": {**SSH, "visibleWithinSeconds": 3600},
    "a host of our own": {
        "repository": "ssh://git@git.example.com:2222/a.git",
        "knownHosts": f"[git.example.com]:2222 {HOST_KEY}\n",
    },
    "plain HTTP inside the cluster": {"repository": "http://gitea.git/a/b.git"},
}


def values(**config: object) -> Any:
    return chart_values(settings(**config))


def git_deployed(delivery: str, dags: Config, **more: object) -> Recording:
    """Resources of the program, with the secrets for the authentication; `dags` has the names of a stack file."""
    found = settings(dags={**dags, "delivery": delivery}).dags.model_dump(exclude_defaults=True, exclude_none=True)
    secrets = {"sshKey": {"git_ssh_key": GIVEN["gitSshKey"]}, "token": {"git_token": GIVEN["gitToken"]}}
    return deployed(dags=found, **secrets.get(str(found.get("authentication")), {}), **more)


def as_git_sync_has_it(found: Settings, dags: Config) -> Config:
    """Repository, ref, folder, polling, key, token and host keys of the git-sync containers."""
    told = chart_values(found)["dags"]["gitSync"]
    made = secrets_of(git_deployed("gitSync", dags))
    branch_alone = told["branch"] == told["ref"] and told["rev"] == "HEAD"
    assert branch_alone or (told["branch"], told["rev"]) == ("", "")
    credentials = made.get(told.get("credentialsSecret", ""), {})
    return {
        "repository": told["repo"],
        "ref": told["ref"],
        "moves": branch_alone,
        "path": told["subPath"],
        "poll": int(told["period"].removesuffix("s")),
        "key": made[told["sshKeySecret"]]["gitSshKey"] if "sshKeySecret" in told else None,
        "known_hosts": told.get("knownHosts"),
        "login": (credentials["GITSYNC_USERNAME"], credentials["GITSYNC_PASSWORD"]) if credentials else None,
    }


def as_the_bundle_has_it(found: Settings, dags: Config) -> Config:
    """The same of Airflow's GitDagBundle and GitHook, from values, Secrets and mounted files."""
    told = chart_values(found)
    (bundle,) = told["dagProcessor"]["dagBundleConfigList"]
    kwargs, made = bundle["kwargs"], secrets_of(git_deployed("gitBundle", dags))
    (variable,) = (v for v in told["secret"] if v["envName"] == f"AIRFLOW_CONN_{kwargs['git_conn_id'].upper()}")
    connection = json.loads(made[variable["secretName"]][variable["secretKey"]])
    secret_of = {volume["name"]: volume["secret"]["secretName"] for volume in told.get("volumes", [])}
    files = {m["mountPath"]: made[secret_of[m["name"]]][m["subPath"]] for m in told.get("volumeMounts", [])}
    extra = connection["extra"]
    ref = kwargs["tracking_ref"].removeprefix("refs/tags/")
    tag = ref != kwargs["tracking_ref"]
    return {
        "repository": connection["host"],
        "ref": ref,
        "moves": not tag and found.dags.commit is None,
        "path": kwargs.get("subdir", ""),
        "poll": kwargs["refresh_interval"],
        "key": files[extra["key_file"]] if "key_file" in extra else None,
        "known_hosts": files[extra["known_hosts_file"]] if "key_file" in extra else None,
        "login": (connection["login"], connection["password"]) if "password" in connection else None,
    }


def secrets_of(recording: Recording) -> dict[str, dict[str, str]]:
    return {secret.inputs["metadata"]["name"]: secret.inputs["stringData"] for secret in recording.of_type(SECRET)}


@pytest.mark.parametrize("name", SAME)
def test_settings_have_the_same_meaning_for_git_sync_and_bundles(name: str) -> None:
    sync, bundle = (settings(dags={**SAME[name], "delivery": delivery}) for delivery in ("gitSync", "gitBundle"))
    expected, found = as_git_sync_has_it(sync, SAME[name]), as_the_bundle_has_it(bundle, SAME[name])
    if sync.dags.commit:
        # With a commit, git-sync never polls again; the bundle polls once a day.
        assert found["poll"] == 86_400
        found["poll"] = expected["poll"]
    assert found == expected
    looks = [chart_values(each)["config"]["dag_processor"] for each in (sync, bundle)]
    assert looks[0]["min_file_process_interval"] == looks[1]["min_file_process_interval"]


def test_the_dag_folder_of_an_image_corresponds_to_the_repository() -> None:
    def folder(**dags: str) -> str:
        config = {"dags": {"delivery": "image", **dags}, "images": IMAGE["images"]}
        return str(values(**config)["config"]["core"]["dags_folder"])

    assert folder() == "/opt/airflow/dags/dags"
    assert folder(path="") == "/opt/airflow/dags"
    assert folder(path="team/dags") == "/opt/airflow/dags/team/dags"
    assert folder(path="/srv/dags") == "/srv/dags"


@pytest.mark.parametrize("executor", EXECUTORS)
def test_values_unrelated_to_dags_are_the_same_for_every_delivery(executor: str) -> None:
    ours = {"dags", "dagProcessor", "volumes", "volumeMounts", "secret", "config"}
    deliveries = ({"dags": SSH}, {"dags": {**SSH, "delivery": "gitBundle"}}, IMAGE)
    sync, *others = (
        {key: value for key, value in values(**{"executor": executor, **IMAGE, **each}).items() if key not in ours}
        for each in deliveries
    )
    assert all(other == sync for other in others)


def test_the_repositorys_dags_are_in_one_bundle_with_every_delivery() -> None:
    """Runs and queued tasks name their bundle. With another name they would lose it at a change of the delivery (apache/airflow#63323)."""
    (bundle,) = values(dags={**SSH, "delivery": "gitBundle"})["dagProcessor"]["dagBundleConfigList"]
    assert bundle["name"] == BUNDLE == "dags-folder", "the chart's default for a DAG folder"
    for config in ({"dags": SSH}, IMAGE):
        assert "dagBundleConfigList" not in values(**config)["dagProcessor"]


def test_a_bundle_trusts_only_known_hosts() -> None:
    for dags in BUNDLES.values():
        connection = json.loads(secrets_of(git_deployed("gitBundle", dags))[CONNECTIONS][BUNDLE])
        assert connection["extra"]["strict_host_key_checking"] == "yes"
    made = secrets_of(git_deployed("gitBundle", SSH))[CONNECTIONS]
    extra = json.loads(made[BUNDLE])["extra"]
    assert "github.com ssh-ed25519 " in made["known_hosts"]
    assert extra["ssh_config_file"] == f"{FOLDER}/ssh_config"


def test_a_tag_is_followed_even_if_a_branch_has_its_name() -> None:
    (bundle,) = values(dags={**SSH, "tag": "v1", "delivery": "gitBundle"})["dagProcessor"]["dagBundleConfigList"]
    assert bundle["kwargs"]["tracking_ref"] == "refs/tags/v1"


def test_a_percent_sign_survives_airflows_configuration() -> None:
    dags = {**SSH, "branch": "50%", "path": "50%"}
    (bundle,) = values(dags={**dags, "delivery": "gitBundle"})["dagProcessor"]["dagBundleConfigList"]
    assert (bundle["kwargs"]["tracking_ref"], bundle["kwargs"]["subdir"]) == ("50%%", "50%%")
    git_sync = values(dags=dags)["dags"]["gitSync"]
    assert (git_sync["ref"], git_sync["subPath"]) == ("50%", "50%%"), (
        "the first is a variable, the second a path in airflow.cfg"
    )


def test_an_outage_of_the_git_host_ends_no_git_sync() -> None:
    assert values()["dags"]["gitSync"]["maxFailures"] == -1


def test_an_outage_of_the_git_host_delays_tasks_and_does_not_block_the_dag_processor() -> None:
    before, task_pods = secrets_of(git_deployed("gitBundle", SSH))[CONNECTIONS]["ssh_config"].split("Match ")
    assert "ConnectTimeout 10" in before
    assert "ConnectionAttempts" not in before
    assert "AIRFLOW_IS_K8S_EXECUTOR_POD" in task_pods
    assert "ConnectionAttempts 600" in task_pods


@pytest.mark.parametrize("name", BUNDLES)
def test_no_secret_of_a_bundle_is_shown(name: str) -> None:
    seen = git_deployed("gitBundle", BUNDLES[name])
    secrets = [text for data in secrets_of(seen).values() for text in data.values()]
    for text in (GIVEN["gitToken"], GIVEN["gitSshKey"], *secrets):
        if text not in (secrets_of(seen)[CONNECTIONS].get("known_hosts"), "admin", "airflow"):
            assert text.strip() not in seen.shown()
    assert (GIVEN["gitToken"] in repr(secrets)) is ("token" in name)


@pytest.mark.parametrize("name", BUNDLES)
def test_the_values_name_the_programs_secrets_and_every_reading_pod_has_their_digest(
    name: str,
) -> None:
    seen = git_deployed("gitBundle", BUNDLES[name])
    told, made = seen.only(RELEASE).inputs["values"], secrets_of(seen)
    read = {volume["secret"]["secretName"] for volume in told.get("volumes", [])} | {CONNECTIONS}
    assert read <= made.keys()
    for component in ("apiServer", "scheduler", "dagProcessor", "triggerer"):
        assert {f"checksum/{secret}" for secret in read} <= told[component]["podAnnotations"].keys()
    assert "airflow-git-credentials" not in made, "with a bundle the token is in its connection"


def test_each_repository_has_its_own_connection_and_generated_key() -> None:
    seen = git_deployed("gitBundle", BUNDLES["bundle, several"])
    told, made = seen.only(RELEASE).inputs["values"], secrets_of(seen)
    listed = {bundle["name"]: bundle["kwargs"] for bundle in told["dagProcessor"]["dagBundleConfigList"]}
    assert listed.keys() == {"dags-folder", "team-a", "team-b"}
    assert listed["team-a"]["tracking_ref"] == "refs/tags/v1"
    assert "subdir" not in listed["team-a"]
    assert (listed["team-b"]["tracking_ref"], listed["team-b"]["subdir"]) == ("main", "dags")
    keys = {made[name]["gitSshKey"] for name in made if name.startswith("airflow-ssh-secret")}
    assert len(keys) == 3
    hosts = [json.loads(made[CONNECTIONS][name])["host"] for name in sorted(listed)]
    assert hosts == ["git@github.com:acme/dags.git", "git@gitlab.com:acme/team-a.git", "git@github.com:acme/team-b.git"]
    assert {"github.com", "gitlab.com"} == {line.split()[0] for line in made[CONNECTIONS]["known_hosts"].splitlines()}
    outputs = seen.outputs_of(AIRFLOW)
    assert outputs["repositoryDeployKeys"].keys() == {"team-a", "team-b"}
    assert len({outputs["gitDeployKey"], *outputs["repositoryDeployKeys"].values()}) == 3


def test_a_private_key_in_the_settings_is_used_for_every_repository() -> None:
    dags = {**BUNDLES["bundle, several"], "authentication": "sshKey"}
    seen = git_deployed("gitBundle", dags)
    told = seen.only(RELEASE).inputs["values"]
    assert {v["secret"]["secretName"] for v in told["volumes"]} == {CONNECTIONS, "airflow-ssh-secret"}
    assert "repositoryDeployKeys" not in {k for k, v in seen.outputs_of(AIRFLOW).items() if v is not None}


@pytest.mark.parametrize("dags", [SSH, AUTHENTICATIONS["ssh-key"]], ids=["generated", "given"])
def test_another_delivery_keeps_the_generated_key(dags: Config) -> None:
    sync, bundle = git_deployed("gitSync", dags), git_deployed("gitBundle", dags)
    assert changed(sync, bundle) == {"airflow-git-bundle-connections", "airflow-release"}
    assert sync.outputs_of(AIRFLOW).get("gitDeployKey") == bundle.outputs_of(AIRFLOW).get("gitDeployKey")


def test_a_further_repository_does_not_change_the_others() -> None:
    several = BUNDLES["bundle, several"]
    fewer = {**several, "moreRepositories": {"team-a": several["moreRepositories"]["team-a"]}}
    assert changed(git_deployed("gitBundle", fewer), git_deployed("gitBundle", several)) == {
        "airflow-git-bundle-team-b-ssh-key-1", "airflow-git-bundle-team-b-secret", "airflow-git-bundle-connections", "airflow-release",
    }  # fmt: skip


def test_with_dags_in_the_image_nothing_uses_git() -> None:
    seen = deployed(dags={"delivery": "image"}, images={"airflow": {"repository": "acme/airflow"}})
    outputs = {key for key, value in seen.outputs_of(AIRFLOW).items() if value is not None}
    assert (
        not {"dagRepository", "dagRef", "dagRefKind", "gitPollsPerHour", "gitDeployKey", "gitDeployKeyPage"} & outputs
    )
    assert seen.outputs_of(AIRFLOW)["dagDelivery"] == "image"
    assert not [name for name in secrets_of(seen) if "git" in name or "ssh" in name]
    told = seen.only(RELEASE).inputs["values"]
    assert "dags" not in told
    assert "dag_processor" not in told["config"], "Airflow's own intervals: files of an image never change"
    assert "acme/airflow" in followed(settings(**IMAGE))


def test_the_polls_of_a_stack_are_an_output() -> None:
    assert deployed().outputs_of(AIRFLOW)["gitPollsPerHour"] == 240
    assert git_deployed("gitBundle", SSH).outputs_of(AIRFLOW)["gitPollsPerHour"] == 120


def test_the_users_volumes_are_added_to_those_of_the_bundle() -> None:
    mine: Config = {
        "volumes": [{"name": "ca", "configMap": {"name": "ca"}}],
        "volumeMounts": [{"name": "ca", "mountPath": "/ca"}],
    }
    found = values(dags={**SSH, "delivery": "gitBundle"}, values=mine)
    assert [volume["name"] for volume in found["volumes"]] == ["git-hosts", "git-key-dags-folder", "ca"]
    assert found["volumeMounts"][-1] == mine["volumeMounts"][0]
    assert values(values=mine)["volumes"] == mine["volumes"]


BUNDLE_OF = {**SSH, "delivery": "gitBundle"}
OTHER = {"repository": "git@github.com:acme/other.git"}


REFUSED: list[tuple[Config, str]] = [
    ({"dags": {"delivery": "gitSync"}}, "dags.repository"),
    ({"dags": {**BUNDLE_OF, "depth": 3}}, "dags.depth"),
    ({"dags": {**AUTHENTICATIONS["github-app"], "delivery": "gitBundle"}}, "dags.githubApp"),
    ({"dags": {**SSH, "moreRepositories": {"a": OTHER}}}, "dags.moreRepositories"),
    ({"dags": {**BUNDLE_OF, "moreRepositories": {"a": HTTPS}}}, "dags.moreRepositories.a.repository"),
    (
        {"dags": {**BUNDLE_OF, "moreRepositories": {"a": {"repository": "git@git.example.com:a.git"}}}},
        "dags.moreRepositories.a.repository",
    ),
    ({"dags": {**BUNDLE_OF, "moreRepositories": {"dags-folder": OTHER}}}, "dags.moreRepositories.dags-folder"),
    ({"dags": {**BUNDLE_OF, "moreRepositories": {"a" * 41: OTHER}}}, f"dags.moreRepositories.{'a' * 41}"),
    ({"dags": {**BUNDLE_OF, "moreRepositories": {"a": {**OTHER, "path": "/x"}}}}, "dags.moreRepositories.a.path"),
    ({"dags": {**SSH, "path": "/dags"}}, "dags.path"),
    ({**IMAGE, "dags": {"delivery": "image", "visibleWithinSeconds": 60, "branch": "main"}}, "dags.branch"),
    ({**IMAGE, "images": {}}, "images.airflow.repository"),
    (
        {"dags": BUNDLE_OF, "values": {"dagProcessor": {"dagBundleConfigList": []}}},
        "values.dagProcessor.dagBundleConfigList",
    ),
    ({"dags": BUNDLE_OF, "environment": {"AIRFLOW_CONN_GIT_DAGS_A": "x"}}, "environment.AIRFLOW_CONN_GIT_DAGS_A"),
]


@pytest.mark.parametrize("case", REFUSED, ids=lambda case: case[1])
def test_a_setting_that_a_delivery_does_not_support_is_refused(case: tuple[Config, str], golden: Golden) -> None:
    config, key = case
    (problem,) = problems(config).problems
    assert problem.path == key
    assert in_stack_file(problem) == golden


def test_the_stack_file_in_the_guide_is_valid() -> None:
    block, *_ = re.findall(r"```yaml\n(.*?)```", (ROOT / "docs" / "guides" / "air-gapped.md").read_text(), re.DOTALL)
    config = {key.removeprefix("airflow:"): value for key, value in yaml.safe_load(block)["config"].items()}
    assert config.pop("chart") == {"path": "vendor/airflow-1.22.0.tgz"}
    assert "data/airflow:3.3.2-" in followed(settings(**config))
