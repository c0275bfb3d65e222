"""Access to the DAG repository: one Secret for git-sync, or none."""

from typing import Any

import pulumi
import pytest

from airflow_stack.choices import GitAuthentication
from airflow_stack.cli.recording import Recording, generated_outputs, record
from airflow_stack.inputs.wording import in_stack_file
from airflow_stack.parts.git_access import GitAccess
from tests.support.cases import GIVEN, KEY, SSH, Config, changed, deployed, problems
from tests.support.golden import Golden

SECRET = "kubernetes:core/v1:Secret"
TLS_KEY = "tls:index/privateKey:PrivateKey"
COMPONENT = "airflow:index:GitAccess"
PRIVATE = KEY.strip()
APP_KEY = GIVEN["githubAppPrivateKey"]
URL = "git@github.com:acme/dags.git"


def made(authentication: GitAuthentication, **more: Any) -> Recording:
    args: Any = {"namespace": "airflow", "authentication": authentication, "repository": URL, "salt": "s", **more}
    return record(lambda: GitAccess("git", args))


def public_keys(recording: Recording) -> dict[str, str]:
    keys: dict[str, str] = recording.outputs_of(COMPONENT)["deploy_keys"]
    return keys


@pytest.mark.parametrize("end", ["", "\n", "\n\n", "\r\n", " \n"], ids=repr)
def test_a_private_key_always_ends_with_one_line_break(end: str) -> None:
    secret = made(GitAuthentication.SSH_KEY, ssh_key=PRIVATE + end).only(SECRET)
    assert secret.inputs["metadata"]["name"] == "airflow-ssh-secret"
    assert secret.inputs["stringData"] == {"gitSshKey": PRIVATE + "\n"}
    assert secret.shown["stringData"] == "[secret]"


def test_a_private_key_from_windows_has_the_lines_that_ssh_reads() -> None:
    secret = made(GitAuthentication.SSH_KEY, ssh_key=PRIVATE.replace("\n", "\r\n")).only(SECRET)
    assert secret.inputs["stringData"] == {"gitSshKey": PRIVATE + "\n"}


def test_an_unusable_key_from_another_resource_is_refused_and_not_repeated(golden: Golden) -> None:
    with pytest.raises(pulumi.RunError) as refused:
        made(GitAuthentication.SSH_KEY, ssh_key="ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAcanary me")
    assert str(refused.value) == golden
    assert "canary" not in str(refused.value)


def test_a_generated_key_shows_its_public_half_and_hides_its_private_one() -> None:
    seen = made(GitAuthentication.GENERATED_SSH_KEY)
    assert seen.only(TLS_KEY).inputs == {"algorithm": "ED25519"}
    private = seen.only(SECRET).inputs["stringData"]["gitSshKey"]
    assert private.startswith("-----BEGIN OPENSSH PRIVATE KEY-----\n")
    assert private.endswith("-----END OPENSSH PRIVATE KEY-----\n")
    (public,) = public_keys(seen).values()
    assert public.startswith("ssh-ed25519 ")
    assert public == public.strip()
    assert public in seen.shown()
    assert private not in seen.shown()


# `rotation.gitSshKey` and `gitSshKeyDropped` in a rotation with overlap, and in the next one.
STEPS = [(1, 0), (2, 0), (2, 1), (3, 1), (3, 2)]


@pytest.mark.parametrize(("generation", "dropped"), STEPS)
def test_the_oldest_kept_key_is_in_use_and_every_kept_key_is_shown(generation: int, dropped: int) -> None:
    seen = made(GitAuthentication.GENERATED_SSH_KEY, generation=generation, dropped=dropped)
    kept = [str(number) for number in range(dropped + 1, generation + 1)]
    assert [key.name for key in seen.of_type(TLS_KEY)] == [f"git-ssh-key-{number}" for number in kept]
    assert sorted(public_keys(seen)) == kept
    in_use = generated_outputs(TLS_KEY, f"git-ssh-key-{kept[0]}", {})["privateKeyOpenssh"]
    assert seen.only(SECRET).inputs["stringData"] == {"gitSshKey": in_use}


def test_during_a_rotation_the_git_host_always_knows_the_key_in_use() -> None:
    """Between the steps the user adds the newest key to the host, and afterwards removes dropped keys."""
    at_the_host: set[str] = set()
    private_half = {
        generated_outputs(TLS_KEY, f"airflow-git-ssh-key-{n}", {})["publicKeyOpenssh"].strip(): n for n in (1, 2, 3)
    }
    used_before = None
    for generation, dropped in STEPS:
        seen = deployed(rotation={"git_ssh_key": generation, "git_ssh_key_dropped": dropped})
        outputs = seen.outputs_of("airflow:index:Airflow")
        shown = outputs.get("gitDeployKeys") or {"": outputs["gitDeployKey"]}
        at_the_host |= set(shown.values())  # from one step to the next both are there
        used = seen.named("airflow-git-secret").inputs["stringData"]["gitSshKey"]
        (number,) = (
            n
            for n in private_half.values()
            if generated_outputs(TLS_KEY, f"airflow-git-ssh-key-{n}", {})["privateKeyOpenssh"] == used
        )
        known = {private_half[key] for key in at_the_host}
        assert number in known
        assert used_before in (None, *known), "pods that have not been replaced yet"
        at_the_host, used_before = set(shown.values()), number


def test_adding_a_key_changes_nothing_else_and_dropping_the_old_one_changes_its_readers() -> None:
    one, both, dropped = (
        deployed(rotation={"git_ssh_key": generation, "git_ssh_key_dropped": gone})
        for generation, gone in ((1, 0), (2, 0), (2, 1))
    )
    assert changed(one, both) == {"airflow-git-ssh-key-2"}
    assert changed(both, dropped) == {"airflow-git-ssh-key-1", "airflow-git-secret", "airflow-release"}


def test_the_outputs_show_the_newest_key_its_page_and_every_kept_key() -> None:
    one, both, dropped = (
        deployed(rotation={"git_ssh_key": generation, "git_ssh_key_dropped": gone}).outputs_of("airflow:index:Airflow")
        for generation, gone in ((1, 0), (2, 0), (2, 1))
    )
    assert both["gitDeployKeys"] == {"1": one["gitDeployKey"], "2": both["gitDeployKey"]}
    assert one["gitDeployKey"] != both["gitDeployKey"] == dropped["gitDeployKey"]
    assert "gitDeployKeys" not in one
    assert "gitDeployKeys" not in dropped
    assert one["gitDeployKeyPage"] == "https://github.com/acme/dags/settings/keys"


@pytest.mark.parametrize("rotation", [{"gitSshKeyDropped": 1}, {"gitSshKey": 2, "gitSshKeyDropped": 3}], ids=str)
def test_the_last_key_cannot_be_dropped(rotation: Config, golden: Golden) -> None:
    (problem,) = problems({"dags": SSH, "rotation": rotation}).problems
    assert problem.path == "rotation"
    assert in_stack_file(problem) == golden


def test_azure_devops_gets_an_rsa_key() -> None:
    key = made(GitAuthentication.GENERATED_SSH_KEY, repository="git@ssh.dev.azure.com:v3/acme/data/dags").only(TLS_KEY)
    assert key.inputs == {"algorithm": "RSA", "rsaBits": 4096}


def test_a_github_app_has_its_own_secret() -> None:
    seen = made(GitAuthentication.GITHUB_APP, github_app_private_key=APP_KEY.replace("\n", "\r\n"))
    secret = seen.only(SECRET)
    assert secret.inputs["metadata"]["name"] == "airflow-github-app"
    assert secret.inputs["stringData"] == {"githubAppPrivateKey": APP_KEY}
    assert secret.shown["stringData"] == "[secret]"
    assert seen.outputs_of(COMPONENT)["digests"].keys() == {"airflow-github-app"}


def test_a_token_has_the_key_names_of_git_sync_3_and_4() -> None:
    secret = made(GitAuthentication.TOKEN, token="hunter2", username="bot").only(SECRET)
    assert secret.inputs["metadata"]["name"] == "airflow-git-credentials"
    assert secret.inputs["stringData"] == {
        "GIT_SYNC_USERNAME": "bot",
        "GIT_SYNC_PASSWORD": "hunter2",
        "GITSYNC_USERNAME": "bot",
        "GITSYNC_PASSWORD": "hunter2",
    }
    assert secret.shown["stringData"] == "[secret]"


def test_a_public_repository_needs_no_secret() -> None:
    seen = made(GitAuthentication.NONE)
    assert [r.type for r in seen.resources.values()] == [COMPONENT]
    assert seen.outputs_of(COMPONENT)["digests"] == {}


def test_the_secret_has_the_stacks_user_name_with_its_token() -> None:
    dags = {"repository": "https://github.com/a/b", "authentication": "token", "username": "bot"}
    seen = deployed(dags=dags, git_token="hunter2")
    assert seen.named("airflow-git-secret").inputs["stringData"]["GITSYNC_USERNAME"] == "bot"


def test_another_key_has_another_digest() -> None:
    digests = [
        made(GitAuthentication.SSH_KEY, ssh_key=key).outputs_of(COMPONENT)["digests"]
        for key in (PRIVATE, f"{PRIVATE}\n", APP_KEY)
    ]
    assert digests[0] == digests[1] != digests[2]
    assert digests[0].keys() == {"airflow-ssh-secret"}


def test_the_same_key_under_another_salt_has_another_digest() -> None:
    one, same, other = (
        made(GitAuthentication.SSH_KEY, ssh_key=KEY, salt=salt).outputs_of(COMPONENT)["digests"]["airflow-ssh-secret"]
        for salt in ("one", "one", "other")
    )
    assert one == same != other
