"""Access to the DAG repository: one Secret with what git-sync reads, or none."""

from typing import Any

import pytest

from components.arguments import GitAuthentication
from components.git_access import GitAccess
from operations.recording import Recording, record
from tests.cases import deployed

SECRET = "kubernetes:core/v1:Secret"
KEY = "tls:index/privateKey:PrivateKey"
COMPONENT = "airflow:index:GitAccess"
PRIVATE = "-----BEGIN OPENSSH PRIVATE KEY-----\nabc\n-----END OPENSSH PRIVATE KEY-----"


def made(authentication: GitAuthentication, **more: Any) -> Recording:
    args: Any = {"namespace": "airflow", "authentication": authentication, "salt": "s", **more}
    return record(lambda: GitAccess("git", args))


@pytest.mark.parametrize("end", ["", "\n", "\n\n", "\r\n", " \n"], ids=repr)
def test_a_private_key_ends_in_one_newline_however_it_came(end: str) -> None:
    secret = made(GitAuthentication.SSH_KEY, ssh_key=PRIVATE + end).only(SECRET)
    assert secret.inputs["metadata"]["name"] == "airflow-ssh-secret"
    assert secret.inputs["stringData"] == {"gitSshKey": PRIVATE + "\n"}
    assert secret.shown["stringData"] == "[secret]"


def test_a_private_key_from_windows_has_the_lines_that_ssh_reads() -> None:
    secret = made(GitAuthentication.SSH_KEY, ssh_key=PRIVATE.replace("\n", "\r\n")).only(SECRET)
    assert secret.inputs["stringData"] == {"gitSshKey": PRIVATE + "\n"}


def test_a_generated_key_shows_its_public_half_and_hides_its_private_one() -> None:
    seen = made(GitAuthentication.GENERATED_SSH_KEY)
    assert seen.only(KEY).inputs == {"algorithm": "ED25519"}
    private = seen.only(SECRET).inputs["stringData"]["gitSshKey"]
    assert private.startswith("-----BEGIN OPENSSH PRIVATE KEY-----\n")
    assert private.endswith("-----END OPENSSH PRIVATE KEY-----\n")
    public = seen.outputs_of(COMPONENT)["deploy_key"]
    assert public.startswith("ssh-ed25519 ")
    assert public == public.strip()
    assert public in seen.shown()
    assert private not in seen.shown()


def test_the_newest_generated_key_is_used_and_the_older_one_stays() -> None:
    first, second = (made(GitAuthentication.GENERATED_SSH_KEY, generation=generation) for generation in (1, 2))
    assert [key.name for key in second.of_type(KEY)] == ["git-ssh-key-1", "git-ssh-key-2"]
    assert first.only(SECRET).inputs["stringData"] != second.only(SECRET).inputs["stringData"]
    assert first.outputs_of(COMPONENT)["deploy_key"] != second.outputs_of(COMPONENT)["deploy_key"]


def test_a_token_is_there_under_the_names_of_git_sync_3_and_4() -> None:
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


def test_the_stacks_user_name_goes_with_its_token() -> None:
    dags = {"repository": "https://github.com/a/b", "authentication": "token", "username": "bot"}
    seen = deployed(dags=dags, git_token="hunter2")
    assert seen.named("airflow-git-secret").inputs["stringData"]["GITSYNC_USERNAME"] == "bot"


def test_another_key_has_another_digest() -> None:
    digests = [
        made(GitAuthentication.SSH_KEY, ssh_key=key).outputs_of(COMPONENT)["digests"] for key in ("a", "a\n", "b")
    ]
    assert digests[0] == digests[1] != digests[2]
    assert digests[0].keys() == {"airflow-ssh-secret"}


def test_the_same_key_under_another_salt_has_another_digest() -> None:
    one, same, other = (
        made(GitAuthentication.SSH_KEY, ssh_key="a", salt=salt).outputs_of(COMPONENT)["digests"]["airflow-ssh-secret"]
        for salt in ("one", "one", "other")
    )
    assert one == same != other
