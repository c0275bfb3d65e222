"""Scripts of the pipelines, run like by a runner: on a clone, with a fake Pulumi where needed."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from airflow_stack.cli.helm import cache_folder
from tests.support.cases import CONTRACT_CHART, ROOT
from tests.support.fake_github import GitHub, write_program
from tests.support.workflows import Script, script, scripts


class Runner:
    """Runs a step's script like GitHub's runner, in its own folder."""

    def __init__(self, folder: Path, cwd: Path) -> None:
        self.folder, self.cwd = folder, cwd
        self.bin = folder / "bin"
        self.bin.mkdir()
        self.summary, self.output, self.env = (folder / name for name in ("summary", "output", "env"))

    def run(self, text: str, **variables: str) -> subprocess.CompletedProcess[str]:
        """Run a script."""
        environment = {
            "PATH": f"{self.bin}:{Path(sys.executable).parent}:{cache_folder() / 'bin'}:{os.environ['PATH']}",
            "HOME": os.environ["HOME"],
            "RUNNER_TEMP": str(self.folder),
            "GITHUB_STEP_SUMMARY": str(self.summary),
            "GITHUB_OUTPUT": str(self.output),
            "GITHUB_ENV": str(self.env),
        }
        command = ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", text]
        return subprocess.run(
            command, cwd=self.cwd, env=environment | variables, capture_output=True, text=True, check=False, timeout=120
        )


@pytest.fixture
def runner(tmp_path: Path) -> Runner:
    (tmp_path / "work").mkdir()
    return Runner(tmp_path, tmp_path / "work")


LOGIN = {
    "STACK": "prod",
    "ORGANIZATION": "",
    "PULUMI_BACKEND_URL": "",
    "PULUMI_ACCESS_TOKEN": "",
    "PULUMI_CONFIG_PASSPHRASE": "",
    "KUBECONFIG_TEXT": "",
}


def test_without_credentials_the_job_passes_and_names_the_missing_ones(runner: Runner) -> None:
    assert runner.run(script("login", "ready=true"), **LOGIN).returncode == 0
    assert "PULUMI_ORGANIZATION" in runner.summary.read_text()
    assert not runner.output.exists()


def test_a_login_prints_no_secret_and_the_kubeconfig_is_private(runner: Runner) -> None:
    given = {"PULUMI_BACKEND_URL": "s3://state", "PULUMI_CONFIG_PASSPHRASE": "canary-1", "KUBECONFIG_TEXT": "canary-2"}
    done = runner.run(script("login", "ready=true"), **LOGIN | given)
    assert done.returncode == 0
    assert "canary" not in done.stdout + done.stderr
    assert runner.output.read_text() == "ready=true\n"
    kubeconfig = runner.folder / "kubeconfig"
    assert (kubeconfig.read_text(), kubeconfig.stat().st_mode & 0o777) == ("canary-2\n", 0o600)
    assert runner.env.read_text().splitlines() == [
        "PULUMI_BACKEND_URL=s3://state",
        "PULUMI_CONFIG_PASSPHRASE=canary-1",
        f"KUBECONFIG={kubeconfig}",
    ]


@pytest.mark.parametrize("where", ["drift/refresh", "gitlab/drift"])
@pytest.mark.parametrize(
    ("status", "kind", "ends"), [(0, "same", 0), (7, "drift", 0), (255, "unknown", 255), (1, "unknown", 1)]
)
def test_drift_is_distinguished_from_a_failure(runner: Runner, where: str, status: int, kind: str, ends: int) -> None:
    write_program(runner.bin / "pulumi", f"import sys; print('~ Release'); sys.exit({status})")
    if "gitlab" in where:
        (runner.cwd / "found").mkdir()
    done = runner.run(script(where, "pulumi refresh"), STACK="prod")
    assert done.returncode == ends
    assert [(file.name, file.read_text()) for file in (runner.cwd / "found").iterdir()] == [
        (f"{kind}-prod.txt", "~ Release\n")
    ]


def test_the_output_of_a_failed_preview_is_saved(runner: Runner) -> None:
    write_program(runner.bin / "pulumi", "import sys; print(*sys.argv[1:]); sys.exit(255)")
    assert runner.run(script("preview/preview", "pulumi preview"), STACK="prod").returncode == 255
    assert "--policy-pack policies" in (runner.cwd / "found" / "preview-prod.txt").read_text()


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """Checkout of a pull request by a runner: the merge commit with its base."""
    folder = tmp_path / "clone"
    files = subprocess.check_output(
        ["git", "ls-files", "Pulumi*.yaml", "dags", "components", "schemas"], cwd=ROOT, text=True
    )
    for name in filter(None, files.splitlines()):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(ROOT / name, folder / name, follow_symlinks=False)

    def git(*arguments: str) -> None:
        identity = ["-c", "user.name=a", "-c", "user.email=a@example.com"]
        subprocess.run(["git", *identity, *arguments], cwd=folder, check=True, capture_output=True)

    git("init", "--quiet", "--initial-branch=main")
    git("add", "--all")
    git("commit", "--quiet", "--message=base")
    staging = folder / "Pulumi.staging.yaml"
    settings = yaml.safe_load(staging.read_text())
    settings["config"]["airflow:size"] = "medium"
    staging.write_text(yaml.safe_dump(settings))
    git("commit", "--quiet", "--all", "--message=larger")
    return folder


def test_a_pull_request_is_rendered_and_its_comment_posted(clone: Path, tmp_path: Path) -> None:
    (tmp_path / "runner").mkdir()
    runner = Runner(tmp_path / "runner", clone)
    done = runner.run(
        script("preview/diff", "airflow-stack diff"),
        NUMBER="12",
        STACKS="staging prod",
        AIRFLOW_CHART=str(CONTRACT_CHART),
    )
    assert done.returncode == 0, done.stderr
    diff = (clone / "found" / "diff.md").read_text()
    assert "staging" in diff
    github = GitHub(tmp_path)
    github.artifact("found-diff", number=(clone / "found" / "number").read_text(), diff_md=diff)
    assert github.post("github-comment").returncode == 0
    (comment,) = github.read()["comments"]
    assert comment["body"].replace("\u200b", "").endswith(diff.partition("\n")[2].strip())


def test_the_commands_of_the_deployment_run(clone: Path, tmp_path: Path) -> None:
    runner = Runner(tmp_path, clone)
    write_program(runner.bin / "pulumi", "import sys; print('pulumi', *sys.argv[1:])")
    text = script("deploy/deploy", "pulumi up").replace('airflow-stack status --stack "$STACK"', "")
    done = runner.run(text, STACK="staging")
    assert done.returncode == 0, done.stderr
    assert "pulumi up --stack staging --yes" in done.stdout


def _pulumi() -> list[tuple[Script, list[str]]]:
    return [(each, words[1:]) for each in scripts() for words in each.commands() if words[0] == "pulumi"]


def test_pulumi_knows_each_option_in_the_pipelines(tmp_path: Path) -> None:
    pulumi = shutil.which("pulumi") or shutil.which("pulumi", path=cache_folder() / "bin")
    if pulumi is None:
        pytest.skip("no Pulumi: make tools")
    environment = {**os.environ, "PULUMI_HOME": str(tmp_path), "PULUMI_SKIP_UPDATE_CHECK": "true"}
    for verb in {words[0] for _, words in _pulumi()}:
        help_ = subprocess.check_output([pulumi, verb, "--help"], text=True, env=environment)
        for where, words in _pulumi():
            options = [word for word in words if word.startswith("--")]
            assert words[0] != verb or all(option in help_ for option in options), where


def test_every_make_target_exists() -> None:
    for words in {tuple(words) for each in scripts() for words in each.commands() if words[0] == "make"}:
        plan = ["make", "-n", "-o", "setup", *words[1:]]
        assert subprocess.run(plan, cwd=ROOT, capture_output=True, check=False).returncode == 0, words
