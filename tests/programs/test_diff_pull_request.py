"""`airflow-stack diff` on a pull request in a git repository: comment, exit status, and an unchanged checkout."""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from airflow_stack.cli.diff.render_markdown import LIMIT, MARKER
from airflow_stack.cli.helm import find_helm
from airflow_stack.errors import UserError
from tests.support.cases import CONTRACT_CHART, ROOT, official_chart
from tests.support.golden import Golden

STACK = """\
encryptionsalt: v1:salt
config:
  airflow:dags: {repository: "git@github.com:acme/dags.git", branch: main, authentication: sshKey}
  airflow:gitSshKey: {secure: "v1:canary-key"}
  airflow:database: {external: {host: db.example.com}}
  airflow:databasePassword: {secure: "v1:canary-database"}
  airflow:environment: {DB_PASSWORD: canary-variable, URL: "https://u:canary-url@example.com", NOTE: plain}
"""
_GIT = (
    "-c",
    "user.name=t",
    "-c",
    "user.email=t@example.com",
    "-c",
    "commit.gpgsign=false",
    "-c",
    "init.defaultBranch=main",
)


@dataclass(frozen=True)
class Project:
    """A repository with the project in a subfolder."""

    repository: Path

    @property
    def folder(self) -> Path:
        return self.repository / "deploy"

    def git(self, *command: str) -> str:
        environment = {**os.environ, "GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_SYSTEM": os.devnull}
        run = ["git", *_GIT, "-C", str(self.repository), *command]
        return subprocess.run(run, check=True, capture_output=True, text=True, env=environment).stdout

    def diff(
        self, *arguments: str, base: str = "main", chart: Path = CONTRACT_CHART
    ) -> subprocess.CompletedProcess[str]:
        command = [
            sys.executable,
            "-c",
            "from airflow_stack.cli.main import main; main()",
            "diff",
            "--base",
            base,
            *arguments,
        ]
        environment = {**os.environ, "AIRFLOW_CHART": str(chart), "PYTHONPATH": str(self.folder / "components")}
        return subprocess.run(command, cwd=self.folder, env=environment, capture_output=True, text=True, check=False)

    @contextmanager
    def edited(self, file: str, old: str, new: str) -> Iterator[None]:
        """Replace `old` by `new` in a file during the block."""
        path = self.folder / file
        before = path.read_text()
        assert old in before
        path.write_text(before.replace(old, new))
        try:
            yield
        finally:
            path.write_text(before)


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """Project with two stacks, committed on `main`."""
    try:
        find_helm()
    except UserError as missing:
        pytest.skip(str(missing))
    made = Project(tmp_path_factory.mktemp("repository"))
    shutil.copytree(ROOT / "components", made.folder / "components", ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("one", "two"):
        (made.folder / f"Pulumi.{name}.yaml").write_text(STACK)
    (made.repository / ".gitignore").write_text("__pycache__/\n")
    made.git("init")
    made.git("add", ".")
    made.git("commit", "--message", "base")
    return made


def without_commit(comment: str) -> str:
    return re.sub(r"`main \([0-9a-f]{12}\)`", "`main (<commit>)`", comment)


def test_the_comment_is_reproducible_has_no_secret_and_the_repository_is_unchanged(
    project: Project, golden: Golden
) -> None:
    with (
        project.edited("Pulumi.one.yaml", "canary", "new-canary"),
        project.edited("Pulumi.one.yaml", "branch: main", "branch: next"),
    ):
        before = project.git("status", "--porcelain"), (project.repository / ".git" / "index").read_bytes()
        once, twice = (project.diff("--stack=one", "--stack=two", "--format=markdown") for _ in range(2))
        assert (project.git("status", "--porcelain"), (project.repository / ".git" / "index").read_bytes()) == before
    assert once.returncode == 2, once.stderr
    assert once.stdout == twice.stdout
    assert once.stdout.startswith(MARKER)
    assert len(once.stdout) < LIMIT
    assert "canary" not in once.stdout + once.stderr
    assert without_commit(once.stdout) == golden
    assert project.git("worktree", "list").count("\n") == 1
    for name in ("tmp", str(project.repository)):
        assert name not in once.stdout


def test_a_change_of_the_program_is_shown_without_secrets(project: Project, golden: Golden) -> None:
    with project.edited(
        "components/airflow_stack/chart/sizes.py", 'STATSD = _sidecar("20m"', 'STATSD = _sidecar("30m"'
    ):
        done = project.diff("--stack=one")
    assert done.returncode == 2, done.stderr
    assert done.stdout == golden


def test_a_dangerous_change_has_its_own_exit_status(project: Project) -> None:
    with project.edited("Pulumi.one.yaml", "host: db", "host: other"):
        done = project.diff("--stack=one", "--format=json")
    assert done.returncode == 3, done.stderr
    assert '"level": "dangerous change"' in done.stdout
    assert project.diff("--stack=one").returncode == 0


def test_everything_that_decides_a_deployment_is_compared(project: Project, golden: Golden) -> None:
    """A change that switches policies off, moves the stack and gives a secret away, without one object that differs."""
    more = "  policies:levels: {pod-security: disabled}\n  kubernetes:context: other\nenvironment: [acme/other-esc]\n"
    leak = "\nimport pulumi\npulumi.export('leak', pulumi.Output.unsecret(airflow.admin_password))\n"
    workflow = project.repository / ".github" / "workflows" / "deploy.yml"
    for name in ("__main__.py", "Pulumi.yaml"):
        shutil.copy(ROOT / name, project.folder / name)
    shutil.copytree(ROOT / "policies", project.folder / "policies", ignore=shutil.ignore_patterns("__pycache__"))
    workflow.parent.mkdir(parents=True)
    workflow.write_text("- run: pulumi up --policy-pack policies\n")
    project.git("add", ".")
    project.git("commit", "--message", "program")
    assert project.diff("--stack=one").returncode == 0
    try:
        with (
            project.edited("Pulumi.one.yaml", "NOTE: plain}\n", "NOTE: plain}\n" + more),
            project.edited("Pulumi.yaml", "virtualenv: .venv", "virtualenv: other"),
            project.edited("__main__.py", "export_outputs(airflow)", f"export_outputs(airflow){leak}"),
        ):
            (project.folder / "policies" / "PulumiPolicy.yaml").unlink()
            (project.folder / "requirements.txt").write_text("pulumi\n")
            workflow.write_text("- run: pulumi up\n")
            done = project.diff("--stack=one", "--stack=two")
    finally:
        project.git("reset", "--hard", "HEAD")
        (project.folder / "requirements.txt").unlink()
    assert done.returncode == 3, done.stderr
    assert done.stdout == golden
    assert "canary" not in done.stdout


def test_a_change_of_dags_and_documents_alone_is_no_change(project: Project) -> None:
    (project.folder / "dags").mkdir()
    (project.folder / "found").mkdir()
    for name in ("dags/a.py", "README.md", "found/number"):
        (project.folder / name).write_text("# new\n")
    (project.repository / "another-service.yaml").write_text("a: 1\n")
    try:
        assert project.diff("--stack=one").returncode == 0
    finally:
        project.git("clean", "--force", "-d", "--quiet")


def test_a_stack_on_only_one_side_is_reported_as_new_or_removed(project: Project, golden: Golden) -> None:
    (project.folder / "Pulumi.two.yaml").rename(project.folder / "Pulumi.three.yaml")
    try:
        done = project.diff("--stack=two", "--stack=three", "--format=markdown")
    finally:
        (project.folder / "Pulumi.three.yaml").rename(project.folder / "Pulumi.two.yaml")
    assert done.returncode == 3, done.stderr
    summary, _, _ = without_commit(done.stdout).partition("<details>")
    assert summary == golden


def test_a_missing_or_broken_base_is_one_error_message(project: Project, golden: Golden) -> None:
    for base in ("nowhere", "--output=x", ""):
        done = project.diff("--stack=one", f"--base={base}")
        assert (done.returncode, done.stdout) == (1, ""), base
        assert "git cannot read the base" in done.stderr
    with project.edited("components/airflow_stack/chart/values.py", "import pulumi", "import pulumi, no_such_module"):
        project.git("commit", "--all", "--message", "broken")
    project.git("tag", "broken")
    project.git("reset", "--quiet", "--soft", "HEAD^")
    project.git("reset", "--quiet")
    done = project.diff("--stack=one", base="broken")
    assert (done.returncode, done.stdout) == (1, "")
    assert "ModuleNotFoundError" in done.stderr
    assert "Traceback" not in done.stderr


def test_wrong_settings_and_an_unknown_stack_are_reported_as_in_other_commands(
    project: Project, golden: Golden
) -> None:
    assert project.diff("--stack=three").stderr == golden(name="no such stack")
    with project.edited("Pulumi.one.yaml", "branch:", "brunch:"):
        done = project.diff("--stack=one")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == golden(name="a wrong setting")


@pytest.mark.official_chart
def test_the_comment_is_reproducible_with_the_official_chart(project: Project) -> None:
    with project.edited("Pulumi.one.yaml", "branch: main", "branch: next"):
        once, twice = (project.diff("--stack=one", "--format=markdown", chart=official_chart()) for _ in range(2))
    assert (once.returncode, once.stdout) == (2, twice.stdout)
    assert "canary" not in once.stdout
