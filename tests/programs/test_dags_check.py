"""`airflow-stack dags check` with the real Airflow, which is installed from PyPI into the user's cache."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path

import pytest

from airflow_stack.cli.dags.airflow_installation import install_airflow
from airflow_stack.cli.dags.model import DagCheckReport, Required
from airflow_stack.cli.dags.run_parser import check_dags
from airflow_stack.errors import UserError
from airflow_stack.versions import AIRFLOW_VERSION, TESTED
from tests.support.git_servers import wait_for

ROOT = Path(__file__).parents[2]
SAMPLES = ROOT / "dags"
COMMAND = [sys.executable, "-c", "from airflow_stack.cli.main import main; main()", "dags", "check"]

HEADER = """from datetime import datetime
from airflow.providers.standard.operators.empty import EmptyOperator
from airflow.sdk import DAG, Variable, dag, task
"""
WHOLE = """with DAG("{0}", start_date=datetime(2026, 1, 1), tags=["x"]):
    EmptyOperator(task_id="x")
"""

# Each file follows HEADER, so its first line is line 4. Expected: path, line, and a part of the text.
WRONG = {
    "calls.py": ("print(1 / 0)\n", "calls.py", 4, "ZeroDivisionError"),
    "through.py": ("import library.broken\n", "library/broken.py", 2, "NameError.*imported by .*through.py"),
    "syntax.py": ("\ndef f(:\n", "syntax.py", 5, "SyntaxError"),
    "missing.py": ("import no_such_thing\n", "missing.py", 4, "No module named.*--requirements"),
    "variable.py": (
        'Variable.get("fine", default=1)\nVariable.get("bucket")\n',
        "variable.py",
        5,
        "VARIABLE_NOT_FOUND.*AIRFLOW_VAR_<NAME>",
    ),
    "database.py": (
        "from airflow.utils.session import create_session\nwith create_session(): pass\n",
        "database.py",
        5,
        "database access",
    ),
    "cycle.py": (
        'with DAG("other"):\n    pass\nwith DAG("round"):\n    a = EmptyOperator(task_id="a")\n    a >> EmptyOperator(task_id="b") >> a\n',
        "cycle.py",
        6,
        "Cycle detected",
    ),
    "cron.py": ('\nwith DAG("cron", schedule="a b c"):\n    pass\n', "cron.py", 5, "Timetable"),
    "article.py": (
        "@dag(schedule_interval=None)\ndef article(): pass\n\narticle()\n",
        "article.py",
        7,
        "in Airflow 3 its name is schedule",
    ),
    "first.py": (WHOLE.format("same"), "", 0, ""),
    "second.py": (
        '@dag("same")\ndef f():\n    EmptyOperator(task_id="x")\nf()\n',
        "second.py",
        4,
        "already used in .*first.py:4",
    ),
    "hangs.py": ("import time\ntime.sleep(60)\n", "hangs.py", 5, "timeout"),
    "stays.py": (
        "import time\nwhile True:\n    try:\n        time.sleep(60)\n    except BaseException: pass\n",
        "stays.py",
        7,
        "does not finish within 1 s",
    ),
    "exits.py": ("\nraise SystemExit(3)\n", "exits.py", 5, "must not exit its interpreter"),
    "leaves.py": ("import os\nos._exit(4)\n", "leaves.py", 5, "exit status 4"),
    "killed.py": ("import os\nos.kill(os.getpid(), 9)\n", "killed.py", 1, "exit status -9"),
}


@pytest.fixture(scope="module")
def python() -> str:
    """Python interpreter with the default Airflow."""
    return installed(AIRFLOW_VERSION)


@pytest.fixture(scope="module", params=[row.airflow for row in TESTED])
def each_python(request: pytest.FixtureRequest) -> str:
    """Python interpreter of each tested Airflow, for the tests that depend most on Airflow's code."""
    return installed(request.param)


def installed(version: str) -> str:
    try:
        return install_airflow(version, None, None, print).python
    except UserError as error:
        if re.search("(?i)dns error|error sending request|connect|timed out", str(error)):
            pytest.skip(f"PyPI is not reached: {str(error).splitlines()[-1]}")
        raise


def write(folder: Path, files: Mapping[str, str]) -> Path:
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    return folder


def run(folder: Path, python: str, *required: Required, timeout: float = 30, **variables: str) -> DagCheckReport:
    return check_dags(folder, python, variables, required=required, timeout=timeout)


def test_each_error_is_reported_at_the_users_line(each_python: str, tmp_path: Path) -> None:
    write(tmp_path, {name: HEADER + text for name, (text, *_) in WRONG.items()})
    write(tmp_path, {"library/__init__.py": "", "library/broken.py": "\nundefined\n"})
    found = {(finding.path, finding.line): finding.what for finding in run(tmp_path, each_python, timeout=1).problems}
    expected = {(str(tmp_path / path), line): what for _, path, line, what in WRONG.values() if path}
    assert found.keys() == expected.keys()
    for place, what in expected.items():
        assert re.search(what, found[place]), found[place]


def test_helpers_are_no_dags_ignored_files_are_skipped_and_the_folder_is_on_the_path(
    python: str, tmp_path: Path
) -> None:
    write(
        tmp_path,
        {
            ".airflowignore": "old/\n*_draft.py\n",
            "old/broken.py": "import airflow, dag, nothing",
            "my_draft.py": "import airflow, dag, nothing",
            "broken_without_those_words.py": "def (",
            "company/__init__.py": "",
            "company/make.py": HEADER + 'def make(name):\n    with DAG(name, tags=["x"]):\n        pass\n',
            "team/uses.py": HEADER
            + 'import os, threading, time\nfrom company.make import make\nmake("made")\n'
            + 'assert Variable.get("bucket") == os.environ["BUCKET"] == "b"\n'
            + "print('noise')\nthreading.Thread(target=time.sleep, args=(60,)).start()\n",
        },
    )
    report = run(tmp_path, python, *Required, AIRFLOW_VAR_BUCKET="b", BUCKET="b")
    assert report.dags == ["made"]
    (finding,) = report.problems
    assert (Path(finding.path).name, finding.line, finding.what) == ("uses.py", 6, "DAG 'made' has no start date")


def test_100_files_take_less_than_a_minute(python: str, tmp_path: Path) -> None:
    write(tmp_path, {f"dag_{number}.py": HEADER + WHOLE.format(f"dag_{number}") for number in range(100)})
    begun = time.monotonic()
    report = run(tmp_path, python)
    seconds = time.monotonic() - begun
    print(f"100 files: {seconds:.1f} s")
    assert (len(report.dags), report.problems) == (100, [])
    assert seconds < 60


def test_the_sample_dags_pass_with_all_requirements(python: str) -> None:
    report = run(SAMPLES, python, *Required)
    assert (report.dags, report.problems) == (["sample_etl", "smoke"], [])


def test_the_sample_dags_run_successfully(each_python: str, tmp_path: Path) -> None:
    script = """
import functools
from airflow.dag_processing.dagbag import DagBag
from airflow.sdk.execution_time import supervisor
from airflow.utils.db import initdb
initdb()
supervisor.in_process_api_server = functools.cache(supervisor.in_process_api_server)  # saves seconds per task
for dag in DagBag().dags.values():
    print("\\n", dag.dag_id, str(dag.test().state))
"""
    home = {
        "AIRFLOW_HOME": str(tmp_path),
        "AIRFLOW__CORE__DAGS_FOLDER": str(SAMPLES),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "PATH": os.environ["PATH"],
    }
    done = subprocess.run([each_python, "-I", "-c", script], env=home, text=True, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    states = dict(re.findall(r"^ (\w+) (\w+)$", done.stdout, re.MULTILINE))
    assert states == {"sample_etl": "success", "smoke": "success"}


def test_an_interrupted_installation_is_never_used_and_requirements_are_added(python: str, tmp_path: Path) -> None:
    """The fixture `python` fills uv's cache with all packages."""
    cache = tmp_path / "cache"
    env = {**os.environ, "AIRFLOW_STACK_CACHE": str(cache)}
    dags = write(
        tmp_path / "dags", {"a.py": HEADER + "import iniconfig_of_nobody\n", "b.py": HEADER + "import humanize\n"}
    )
    requirements = tmp_path / "requirements.txt"
    requirements.write_text("humanize==4.12.1\n")
    command = [*COMMAND, str(dags), "--requirements", str(requirements), "--json"]
    with subprocess.Popen(command, cwd=ROOT, env=env, stderr=subprocess.PIPE, start_new_session=True) as killed:
        while not list(cache.glob("dags-check/.*/environment/lib")):
            assert killed.poll() is None
            time.sleep(0.01)
        os.killpg(killed.pid, signal.SIGKILL)
    assert not list(cache.glob("dags-check/airflow-*/"))
    done = subprocess.run(command, cwd=ROOT, env=env, text=True, capture_output=True, check=False)
    assert done.returncode == 1, done.stderr
    assert re.search(rf"installed Airflow {AIRFLOW_VERSION} with .* in \d+ s", done.stderr)
    (finding,) = json.loads(done.stdout)["problems"]
    assert "No module named 'iniconfig_of_nobody'" in finding["message"]
    assert len([folder for folder in (cache / "dags-check").iterdir() if folder.is_dir()]) == 1


LEFT_BEHIND = """import os, time
if os.fork() == 0:
    os.setsid()
    if os.fork():
        os._exit(0)
    open({0!r}, "w").write(str(os.getpid()))
    time.sleep(600)
while not os.path.exists({0!r}) or not open({0!r}).read():
    time.sleep(0.01)
"""


def is_running(file: Path) -> bool:
    return Path("/proc", file.read_text()).exists()


@pytest.mark.skipif(sys.platform != "linux", reason="other systems cannot find such a process")
def test_a_process_that_a_file_leaves_behind_ends_with_the_check_and_does_not_delay_it(
    python: str, tmp_path: Path
) -> None:
    pid = tmp_path / "pid"
    write(tmp_path, {"dags/daemon.py": HEADER + LEFT_BEHIND.format(str(pid)) + WHOLE.format("daemon")})
    begun = time.monotonic()
    assert run(tmp_path / "dags", python).dags == ["daemon"]
    assert time.monotonic() - begun < 60
    assert not is_running(pid)


@pytest.mark.skipif(sys.platform != "linux", reason="other systems cannot find such a process")
@pytest.mark.parametrize("number", [signal.SIGHUP, signal.SIGTERM, signal.SIGINT, signal.SIGQUIT, signal.SIGKILL])
def test_a_check_that_is_ended_leaves_no_process_and_no_folder(
    python: str, tmp_path: Path, number: signal.Signals
) -> None:
    assert python
    temporary, pid = tmp_path / "temporary", tmp_path / "pid"
    loop = f"import os\nopen({str(pid)!r}, 'w').write(str(os.getpid()))\nwhile True:\n    try:\n        while True: pass\n    except BaseException: pass\n"
    write(tmp_path, {"temporary/x": "", "dags/loop.py": HEADER + loop})
    env = {**os.environ, "TMPDIR": str(temporary)}
    with subprocess.Popen([*COMMAND, str(tmp_path / "dags")], env=env, cwd=ROOT, stderr=subprocess.DEVNULL) as process:
        wait_for(lambda: pid.exists() and bool(pid.read_text()))
        process.send_signal(number)
    wait_for(lambda: not is_running(pid))
    if number != signal.SIGKILL:
        assert [each.name for each in temporary.iterdir()] == ["x"]


@pytest.mark.parametrize("link", ["..", "."])
def test_a_link_to_a_folder_above_it_is_reported_with_the_fix(python: str, tmp_path: Path, link: str) -> None:
    write(tmp_path, {"dags/team/a.py": HEADER + WHOLE.format("a")})
    (tmp_path / "dags/team/up").symlink_to(link)
    with pytest.raises(UserError, match=r"(?s)up.*fix: .*\.airflowignore") as refused:
        run(tmp_path / "dags", python)
    assert "install it again" not in str(refused.value)


def test_files_that_are_no_text_are_reported_and_the_others_are_checked(python: str, tmp_path: Path) -> None:
    write(tmp_path, {"a.py": HEADER + WHOLE.format("a"), "nul.py": "import airflow, dag\n\0", "folder.py/x.txt": "x"})
    (tmp_path / "latin.py").write_bytes(b"import airflow, dag\n'\xff'\n")
    (tmp_path / "packed.zip").write_bytes(b"PK\x03\x04 airflow dag")
    (tmp_path / "dangling.py").symlink_to("nowhere.py")
    report = run(tmp_path, python)
    assert report.dags == ["a"]
    assert {Path(problem.path).name for problem in report.problems} >= {"nul.py", "latin.py"}


@pytest.mark.parametrize("path", ["nowhere", "loop", "empty"])
def test_a_path_without_dags_is_refused(python: str, tmp_path: Path, path: str) -> None:
    (tmp_path / "loop").symlink_to("loop")
    (tmp_path / "empty").mkdir()
    with pytest.raises(UserError, match=r"does not exist|has no DAG"):
        run(tmp_path / path, python)


def test_dag_files_see_no_token_of_the_user_who_checks_them(
    python: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in (
        "PULUMI_ACCESS_TOKEN",
        "AIRFLOW_CONN_PROD",
        "AWS_SECRET_ACCESS_KEY",
        "AIRFLOW__CORE__FERNET_KEY",
        "SSH_AUTH_SOCK",
    ):
        monkeypatch.setenv(name, "C4NARY")
    monkeypatch.setenv("HTTPS_PROXY", "http://me:C4NARY@proxy.example.com:3128")
    monkeypatch.setenv("AIRFLOW_VAR_BUCKET", "b")
    monkeypatch.setenv("TEAM", "data")
    seen = 'import os\nassert "C4NARY" not in str(os.environ)\nassert os.environ["TEAM"] == "data"\nassert Variable.get("bucket") == "b"\n'
    seen += 'assert os.environ["HTTPS_PROXY"] == "http://proxy.example.com:3128"\n'
    write(tmp_path, {"a.py": HEADER + seen + WHOLE.format("a")})
    report = check_dags(tmp_path, python, {}, passed=["TEAM"])
    assert (report.dags, report.problems) == (["a"], [])
