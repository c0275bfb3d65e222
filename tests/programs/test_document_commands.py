"""Commands of README and guides: bash runs every block, with the real programs where they need no cloud and no cluster."""

import json
import os
import shutil
import subprocess
import sys
from functools import cache
from itertools import takewhile
from pathlib import Path
from typing import Any

import pytest
import typer.main

from airflow_stack.cli import main
from airflow_stack.cli.helm import cache_folder
from tests.support.cases import CONTRACT_CHART, ROOT
from tests.support.document_commands import DOCUMENTS, RECORD, blocks, calls, script

NOT_RUN = {
    "aws": "needs an account",
    "az": "needs an account",
    "gcloud": "needs an account",
    "eksctl": "needs an account",
    "gh": "needs an account on GitHub",
    "argocd": "needs a server",
    "vault": "needs a server",
    "docker": "builds and pushes an image of the reader",
    "curl": "downloads what the guide names",
    "pip": "installs the package; tests/programs/test_wheel.py does it for real",
    "python3": "creates an environment; tests/programs/test_wheel.py does it for real",
    "ssh-keyscan": "asks a git host of the reader",
    "git": "changes a repository of the reader",
    "jq": "filters the output for the reader",
}
"""Programs that no test runs, and the reason."""
REAL_AIRFLOW_STACK = ("init", "check", "diff")
"""Commands that run for real. The arguments of the others, which need a cluster or a git host, are parsed."""
CHANGES = {2, 3}
"""Further exit statuses of `diff`: a change, a dangerous change."""
FILES = (
    *("database-ca.pem", "rds-ca.pem", "warehouse.json", "connections.json", "values.yaml", "airflow-dags"),
    *("acme-airflow.private-key.pem", "ci-kubeconfig", ".venv/bin/activate", ".venv/bin/python"),
)
"""Files that the guides take as given."""
OUTPUTS = {"curl": "pandas==2.3.3\n", "kubectl": "conn_type: postgres\n", "helm": "{}\n", "openssl": "0a\n"}
LANGUAGES = {"sh", "console", "text", "yaml", "python", "dockerfile", "mermaid", "json"}
each_document = pytest.mark.parametrize("document", DOCUMENTS, ids=lambda file: str(file.relative_to(ROOT)))


@pytest.fixture(scope="module")
def pulumi() -> str:
    """The real Pulumi."""
    found = shutil.which("pulumi") or shutil.which("pulumi", path=cache_folder() / "bin")
    if found is None:
        pytest.skip("no Pulumi: make tools")
    return found


@pytest.fixture(scope="module")
def repository(tmp_path_factory: pytest.TempPathFactory, pulumi: str) -> Path:
    """A team's repository with three stacks, as the template makes it, in a folder of its own with Pulumi's state."""
    top = tmp_path_factory.mktemp("team")
    work = top / "work"
    shutil.copytree(ROOT / "template", work)
    shutil.copytree(ROOT / "dags", work / "dags")
    shutil.copytree(ROOT / "examples", work / "examples", ignore=shutil.ignore_patterns("node_modules", "sdks"))
    shutil.copyfile(ROOT / "Pulumi.dev.yaml", work / "Pulumi.dev.yaml")
    project = (work / "Pulumi.yaml").read_text().replace("${PROJECT}", "airflow").replace("${DESCRIPTION}", "Airflow")
    (work / "Pulumi.yaml").write_text(project)
    (top / "state").mkdir()
    for name in ("dev", "staging", "prod"):
        ask = [pulumi, "stack", "init", name, "--non-interactive"]
        subprocess.run(ask, cwd=work, env=variables(top), check=True, capture_output=True)
    identity = ["-c", "user.name=a", "-c", "user.email=a@example.com"]
    for arguments in (
        ("init", "--initial-branch=main"),
        ("add", "--all"),
        ("commit", "--message=first"),
        ("update-ref", "refs/remotes/origin/main", "main"),
    ):
        subprocess.run(["git", *identity, *arguments], cwd=work, check=True, capture_output=True)
    for name in FILES:
        (work / name).parent.mkdir(parents=True, exist_ok=True)
        (work / name).write_text("# a file\n")
        (work / name).chmod(0o755)
    return top


def variables(top: Path) -> dict[str, str]:
    """Environment of the commands."""
    return {
        **{key: value for key, value in os.environ.items() if not key.startswith(("AIRFLOW_", "PULUMI_", "GIT_"))},
        "AIRFLOW_CHART": str(CONTRACT_CHART),
        "HOME": str(top),
        "PYTHONPATH": str(ROOT / "components"),
        "PULUMI_BACKEND_URL": f"file://{top / 'state'}",
        "PULUMI_HOME": str(top / "pulumi"),
        "PULUMI_CONFIG_PASSPHRASE": "of the test",
        "PULUMI_SKIP_UPDATE_CHECK": "true",
    }


@each_document
def test_every_command_block_runs(
    document: Path, repository: Path, pulumi: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = script(document)
    if not text:
        return
    top = tmp_path / "team"
    shutil.copytree(repository, top, symlinks=True)
    folder = top / "work"
    if "airflow-stack init ." in text:  # into the reader's new folder
        folder = top / "airflow"
        (folder / ".venv" / "bin").mkdir(parents=True)
        (folder / ".venv" / "bin" / "activate").touch()
    (top / "bin").mkdir()
    (top / "record").write_text(RECORD.replace("{python}", sys.executable))
    (top / "record").chmod(0o755)
    for name in (*NOT_RUN, "airflow-stack", "pulumi", "helm", "kubectl", "make", "openssl"):
        (top / "bin" / name).symlink_to(top / "record")
    command_line = str(Path(sys.executable).with_name("airflow-stack"))
    real: dict[str, Any] = {
        "airflow-stack": {"command": command_line, "verbs": REAL_AIRFLOW_STACK},
        "pulumi": {"command": pulumi, "verbs": ["config "]},
    }
    environment = variables(top) | {
        "PATH": f"{top / 'bin'}:{cache_folder() / 'bin'}:/usr/bin:/bin",
        "CALLS": str(top / "calls"),
        "FOLDER": str(folder),
        "REAL": json.dumps(real),
        "OUTPUTS": json.dumps(OUTPUTS),
    }
    done = subprocess.run(
        ["bash", "-u", "-o", "pipefail", "-c", text], cwd=folder, env=environment, capture_output=True, text=True
    )
    failed = [line for line in done.stderr.splitlines() if line.startswith("bash: ")]
    assert not failed, done.stderr
    made = calls(top / "calls")
    wrong = [words for _, status, words in made if status and not (words[0] == "diff" and status in CHANGES)]
    assert not wrong, done.stderr
    monkeypatch.chdir(folder)
    for name, _, words in made:
        if name == "airflow-stack":
            parsed(words)
        elif name in ("pulumi", "helm", "kubectl"):
            known(name, words)
        elif name == "make":
            plan = ["make", "-n", "-o", "setup", *words]
            assert subprocess.run(plan, cwd=ROOT, capture_output=True, check=False).returncode == 0, words
        else:
            assert name in NOT_RUN or name == "openssl"


def parsed(words: list[str]) -> None:
    """Parse a command line of `airflow-stack` with its own parser."""
    command: Any = typer.main.get_command(main.app)
    words = list(words)
    if words[0].startswith("-"):  # such as --version, which ends the command
        assert words[0] in {name for param in command.params for name in param.opts}, words
        return
    while hasattr(command, "commands"):
        assert words[0] in command.commands, words
        command = command.commands[words.pop(0)]
    command.make_context("airflow-stack", words)


def known(program: str, words: list[str]) -> None:
    """Assert that a program has the subcommand and each option."""
    path = shutil.which(program) or shutil.which(program, path=cache_folder() / "bin")
    if path is None:
        return
    ours = list(takewhile(lambda word: word != "--", words))  # the rest is for a program in a pod
    verbs = ours[2:] if ours[0] == "--namespace" else ours
    text = help_(path, *takewhile(lambda word: not word.startswith("-"), verbs))
    for word in ours:
        if word.startswith("--"):
            assert word.partition("=")[0] in text, f"{program} {' '.join(words)}"


@cache
def help_(path: str, *verbs: str) -> str:
    """Help of a subcommand, with the options of every command."""
    environment = {**os.environ, "PULUMI_SKIP_UPDATE_CHECK": "true"}
    asked = [[path, *verbs, "--help"], *([[path, "options"]] if path.endswith("kubectl") else [])]
    return "".join(
        subprocess.run(each, capture_output=True, text=True, env=environment, check=False).stdout for each in asked
    )


@each_document
def test_every_block_names_its_language(document: Path) -> None:
    assert {language for language, _ in blocks(document)} <= LANGUAGES


def test_every_program_that_no_test_runs_appears_in_a_document() -> None:
    text = "\n".join(map(script, DOCUMENTS))
    assert [name for name in NOT_RUN if name not in text] == []
