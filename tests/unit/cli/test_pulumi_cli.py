"""The lock, the state and the files of a stack, with a fake `pulumi`."""

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from airflow_stack.cli.pulumi_cli import PulumiStack
from airflow_stack.errors import UserError
from tests.support.golden import Golden

LOCKED = "error: the stack is currently locked by 1 lock(s).\n  file://state/0d.json: created by ci@runner-7 (pid 77)\n"


@pytest.fixture
def pulumi(tmp_path: Path) -> Iterator[Callable[..., PulumiStack]]:
    """A stack with a fake `pulumi` that prints the test's answers and records its calls."""

    def answering(**answers: str) -> PulumiStack:
        (tmp_path / "bin").mkdir()
        (tmp_path / "Pulumi.yaml").write_text("name: airflow\n")
        cases = "\n".join(f"{key})  cat <<'END'\n{text}\nEND\n;;" for key, text in answers.items() if key != "init")
        script = f'#!/bin/sh\necho "$PWD $PULUMI_BACKEND_URL $*" >> {tmp_path}/calls\ncase "$1$2" in\n{cases}\n'
        script += f"stackinit) cat >&2 <<'END'\n{answers.get('init', '')}\nEND\nexit 1;;\nesac\n"
        (tmp_path / "bin" / "pulumi").write_text(script)
        (tmp_path / "bin" / "pulumi").chmod(0o755)
        path = f"{tmp_path / 'bin'}{os.pathsep}{os.environ['PATH']}"
        return PulumiStack("dev", tmp_path, {"PATH": path})

    yield answering


def test_the_lock_is_read_outside_of_the_project_with_the_same_backend(
    pulumi: Callable[..., PulumiStack], tmp_path: Path
) -> None:
    stack = pulumi(**{"whoami--json": '{"url": "file://state"}', "init": LOCKED})
    assert "created by" in stack.lock()
    folder, backend, *_ = (tmp_path / "calls").read_text().splitlines()[-1].split()
    assert Path(folder) != tmp_path
    assert backend == f"file://{tmp_path}/state"


def test_an_unlocked_stack_differs_from_an_unreachable_one(pulumi: Callable[..., PulumiStack], tmp_path: Path) -> None:
    stack = pulumi(**{"whoami--json": '{"url": "s3://bucket"}', "init": "error: stack 'dev' already exists"})
    assert stack.lock() == ""
    script = tmp_path / "bin" / "pulumi"
    script.write_text(script.read_text().replace("already exists", "has no credentials"))
    with pytest.raises(UserError, match="has no credentials"):  # which Pulumi says
        stack.lock()


@pytest.mark.parametrize("busy", [True, False])
def test_pulumi_cloud_reports_an_update_in_progress(pulumi: Callable[..., PulumiStack], busy: bool) -> None:
    listed = '[{"name": "other", "updateInProgress": true}, {"name": "acme/dev", "updateInProgress": %s}]'
    answers = {"whoami--json": '{"url": "https://app.pulumi.com/acme"}', "stackls": listed % str(busy).lower()}
    assert bool(pulumi(**answers).lock()) is busy


def test_a_truncated_sidecar_file_is_removed_and_complete_ones_stay(
    pulumi: Callable[..., PulumiStack], tmp_path: Path
) -> None:
    stack = pulumi(**{"whoami--json": '{"url": "file://my state?metadata=skip"}'})
    stacks = tmp_path / "my state" / ".pulumi" / "stacks" / "airflow"
    locks = tmp_path / "my state" / ".pulumi" / "locks" / "organization" / "airflow" / "dev"
    for folder in (stacks, locks):
        folder.mkdir(parents=True)
    (locks / "1.json.attrs").write_text('{"user.content')
    for name, text in {
        "dev.json": "",
        "dev.json.attrs": "",
        "dev.json.bak.attrs": "{}",
        "other.json.attrs": "",
    }.items():
        (stacks / name).write_text(text)
    assert stack.remove_truncated_files() == ["dev.json.attrs", "1.json.attrs"]
    assert sorted(file.name for file in stacks.iterdir()) == ["dev.json", "dev.json.bak.attrs", "other.json.attrs"]
    assert stack.remove_truncated_files() == []


def test_only_a_state_in_a_folder_has_sidecar_files(pulumi: Callable[..., PulumiStack]) -> None:
    assert pulumi(**{"whoami--json": '{"url": "s3://bucket"}'}).remove_truncated_files() == []


def test_missing_pulumi_is_reported(tmp_path: Path, golden: Golden) -> None:
    (tmp_path / "Pulumi.yaml").write_text("name: airflow\n")
    with pytest.raises(UserError) as refused:
        PulumiStack("dev", tmp_path, {"PATH": ""}).state()
    assert str(refused.value) == golden
