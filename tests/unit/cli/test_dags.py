"""What the DAG gate makes of Airflow's answers, and how its environment is made; uv and Airflow are played."""

import io
import json
import os
import re
import stat
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from airflow_stack.cli.dags import airflow_installation, dag_parser, render, run_parser
from airflow_stack.cli.dags import command as dags_command
from airflow_stack.cli.dags.model import DagFileProblem, Required, find_problems
from airflow_stack.errors import UserError
from airflow_stack.versions import AIRFLOW_VERSION, TESTED
from sandbox import stand_in_images as stand_ins
from tests.support.golden import Golden

TRACEBACK = """Traceback (most recent call last):
  File "{root}/a.py", line 2, in <module>
    from helper import x
  File "{root}/helper.py", line 7, in <module>
    Variable.get("bucket")
  File "/env/airflow/sdk/definitions/variable.py", line 61, in get
    raise e
airflow.sdk.exceptions.AirflowRuntimeError: VARIABLE_NOT_FOUND: {{'message': 'Variable bucket not found'}}
second line: of the message
"""


def parsed(file: str, *dags: Mapping[str, Any], errors: tuple[str, ...] = (), **created: int) -> dict[str, Any]:
    """An answer about one file."""
    parsed = [{"text": text, "frames": dag_parser.frames(text, str(Path.cwd()))} for text in errors]
    return {"file": str(Path.cwd() / file), "errors": parsed, "dags": list(dags), "created": created}


def dag(name: str, line: int = 1, **has: bool) -> dict[str, Any]:
    return {"id": name, "line": line, "start-date": has.get("start_date", True), "tags": has.get("tags", True)}


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("AIRFLOW_STACK_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("GITHUB_ACTIONS", raising=False)
    monkeypatch.delenv("GITHUB_WORKSPACE", raising=False)


def test_an_error_is_at_the_users_innermost_line_and_tells_what_to_do_and_which_file_led_there(golden: Golden) -> None:
    (finding,) = find_problems([parsed("a.py", errors=(TRACEBACK.format(root=Path.cwd()),))], (), 30)
    assert (finding.path, finding.line) == ("helper.py", 7)
    assert str(finding) == golden


def test_an_error_without_a_line_of_the_user_is_where_the_dag_that_it_names_is_made() -> None:
    text = "AirflowDagCycleException: Cycle detected in Dag: b. Faulty task: y"
    (finding,) = find_problems([parsed("a.py", errors=(text,), a=3, b=9)], (), 30)
    assert finding == DagFileProblem("a.py", 9, text)


def test_a_dag_id_of_two_files_is_found_once_in_the_second_and_one_of_the_same_place_is_not(golden: Golden) -> None:
    (finding,) = find_problems(
        [parsed("b.py", dag("x", 4)), parsed("a.py", dag("x", 2)), parsed("c.py", dag("y"))], (), 30
    )
    assert (finding.path, finding.line) == ("b.py", 4)
    assert str(finding) == golden


def test_start_dates_and_tags_are_missed_only_when_asked_for(golden: Golden) -> None:
    results = [parsed("a.py", dag("x", 2, start_date=False, tags=False))]
    assert find_problems(results, (), 30) == []
    assert "\n".join(map(str, find_problems(results, list(Required), 30))) == golden


@pytest.mark.parametrize("ended", ["timeout", 3, -9])
def test_a_file_that_takes_its_process_with_it_is_found(ended: object, golden: Golden) -> None:
    (finding,) = find_problems([{"file": str(Path.cwd() / "a.py"), "ended": ended, "frames": []}], (), 30)
    assert (finding.path, finding.line) == ("a.py", 1)
    assert str(finding) == golden


def test_an_annotation_is_what_github_reads() -> None:
    finding = DagFileProblem("dags/a,b.py", 3, "100%\nwrong")
    assert (
        render.annotation(finding) == "::error file=dags/a%2Cb.py,line=3,title=airflow-stack dags check::100%25%0Awrong"
    )


def test_airflow_runs_without_this_machines_airflow_and_without_the_stacks_database() -> None:
    own = {"PATH": "/bin", "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": "mine", "AIRFLOW_HOME": "/mine", "AIRFLOW_VAR_A": "1"}
    stack = {
        "AIRFLOW__SECRETS__BACKEND": "vault",
        "AIRFLOW__CORE__EXECUTOR": "CeleryExecutor",
        "BUCKET": "b",
        "AIRFLOW_VAR_A": "2",
    }
    made = run_parser.parser_environment(own, stack, "/home/none", 30)
    assert made["AIRFLOW__DATABASE__SQL_ALCHEMY_CONN"].startswith("sqlite:////home/none/")
    assert "AIRFLOW__SECRETS__BACKEND" not in made
    assert (made["AIRFLOW__CORE__EXECUTOR"], made["BUCKET"], made["AIRFLOW_VAR_A"]) == ("CeleryExecutor", "b", "1")


@pytest.fixture
def played(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """Answers of an Airflow that is not there."""
    answers: list[dict[str, Any]] = []
    monkeypatch.setattr(run_parser, "_answers", lambda *_: iter(answers))
    monkeypatch.setattr(
        airflow_installation,
        "install_airflow",
        lambda *_: airflow_installation.AirflowInstallation("/env/bin/python", "its official constraints"),
    )
    return answers


def run(*arguments: str) -> tuple[int, str]:
    outcome = CliRunner().invoke(dags_command.app, ["check", *arguments], standalone_mode=True)
    if outcome.exception and not isinstance(outcome.exception, SystemExit):
        raise outcome.exception
    return outcome.exit_code, outcome.stdout


def test_the_command_prints_a_line_for_each_problem_and_one_to_close(
    played: list[dict[str, Any]], golden: Golden
) -> None:
    played += [{"files": 1}, parsed("a.py", dag("x", 2, tags=False))]
    status, text = run(".", "--require", "tags")
    assert status == 1
    assert re.sub(r"[\d.]+ s\b", "<seconds> s", text) == golden(name="a problem")
    status, text = run(".")
    assert status == 0
    assert re.sub(r"[\d.]+ s\b", "<seconds> s", text) == golden(name="none")


def test_the_command_prints_json_and_github_annotations(
    played: list[dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    played += [{"files": 1}, parsed("a.py", dag("x", 2, tags=False))]
    status, text = run(".", "--require", "tags", "--json")
    report = json.loads(text)
    assert (status, report["result"]["dags"]) == (1, ["x"])
    assert [(each["path"], each["line"]) for each in report["problems"]] == [("a.py", 2)]
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    assert run(".", "--require", "tags")[1].startswith("::error file=a.py,line=2,")


@pytest.mark.parametrize("arguments", [["nowhere"], ["."], [".", "--airflow-version", "2.11.0"]], ids=" ".join)
def test_what_cannot_be_checked_is_an_error_that_says_the_way_out(
    arguments: list[str], played: list[dict[str, Any]], golden: Golden
) -> None:
    played += [{"files": 0}]
    with pytest.raises(UserError) as refused:
        run(*arguments)
    assert str(refused.value) == golden


UV = """#!/bin/sh
echo "$@" >> {log}
for last; do :; done
case "$1" in
venv) mkdir -p "$last/bin"; printf '#!/bin/sh\\necho 3.11\\n' > "$last/bin/python"; chmod +x "$last/bin/python" ;;
*) [ -z "$PLAYED_FAILURE" ] || {{ echo "no such package" >&2; exit 2; }} ;;
esac
"""


@pytest.fixture
def uv(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The log of a uv that only makes a folder; there is no network."""
    program, log = tmp_path / "uv", tmp_path / "uv.log"
    program.write_text(UV.format(log=log))
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setattr("uv.find_uv_bin", lambda: str(program))

    def refused(*_: object, **__: object) -> None:
        raise ConnectionRefusedError

    monkeypatch.setattr("urllib.request.urlopen", refused)
    log.touch()
    return log


def installed(
    requirements: Path | None = None, version: str = AIRFLOW_VERSION
) -> airflow_installation.AirflowInstallation:
    return airflow_installation.install_airflow(version, requirements, None, lambda _: None)


def test_an_environment_is_installed_once_and_again_for_other_requirements(uv: Path, tmp_path: Path) -> None:
    first = installed()
    calls = len(uv.read_text().splitlines())
    assert installed() == first
    assert len(uv.read_text().splitlines()) == calls
    file = tmp_path / "requirements.txt"
    file.write_text("pandas\n")
    second = installed(file)
    file.write_text("polars\n")
    assert len({first.python, second.python, installed(file).python}) == 3
    assert f"apache-airflow=={AIRFLOW_VERSION} --requirements {file}" in uv.read_text()


def test_without_the_official_constraints_the_date_stands_in_that_the_sandbox_keeps_to_too(
    uv: Path, golden: Golden
) -> None:
    for row in TESTED:
        assert installed(version=row.airflow).dependencies == golden(name=row.airflow)
        assert f"--exclude-newer {row.packages_until}T00:00:00Z apache-airflow" in uv.read_text()
        assert stand_ins._requirements(row.airflow)[:2] == airflow_installation.published_before(row.airflow)
        uv.write_text("")
    assert installed(version="3.1.0").dependencies == golden(name="an untested version")
    assert "--exclude-newer" not in uv.read_text()


def test_the_official_constraints_of_airflow_and_python_come_first(uv: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []

    def answered(url: str, **_: object) -> io.BytesIO:
        asked.append(url)
        return io.BytesIO(b"pendulum==3.1.0")

    monkeypatch.setattr("urllib.request.urlopen", answered)
    assert installed(version="3.1.8").dependencies == "its official constraints"
    assert asked[0].endswith("/constraints-3.1.8/constraints-3.11.txt")
    assert re.search(r"--constraints \S+ apache-airflow\[\S+\]==3\.1\.8", uv.read_text())


def test_an_installation_that_fails_says_why_and_leaves_nothing(
    uv: Path, monkeypatch: pytest.MonkeyPatch, golden: Golden
) -> None:
    monkeypatch.setenv("PLAYED_FAILURE", "1")
    with pytest.raises(UserError) as failed:
        installed()
    assert str(failed.value) == golden
    monkeypatch.delenv("PLAYED_FAILURE")
    assert [path.suffix for path in (uv.parent / "cache" / "dags-check").iterdir()] == [".lock"]
    installed()


def test_what_a_killed_installation_left_is_removed_and_never_used(uv: Path) -> None:
    whole = Path(installed().python).parents[1]
    left = whole.rename(whole.with_name(f".{whole.name}-killed"))
    assert Path(installed().python).parents[1] == whole
    assert not left.exists()


def test_an_environment_whose_python_is_gone_is_installed_again(uv: Path) -> None:
    python = Path(installed().python)
    python.unlink()
    python.symlink_to("/nowhere/python")
    assert os.access(installed().python, os.X_OK)


def test_two_at_once_install_once(uv: Path) -> None:
    threads = [threading.Thread(target=installed) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [line.split()[0] for line in uv.read_text().splitlines()] == ["venv", "pip"]


def test_requirements_that_cannot_be_read_are_named(uv: Path, golden: Golden) -> None:
    with pytest.raises(UserError) as refused:
        installed(Path("none.txt"))
    assert str(refused.value) == golden
