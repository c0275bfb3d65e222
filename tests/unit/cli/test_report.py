"""`--json`: one shape for every command, alone on standard output."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import typer.main

from airflow_stack.cli import main
from tests.support.cases import ROOT, STACKS
from tests.support.command import Command

KEYS = ["command", "ok", "problems", "warnings", "next", "result"]
OTHERWISE = {"init", "adopt", "render", "logs", "dags", "admin"}
"""Commands whose output is files, YAML, log lines or one address, and the group `dags`."""
FAILING = [
    "check --stack nope", "status --stack nope", "doctor --stack nope", "recover --stack nope", "diff --stack nope --base HEAD",
    "promote --from nope --to prod", "rollback --stack nope", "dags check nope", "teams nope.yaml",
]  # fmt: skip


@pytest.fixture(autouse=True)
def _folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for stack in STACKS:
        shutil.copy(ROOT / f"Pulumi.{stack}.yaml", tmp_path)


def test_every_command_that_reports_has_the_option() -> None:
    commands: dict[str, Any] = typer.main.get_command(main.app).commands  # type: ignore[attr-defined]
    commands |= commands["dags"].commands
    without = {name for name, each in commands.items() if "--json" not in {o for p in each.params for o in p.opts}}
    assert without == OTHERWISE


@pytest.mark.parametrize("arguments", FAILING)
def test_an_error_is_in_the_report_and_its_message_on_standard_error(
    run_command: Command, monkeypatch: pytest.MonkeyPatch, arguments: str
) -> None:
    monkeypatch.setenv("PATH", "")
    done = run_command(*arguments.split(), "--json")
    report = json.loads(done.out)
    assert list(report) == KEYS
    assert (done.status, report["ok"]) == (1, False)
    assert report["problems"][0]["message"]
    assert done.err or arguments.startswith("doctor"), "the results of doctor are its messages"


def test_check_reports_the_policies_and_the_commands_that_set_missing_secrets(run_command: Command) -> None:
    done = run_command("check", "--stack", "prod", "--json")
    report = json.loads(done.out)
    assert (done.status, done.err, report["ok"], report["problems"]) == (0, "", True, [])
    assert report["result"]["stack"] == "prod"
    assert report["result"]["missingSecrets"]
    assert all(command.startswith("pulumi config set --secret") for command in report["next"])


def test_wrong_settings_are_problems_with_path_and_fix(run_command: Command, tmp_path: Path) -> None:
    (tmp_path / "Pulumi.mine.yaml").write_text("config:\n  airflow:sise: small\n  airflow:dags: {repository: x}\n")
    report = json.loads(run_command("check", "--stack", "mine", "--json").out)
    assert {each["path"] for each in report["problems"]} == {"sise", "dags.repository"}
    assert all(each["fix"].endswith("--stack mine") for each in report["problems"])
