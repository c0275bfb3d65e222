"""Help and completion of the command line."""

import re
import resource
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import typer.main

from airflow_stack.cli import main
from airflow_stack.cli.help import EXAMPLES, GROUPS
from tests.support.cases import ROOT
from tests.support.command import Command

COMMANDS: dict[str, Any] = typer.main.get_command(main.app).commands  # type: ignore[attr-defined]
SHELLS = {
    "bash": {"COMP_WORDS": "airflow-stack check --stack st", "COMP_CWORD": "3"},
    "zsh": {"_TYPER_COMPLETE_ARGS": "airflow-stack check --stack st"},
    "fish": {"_TYPER_COMPLETE_ARGS": "airflow-stack check --stack st", "_TYPER_COMPLETE_FISH_ACTION": "get-args"},
}


def test_every_command_is_in_one_group_and_has_an_example() -> None:
    grouped = [name for names in GROUPS.values() for name in names]
    assert sorted(grouped) == sorted(COMMANDS) == sorted(EXAMPLES)


@pytest.mark.parametrize("command", [(), *((name,) for name in COMMANDS), ("dags", "check")], ids=" ".join)
def test_every_help_fits_eighty_columns_in_whole_sentences(
    run_command: Command, monkeypatch: pytest.MonkeyPatch, command: tuple[str, ...]
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    shown = run_command(*command, "--help").out
    assert max(map(len, shown.splitlines())) <= 80
    assert "..." not in shown.replace("[ARGS]...", "")
    assert not command or f"Example:\n    {EXAMPLES[command[0]]}\n" in shown


@pytest.mark.parametrize("name", EXAMPLES)
def test_every_example_names_existing_options(name: str) -> None:
    words = EXAMPLES[name].split()[1:]
    found: Any = COMMANDS[words.pop(0)]
    if hasattr(found, "commands"):
        found = found.commands[words.pop(0)]
    known = {option for param in found.params for option in param.opts}
    assert {word for word in words if word.startswith("-")} <= known


def test_help_takes_less_than_a_second_of_cpu() -> None:
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run([Path(sys.executable).with_name("airflow-stack"), "--help"], check=True, capture_output=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    assert after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime < 1


@pytest.mark.parametrize("shell", SHELLS)
def test_a_shell_completes_the_names_of_stacks(shell: str) -> None:
    env = {"PATH": str(Path(sys.executable).parent), "_AIRFLOW_STACK_COMPLETE": f"complete_{shell}", **SHELLS[shell]}
    done = subprocess.run(["airflow-stack"], cwd=ROOT, env=env, capture_output=True, text=True, check=False)
    assert "staging" in re.findall(r"[\w-]+", done.stdout)
    assert "prod" not in done.stdout
