"""The user's stack file is read, never written, and what the sandbox adds is stable."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from sandbox import SandboxError, stackfile

SSH = {"repository": "git@github.com:acme/dags.git", "branch": "main", "authentication": "sshKey"}
SEALED = {"secure": "v1:of-somebody-else"}


@pytest.fixture
def source(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for end in ("", "_FILE"):
        monkeypatch.delenv(f"PULUMI_CONFIG_PASSPHRASE{end}", raising=False)
    return tmp_path / "Pulumi.prod.yaml"


def copied(
    source: Path, content: dict[str, Any], *, throwaway: bool = True, chart: str | None = None
) -> dict[str, Any]:
    source.write_text(yaml.safe_dump(content))
    before = source.read_text()
    target = source.parent / "copy" / source.name
    stackfile.copy(source, target, throwaway=throwaway, chart=chart)
    assert source.read_text() == before
    assert target.stat().st_mode & 0o077 == 0
    written: dict[str, Any] = yaml.safe_load(target.read_text())
    return written


def test_a_stack_without_secrets_is_copied_as_it_is(source: Path) -> None:
    dags = {"repository": "https://example.com/dags.git", "branch": "main"}
    content = {"config": {"airflow:dags": dags, "airflow:protect": True}}
    assert copied(source, content) == content
    assert stackfile.supplied_secrets(source, source.parent / "copy" / source.name) == []


def test_a_secret_that_nobody_here_can_read_is_replaced(source: Path) -> None:
    content = {"encryptionsalt": "v1:theirs", "config": {"airflow:dags": SSH, "airflow:gitSshKey": SEALED}}
    written = copied(source, content)
    assert written == {"config": {"airflow:dags": SSH}}
    supplied = stackfile.missing_secrets(source.parent / "copy" / source.name)
    assert list(supplied) == ["airflow:gitSshKey"]
    assert supplied["airflow:gitSshKey"].startswith("-----BEGIN OPENSSH PRIVATE KEY-----\n")
    assert supplied["airflow:gitSshKey"].endswith("-----END OPENSSH PRIVATE KEY-----\n")


def test_what_was_supplied_once_is_kept(source: Path) -> None:
    copied(source, {"config": {"airflow:dags": SSH}})
    target = source.parent / "copy" / source.name
    ours = {"encryptionsalt": "v1:ours", "config": {"airflow:dags": SSH, "airflow:gitSshKey": {"secure": "v1:ours"}}}
    target.write_text(yaml.safe_dump(ours))
    assert copied(source, {"config": {"airflow:dags": SSH}}) == ours
    assert stackfile.missing_secrets(target) == {}
    assert stackfile.supplied_secrets(source, target) == ["airflow:gitSshKey"]


def test_with_the_users_passphrase_secrets_stay(source: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PULUMI_CONFIG_PASSPHRASE", "theirs")
    content = {"encryptionsalt": "v1:theirs", "config": {"airflow:dags": SSH, "airflow:gitSshKey": SEALED}}
    assert copied(source, content) == content


def test_on_a_cluster_of_the_users_no_secret_is_replaced(source: Path) -> None:
    with pytest.raises(SandboxError, match="airflow:gitSshKey; set PULUMI_CONFIG_PASSPHRASE"):
        copied(source, {"config": {"airflow:dags": SSH, "airflow:gitSshKey": SEALED}}, throwaway=False)


def test_the_chart_is_overridden_unless_the_stack_names_a_path(source: Path) -> None:
    written = copied(source, {"config": {"airflow:chart": {"version": "1.22.0"}}}, chart="/chart")
    assert written["config"]["airflow:chart"] == {"version": "1.22.0", "path": "/chart"}
    written = copied(source, {"config": {"airflow:chart": {"path": "/own"}}}, chart="/chart")
    assert written["config"]["airflow:chart"] == {"path": "/own"}


def test_an_unknown_stack_names_those_that_exist(source: Path) -> None:
    source.write_text("{}")
    with pytest.raises(SandboxError, match=r"no Pulumi\.pord\.yaml; the stacks are: prod"):
        stackfile.copy(source.with_name("Pulumi.pord.yaml"), source.parent / "copy", throwaway=True, chart=None)
