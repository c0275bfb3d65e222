"""The sandbox reads the user's stack file, never writes it, and adds stable values to its copy."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from airflow_stack.errors import UserError
from airflow_stack.inputs.validation import load
from sandbox import SandboxError, config_copy
from tests.support.cases import HOST_KEY
from tests.support.golden import Golden

SSH = {"repository": "git@github.com:acme/dags.git", "branch": "main", "authentication": "sshKey"}
SERVED = config_copy.ServedRepository("ssh://git@10.0.0.1:2222/dags.git", f"[10.0.0.1]:2222 {HOST_KEY}\n", "its key\n")
FILLED = {"repository": SERVED.url, "authentication": "sshKey", "knownHosts": SERVED.known_hosts}
GIT_KEY = "airflow:gitSshKey"
SEALED = {"secure": "v1:of-another-user"}


@pytest.fixture
def source(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for end in ("", "_FILE"):
        monkeypatch.delenv(f"PULUMI_CONFIG_PASSPHRASE{end}", raising=False)
    return tmp_path / "Pulumi.prod.yaml"


def target_of(source: Path) -> Path:
    return source.parent / "copy" / source.name


def copied(
    source: Path,
    content: dict[str, Any],
    *,
    throwaway: bool = True,
    chart: str | None = None,
    registry: str | None = None,
    served: config_copy.ServedRepository | None = None,
) -> dict[str, Any]:
    source.write_text(yaml.safe_dump(content))
    before = source.read_text()
    target = target_of(source)
    config_copy.write(source, target, throwaway=throwaway, chart=chart, registry=registry, served=served)
    assert source.read_text() == before
    assert target.stat().st_mode & 0o077 == 0
    written: dict[str, Any] = yaml.safe_load(target.read_text())
    return written


def supply(source: Path, served: config_copy.ServedRepository | None = None) -> dict[str, str]:
    """Set the missing secrets, like `pulumi config set --secret`. Returns them."""
    target = target_of(source)
    missing = config_copy.missing_secrets(target, served)
    content = yaml.safe_load(target.read_text())
    content.setdefault("encryptionsalt", "v1:ours")
    content["config"] |= {key: {"secure": f"v1:{value}"} for key, value in missing.items()}
    target.write_text(yaml.safe_dump(content))
    return missing


def test_a_stack_without_secrets_is_copied_unchanged(source: Path) -> None:
    dags = {"repository": "https://example.com/dags.git", "branch": "main"}
    content = {"config": {"airflow:dags": dags, "airflow:protect": True}}
    assert copied(source, content) == content
    assert config_copy.supplied_secrets(source, target_of(source)) == []


def test_a_secret_that_cannot_be_decrypted_is_replaced(source: Path) -> None:
    content = {"encryptionsalt": "v1:theirs", "config": {"airflow:dags": SSH, "airflow:gitSshKey": SEALED}}
    written = copied(source, content)
    assert written == {"config": {"airflow:dags": SSH}}
    supplied = config_copy.missing_secrets(target_of(source))
    assert list(supplied) == ["airflow:gitSshKey"]
    assert supplied["airflow:gitSshKey"].startswith("-----BEGIN OPENSSH PRIVATE KEY-----\n")
    assert supplied["airflow:gitSshKey"].endswith("-----END OPENSSH PRIVATE KEY-----\n")


def test_throwaway_secrets_are_kept(source: Path) -> None:
    copied(source, {"config": {"airflow:dags": SSH}})
    target = target_of(source)
    ours = {"encryptionsalt": "v1:ours", "config": {"airflow:dags": SSH, "airflow:gitSshKey": {"secure": "v1:ours"}}}
    target.write_text(yaml.safe_dump(ours))
    assert copied(source, {"config": {"airflow:dags": SSH}}) == ours
    assert config_copy.missing_secrets(target) == {}
    assert config_copy.supplied_secrets(source, target) == ["airflow:gitSshKey"]


def test_with_the_users_passphrase_secrets_are_kept(source: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PULUMI_CONFIG_PASSPHRASE", "theirs")
    content = {"encryptionsalt": "v1:theirs", "config": {"airflow:dags": SSH, "airflow:gitSshKey": SEALED}}
    assert copied(source, content) == content


def test_on_a_cluster_of_the_user_a_secret_that_cannot_be_decrypted_is_an_error(source: Path, golden: Golden) -> None:
    with pytest.raises(SandboxError) as refused:
        copied(source, {"config": {"airflow:dags": SSH, "airflow:gitSshKey": SEALED}}, throwaway=False)
    assert str(refused.value) == golden


def test_the_chart_is_set_unless_the_stack_has_a_path(source: Path) -> None:
    written = copied(source, {"config": {"airflow:chart": {"version": "1.22.0"}}}, chart="/chart")
    assert written["config"]["airflow:chart"] == {"version": "1.22.0", "path": "/chart"}
    written = copied(source, {"config": {"airflow:chart": {"path": "/own"}}}, chart="/chart")
    assert written["config"]["airflow:chart"] == {"path": "/own"}


def test_the_registry_is_set_unless_the_stack_has_one(source: Path) -> None:
    written = copied(
        source, {"config": {"airflow:images": {"airflow": {"tag": "3.2.2"}}}}, registry="localhost/stand-in"
    )
    assert written["config"]["airflow:images"] == {"airflow": {"tag": "3.2.2"}, "registry": "localhost/stand-in"}
    written = copied(source, {"config": {"airflow:images": {"registry": "mirror"}}}, registry="localhost/stand-in")
    assert written["config"]["airflow:images"] == {"registry": "mirror"}


@pytest.mark.parametrize("content", [{}, {"config": None}, {"config": {"airflow:dags": {"visibleWithinSeconds": 30}}}])
def test_a_stack_without_a_repository_follows_the_served_one(source: Path, content: dict[str, Any]) -> None:
    dags = copied(source, content, served=SERVED)["config"]["airflow:dags"]
    assert not config_copy.names_repository(source)
    assert dags.items() >= FILLED.items()
    settings = load("dev", {"dags": dags}, (), secrets_required=False).dags
    assert (settings.ref, settings.path) == ("main", "dags")
    assert supply(source, SERVED) == {GIT_KEY: SERVED.deploy_key}
    assert config_copy.supplied_secrets(source, target_of(source)) == [], "the user has nothing to set"


def test_a_stack_with_dags_in_the_image_follows_no_repository(source: Path) -> None:
    content = {"config": {"airflow:dags": {"delivery": "image"}}}
    assert copied(source, content, served=SERVED)["config"]["airflow:dags"] == {"delivery": "image"}


def test_branch_and_path_of_the_stack_are_kept(source: Path) -> None:
    own = {"branch": "release", "path": "flows"}
    assert copied(source, {"config": {"airflow:dags": own}}, served=SERVED)["config"]["airflow:dags"] == own | FILLED


@pytest.mark.parametrize("passphrase", [None, "of-the-user"])
def test_a_second_copy_is_identical(source: Path, passphrase: str | None, monkeypatch: pytest.MonkeyPatch) -> None:
    if passphrase:
        monkeypatch.setenv("PULUMI_CONFIG_PASSPHRASE", passphrase)
    content = {"config": {"airflow:database": {"external": {"host": "db.example.com"}}}}
    copied(source, content, served=SERVED)
    assert supply(source, SERVED).keys() == {GIT_KEY, "airflow:databasePassword"}
    before = yaml.safe_load(target_of(source).read_text())
    assert copied(source, content, served=SERVED) == before
    assert config_copy.missing_secrets(target_of(source), SERVED) == {}


def test_a_repository_of_the_user_replaces_everything_that_the_sandbox_had_set(source: Path) -> None:
    copied(source, {"config": {}}, served=SERVED)
    supply(source, SERVED)
    own = {"config": {"airflow:dags": {"repository": "git@github.com:acme/dags.git"}}}
    written = copied(source, own, served=SERVED)
    assert config_copy.names_repository(source)
    assert written == own | {"encryptionsalt": "v1:ours"}
    assert config_copy.missing_secrets(target_of(source), SERVED) == {}


def test_the_served_repository_and_other_repositories_never_share_a_key(source: Path) -> None:
    copied(source, {"config": {}}, served=SERVED)
    supply(source, SERVED)
    copied(source, {"config": {"airflow:dags": SSH}}, served=SERVED)
    random = supply(source, SERVED)[GIT_KEY]
    assert random.startswith("-----BEGIN OPENSSH PRIVATE KEY-----")
    assert config_copy.supplied_secrets(source, target_of(source)) == [GIT_KEY]
    copied(source, {"config": {}}, served=SERVED)
    assert supply(source, SERVED) == {GIT_KEY: SERVED.deploy_key}


def test_a_key_of_the_user_is_not_sent_to_the_sandbox_server(source: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PULUMI_CONFIG_PASSPHRASE", "theirs")
    copied(source, {"encryptionsalt": "v1:theirs", "config": {GIT_KEY: SEALED}}, served=SERVED)
    assert supply(source, SERVED) == {GIT_KEY: SERVED.deploy_key}


def test_a_secret_with_another_encryption_salt_is_replaced(source: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PULUMI_CONFIG_PASSPHRASE", "theirs")
    copied(source, {"config": {}}, served=SERVED)
    supply(source, SERVED)
    copied(source, {"encryptionsalt": "v1:newly-made", "config": {}}, served=SERVED)
    assert supply(source, SERVED) == {GIT_KEY: SERVED.deploy_key}


def test_on_a_cluster_of_the_user_no_repository_is_set(source: Path) -> None:
    assert copied(source, {"config": {"airflow:size": "small"}}, throwaway=False, served=SERVED) == {
        "config": {"airflow:size": "small"}
    }


@pytest.mark.parametrize("dags", ['{"repository": "git@github.com:acme/dags.git"}', 5])
def test_a_dags_setting_of_a_wrong_type_is_copied_unchanged(source: Path, dags: object) -> None:
    assert copied(source, {"config": {"airflow:dags": dags}}, served=SERVED)["config"] == {"airflow:dags": dags}


def test_the_key_is_not_in_the_repr_of_the_repository() -> None:
    assert SERVED.deploy_key not in repr(SERVED)


def test_an_unknown_stack_is_refused_with_the_existing_ones(source: Path, golden: Golden) -> None:
    source.write_text("{}")
    with pytest.raises(SandboxError) as refused:
        config_copy.stack_file(source.parent, "pord")
    assert str(refused.value) == golden


@pytest.mark.parametrize("stack", ["nope", "../nope", "a" * 300])
def test_a_stack_without_a_file_is_refused(source: Path, stack: str) -> None:
    with pytest.raises(UserError, match=r"does not exist. Stacks: |is not the name of a stack"):
        config_copy.stack_file(source.parent, stack)
