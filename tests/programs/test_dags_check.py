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
        "does not end within 1 s",
    ),
    "exits.py": ("\nraise SystemExit(3)\n", "exits.py", 5, "must not end its interpreter"),
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
    (finding,) = json.loads(done.stdout)["findings"]
    assert "No module named 'iniconfig_of_nobody'" in finding["what"]
    assert len([folder for folder in (cache / "dags-check").iterdir() if folder.is_dir()]) == 1
