"""`__main__.py`: settings from the engine in, outputs of the stack out."""

import json
import runpy
from collections.abc import Mapping

import pulumi
import pytest

from airflow_stack.cli.recording import Recording, record
from tests.support.cases import KEY, ROOT, SSH
from tests.support.golden import Golden


def hand_over(patch: pytest.MonkeyPatch, config: Mapping[str, object], secrets: tuple[str, ...] = ()) -> None:
    """Pass a configuration to the program like the engine: in the environment, with objects as JSON."""
    given = {f"airflow:{k}": v if isinstance(v, str) else json.dumps(v) for k, v in config.items()}
    patch.setenv("PULUMI_CONFIG", json.dumps(given | {"kubernetes:context": "here"}))
    patch.setenv("PULUMI_CONFIG_SECRET_KEYS", json.dumps([f"airflow:{key}" for key in secrets]))


def run() -> None:
    runpy.run_path(str(ROOT / "__main__.py"), run_name="__main__")


def test_a_stack_exports_every_output_of_its_airflow_under_its_camel_case_name(monkeypatch: pytest.MonkeyPatch) -> None:
    exported: dict[str, object] = {}
    monkeypatch.setattr(pulumi, "export", exported.__setitem__)
    hand_over(monkeypatch, {"dags": SSH, "gitSshKey": "", "size": "small", "protect": "false"})
    seen: Recording = record(run)
    assert set(exported) == {
        "namespace", "url", "portForward", "adminUser", "adminPassword", "gitDeployKey", "gitDeployKeyPage",
        "dagDelivery", "dagRepository", "dagRef", "dagRefKind", "gitPollsPerHour", "chartVersion", "secretNames", "serviceName", "servicePort",
    }  # fmt: skip
    assert exported.keys() == seen.outputs_of("airflow:index:Airflow").keys()


def test_a_secret_of_the_stack_reaches_its_kubernetes_secret_as_a_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    hand_over(monkeypatch, {"dags": SSH, "gitSshKey": KEY.strip()}, secrets=("gitSshKey",))
    secret = record(run).named("airflow-git-secret")
    assert secret.inputs["stringData"] == {"gitSshKey": KEY}
    assert secret.shown["stringData"] == "[secret]"


def test_a_key_that_cannot_work_ends_the_program_before_anything_is_registered(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], golden: Golden
) -> None:
    told: list[str] = []
    monkeypatch.setattr(pulumi, "get_stack", lambda: "dev")
    monkeypatch.setattr(pulumi.log, "error", told.append)
    monkeypatch.setattr(pulumi.CustomResource, "__init__", lambda *_, **__: pytest.fail("a resource was registered"))
    hand_over(monkeypatch, {"dags": SSH, "gitSshKey": "ssh-ed25519 AAAAcanary me"}, secrets=("gitSshKey",))
    with pytest.raises(SystemExit) as stopped:
        run()
    assert stopped.value.code == 32
    (message,) = told
    assert message == golden
    assert "canary" not in f"{told}{capsys.readouterr()}"


def test_a_wrong_stack_ends_with_one_message_and_no_traceback(monkeypatch: pytest.MonkeyPatch, golden: Golden) -> None:
    told: list[str] = []
    monkeypatch.setattr(pulumi, "get_stack", lambda: "dev")
    monkeypatch.setattr(pulumi.log, "error", told.append)
    hand_over(monkeypatch, {"dags": SSH, "sise": "small", "gitSshKey": "canary"})
    with pytest.raises(SystemExit) as stopped:
        run()
    assert stopped.value.code == 32
    (message,) = told
    assert message == golden
    assert "airflow:sise" in message
    assert "airflow:gitSshKey" in message
    assert "canary" not in message
