"""The command `airflow-stack`: results on standard output, everything else on standard error, and a reliable exit status."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from airflow_stack.cli.helm import find_helm
from airflow_stack.errors import UserError
from tests.support.cases import CONTRACT_CHART, ROOT, STACKS
from tests.support.command import Command
from tests.support.golden import Golden


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with the three stacks."""
    for stack in STACKS:
        shutil.copy(ROOT / f"Pulumi.{stack}.yaml", tmp_path)
    return tmp_path


@pytest.fixture
def run(folder: Path, run_command: Command, monkeypatch: pytest.MonkeyPatch) -> Command:
    """Run `airflow-stack` there."""
    monkeypatch.chdir(folder)
    return run_command


def write(folder: Path, text: str) -> None:
    (folder / "Pulumi.mine.yaml").write_text(text)


@pytest.mark.parametrize("stack", ["staging", "prod"])
def test_a_valid_stack_is_reported_with_its_missing_secrets_on_standard_error(
    run: Command, stack: str, golden: Golden
) -> None:
    done = run("check", "--stack", stack)
    assert done.status == 0
    assert "airflow:databasePassword" in done.err
    assert done.out + done.err == golden


def test_a_stack_without_a_repository_is_refused_with_the_command(run: Command, golden: Golden) -> None:
    done = run("check", "--stack", "dev")
    assert (done.status, done.out) == (1, "")
    assert "airflow:dags.repository" in done.err
    assert done.err == golden


def test_a_wrong_stack_ends_in_one_message_on_standard_error_with_all_errors(
    run: Command, folder: Path, golden: Golden
) -> None:
    write(folder, "config:\n  airflow:sise: small\n  airflow:dags: {repository: x}\n  airflow:gitToken: hunter2\n")
    for command in ("check", "render"):
        done = run(command, "--stack", "mine")
        assert (done.status, done.out) == (1, "")
        assert all(key in done.err for key in ("airflow:sise", "airflow:dags.repository", "airflow:gitToken"))
        assert "Traceback" not in done.err
        assert "hunter2" not in done.err
        assert done.err == golden(name="both commands")


def test_an_unknown_stack_is_refused_with_the_existing_ones(run: Command, golden: Golden) -> None:
    done = run("check", "--stack", "staggign")
    assert (done.status, done.out) == (1, "")
    assert done.err == golden


def test_a_stack_may_be_named_with_its_organization(run: Command) -> None:
    assert run("check", "--stack", "organization/airflow/prod").status == 0


@pytest.mark.parametrize(
    "text",
    ["config: [", "- a\n- b", "config: text", "\0", "5", "a: &a [*a]\nconfig: *a",
     "config:\n  5: x", "config:\n  airflow:values: {a: " + "9" * 5000 + "}", "config:\n  airflow:labels: &a {a: *a}"],
    ids=lambda text: text[:30],
)  # fmt: skip
def test_an_invalid_stack_file_is_refused_without_a_traceback(run: Command, folder: Path, text: str) -> None:
    write(folder, text)
    done = run("check", "--stack", "mine")
    assert (done.status, done.out) == (1, "")
    assert "Pulumi.mine.yaml" in done.err
    assert "Traceback" not in done.err


def test_a_nested_encrypted_value_is_refused(run: Command, folder: Path, golden: Golden) -> None:
    secure = "{secure: v1:abc}"
    write(folder, f"config:\n  airflow:dags: {{repository: git@github.com:a/b}}\n  airflow:values: {{a: [{secure}]}}\n")
    done = run("check", "--stack", "mine")
    assert done.status == 1
    assert "airflow:values" in done.err
    assert done.err == golden


def test_an_encrypted_secret_is_accepted_without_decryption(run: Command, folder: Path) -> None:
    secure = "{secure: v1:abc}"
    write(
        folder,
        f"config:\n  airflow:namespace: mine\n  airflow:dags: {{repository: git@github.com:a/b}}\n  airflow:gitSshKey: {secure}\n",
    )
    done = run("check", "--stack", "mine")
    assert (done.status, done.err) == (0, "")


@pytest.mark.parametrize("command", ["check", "render"])
def test_a_missing_chart_is_reported(run: Command, command: str, golden: Golden) -> None:
    done = run(command, "--stack", "staging", "--chart", "charts/none.tgz")
    assert (done.status, done.out) == (1, "")
    assert done.err == golden


def test_values_are_checked_with_the_chart_in_the_option(
    run: Command, folder: Path, monkeypatch: pytest.MonkeyPatch, golden: Golden
) -> None:
    write(
        folder,
        "config:\n  airflow:dags: {repository: git@github.com:a/b}\n  airflow:values: {scheduler: {replica: 2}}\n",
    )
    assert run("check", "--stack", "mine").status == 0
    assert run("check", "--stack", "mine", "--chart", str(CONTRACT_CHART)).err == golden
    monkeypatch.setenv("AIRFLOW_CHART", str(CONTRACT_CHART))
    assert run("check", "--stack", "mine").status == 1


def test_without_helm_render_fails_with_the_fix(run: Command, monkeypatch: pytest.MonkeyPatch, golden: Golden) -> None:
    monkeypatch.setenv("PATH", "")
    monkeypatch.setenv("AIRFLOW_STACK_CACHE", "/nowhere")
    done = run("render", "--stack", "staging", "--chart", str(CONTRACT_CHART))
    assert (done.status, done.out) == (1, "")
    assert done.err == golden


@pytest.fixture
def helm() -> str:
    """Path of Helm; skips without it."""
    try:
        return find_helm()
    except UserError as missing:
        pytest.skip(str(missing))


@pytest.mark.usefixtures("helm")
@pytest.mark.parametrize("stack", ["staging", "prod"])
def test_render_prints_every_manifest_of_a_stack_and_nothing_else(run: Command, stack: str) -> None:
    done = run("render", "--stack", stack, "--chart", str(CONTRACT_CHART))
    assert (done.status, done.err) == (0, "")
    manifests = list(yaml.safe_load_all(done.out))
    assert all({"apiVersion", "kind", "metadata"} <= manifest.keys() for manifest in manifests)
    assert manifests[0]["kind"] == "Namespace"
    kinds = {manifest["kind"] for manifest in manifests}
    assert {"Deployment", "Job", "Secret", "NetworkPolicy", "ConfigMap"} <= kinds
    secrets = [manifest for manifest in manifests if manifest["kind"] == "Secret"]
    assert len(secrets) > 4
    assert {value for secret in secrets for value in secret["stringData"].values()} == {"[secret]"}


@pytest.mark.usefixtures("helm")
def test_render_quotes_text_that_looks_like_a_boolean(run: Command, folder: Path) -> None:
    write(
        folder,
        "config:\n  airflow:dags: {repository: git@github.com:a/b}\n  airflow:labels: {approved: 'y', late: 'no'}\n",
    )
    done = run("render", "--stack", "mine", "--chart", str(CONTRACT_CHART))
    assert (done.status, done.err) == (0, "")
    assert "approved: 'y'" in done.out
    assert "late: 'no'" in done.out
    assert "approved: y" not in done.out


def test_the_installed_command_is_this_one() -> None:
    command = Path(sys.executable).with_name("airflow-stack")
    wrong = subprocess.run([command, "check", "--stack", "none"], cwd=ROOT, capture_output=True, text=True, check=False)
    assert (wrong.returncode, wrong.stdout) == (1, "")
    assert "Traceback" not in wrong.stderr


def test_the_list_of_commands_needs_neither_pulumi_nor_kubernetes() -> None:
    slow = {"pulumi", "lightkube", "pydantic", "cryptography", "httpx2"}
    code = f"import sys, airflow_stack.cli.main; sys.exit(', '.join({slow} & sys.modules.keys()) or 0)"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


DAGS = "  airflow:dags: {repository: https://github.com/acme/dags.git}\n"


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (f"config:\n{DAGS}  airflow:protect: true\n  airflow:protect: false\n", "'airflow:protect' is given twice"),
        ("config:\n  airfow:dags: {repository: https://a.b/c}\n", "did you mean airflow:dags?"),
        (f"config:\n{DAGS}  Airflow:protect: true\n", "did you mean airflow:protect?"),
        (f"config:\n{DAGS}  airlfow:size: large\n", "did you mean airflow:size?"),
        (f"config:\n{DAGS}  protect: true\n", "'protect' has no namespace; did you mean airflow:protect?"),
        (f"config:\n{DAGS}  airflow.protect: true\n", "did you mean airflow:protect?"),
        (f"confg:\n{DAGS}", "did you mean 'config'?"),
        (f"airflow:size: small\nconfig:\n{DAGS}", "'airflow:size' is not a key of a stack file"),
    ],
)
def test_a_key_that_no_program_would_read_is_refused(run: Command, folder: Path, text: str, reason: str) -> None:
    write(folder, text)
    for command in ("check", "render"):
        done = run(command, "--stack", "mine")
        assert (done.status, done.out) == (1, "")
        assert reason in done.err


def test_settings_of_other_namespaces_are_left_alone(run: Command, folder: Path) -> None:
    others = "".join(
        f"  {key}: x\n" for key in ("kubernetes:context", "aws:region", "acme:airflow", "policies:environment")
    )
    write(
        folder,
        f"encryptionsalt: v1:a\nenvironment: [x]\nconfig:\n{DAGS}{others.replace('policies:environment: x', 'policies:environment: staging')}",
    )
    assert run("check", "--stack", "mine").status == 0


NAMES = ["a" * 300, "../../etc/passwd\0", "a b", "", "ä", "*", "-"]


@pytest.mark.parametrize("name", NAMES, ids=lambda name: name[:10])
@pytest.mark.parametrize(
    "command", ["check", "render", "recover", "status", "logs", "doctor", "diff --base HEAD", "promote --from"]
)
def test_a_name_that_no_stack_can_have_is_one_message(run: Command, name: str, command: str) -> None:
    first, *more = command.split()
    arguments = [f"{more[0]}={name}", "--to=prod"] if first == "promote" else [*more, f"--stack={name}"]
    done = run(first, *arguments)
    assert done.status in (1, 2)
    assert len(done.err + done.out) < 2000
    assert "Traceback" not in done.err


@pytest.mark.parametrize(
    "command",
    ["check --stack prod", "render --stack prod", "recover --stack prod", "recover --stack prod --gone", "status --stack prod", "logs --stack prod",
     "doctor --stack prod", "diff --stack prod --base HEAD", "promote --from staging --to prod", "rollback --stack prod",
     "adopt --values nowhere.yaml", "adopt --values .", "dags check nowhere"],
)  # fmt: skip
def test_a_command_outside_of_a_project_is_one_message(
    run_command: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: str
) -> None:
    monkeypatch.chdir(tmp_path)
    done = run_command(*command.split())
    assert done.status in (1, 2)
    assert (done.err + done.out).strip()
    assert "defect" not in done.err


def test_a_folder_or_a_binary_file_instead_of_a_stack_file_is_one_message(run: Command, folder: Path) -> None:
    (folder / "Pulumi.folder.yaml").mkdir()
    (folder / "Pulumi.binary.yaml").write_bytes(bytes(range(256)))
    for stack in ("folder", "binary"):
        done = run("check", "--stack", stack)
        assert (done.status, done.out) == (1, "")
        assert f"Pulumi.{stack}.yaml" in done.err


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="a device of Linux")
@pytest.mark.parametrize("arguments", [["check", "--stack", "prod"], ["--help"], ["check", "--help"]])
def test_a_full_disk_is_one_message(folder: Path, arguments: list[str]) -> None:
    command = [sys.executable, "-c", "from airflow_stack.cli.main import main; main()", *arguments]
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(command, cwd=folder, stdout=full, stderr=subprocess.PIPE, text=True, check=False)
    assert done.returncode == 1
    assert "standard output: No space left on device" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_defect_is_one_message_without_the_text_of_the_exception(
    run: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(*_: object) -> None:
        raise KeyError("hunter2")

    monkeypatch.setattr("airflow_stack.cli.check.evaluate.check_stack", fails)
    with pytest.raises(KeyError):  # as the message asks for
        run("check", "--stack", "prod")
    monkeypatch.setenv("AIRFLOW_STACK_TRACEBACK", "")
    done = run("check", "--stack", "prod")
    assert done.status == 1
    assert "defect of airflow-stack (KeyError at " in done.err
    assert "hunter2" not in done.err


@pytest.mark.parametrize(
    ("mine", "other", "status", "reason"),
    [
        ("  kubernetes:context: a\n", "  kubernetes:context: a\n", 1, "is the namespace of stack 'other' too, on the same cluster"),
        ("", "", 0, "is the namespace of stack 'other' too, and neither names a cluster"),
        ("", "  airflow:namespace: airflow\n", 0, "and neither names a cluster"),
        ("  kubernetes:context: a\n", "  kubernetes:context: b\n", 0, ""),
        ("  kubernetes:context: a\n", "", 0, ""),
        ("  airflow:namespace: mine\n", "", 0, ""),
        ("", "  not: [valid\n", 0, ""),
        ("  kubernetes:kubeconfig: {secure: a}\n", "  kubernetes:kubeconfig: {secure: a}\n", 0, ""),
    ],
)  # fmt: skip
def test_two_stacks_with_one_namespace_on_one_cluster_are_reported(
    run_command: Command,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    mine: str,
    other: str,
    status: int,
    reason: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    write(tmp_path, f"config:\n{DAGS}{mine}")
    (tmp_path / "Pulumi.other.yaml").write_text(f"config:\n{DAGS}{other}")
    done = run_command("check", "--stack", "mine")
    assert done.status == status
    assert reason in done.err
    assert bool(reason) == bool(done.err)


@pytest.mark.parametrize(
    "arguments",
    [
        ["check", "--stack", "nope"],
        ["status", "--stack", "prod"],
        ["dags", "check", "nope"],
        ["doctor", "--stack", "prod"],
    ],
)
@pytest.mark.parametrize("variables", [{"NO_COLOR": "1"}, {"NO_COLOR": ""}], ids=["NO_COLOR", "with color"])
def test_no_color_works_everywhere(folder: Path, arguments: list[str], variables: dict[str, str]) -> None:
    script = "import os, pty, sys; sys.exit(os.waitstatus_to_exitcode(pty.spawn(sys.argv[1:])))"
    command = [sys.executable, "-c", "from airflow_stack.cli.main import main; main()", *arguments]
    env = {**os.environ, "TERM": "xterm", **variables}
    done = subprocess.run(
        [sys.executable, "-c", script, *command],
        cwd=folder,
        env=env,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        check=False,
    )
    assert (b"\x1b[" in done.stdout) != bool(variables["NO_COLOR"])


def test_a_command_without_its_extra_names_the_extra(run_command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "lightkube", None)
    done = run_command("status", "--stack", "staging")
    assert (done.status, done.err) == (
        1,
        "error: this command needs lightkube; install it: pip install 'airflow-stack[cluster]'\n",
    )
