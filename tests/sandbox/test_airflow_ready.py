"""The waits at the end of `up`, and the client of Airflow's REST API."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx2
import pytest

from airflow_stack.cli.status.model import PodProblem
from sandbox import SandboxError, airflow_ready
from sandbox.airflow_api import AirflowApi, AirflowApiError
from sandbox.pod_watch import PodObservation
from tests.support.golden import Golden

URL = "http://airflow.test"
Answers = dict[str, object]


@pytest.fixture(autouse=True)
def _no_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(airflow_ready, "_PERIOD", 0.0)


def airflow(answers: Answers) -> AirflowApi:
    """An Airflow that answers each path with its answer, or with the next of its answers."""
    tokens = iter(range(1, 100))
    valid = ["none"]

    def answer(request: httpx2.Request) -> httpx2.Response:
        if request.url.path == "/auth/token":
            valid[0] = f"Bearer {next(tokens)}"
            return httpx2.Response(201, json={"access_token": valid[0].removeprefix("Bearer ")})
        path = request.url.path.removeprefix("/api/v2")
        if path != "/monitor/health" and request.headers.get("Authorization") != valid[0]:
            return httpx2.Response(401, json={"detail": "Not authenticated"})
        found = answers[path]
        found = next(found) if isinstance(found, Iterator) else found
        if isinstance(found, Exception):
            raise found
        return httpx2.Response(200, json=found)

    return AirflowApi(URL, "admin", "password", httpx2.MockTransport(answer))


def health(age: float) -> Answers:
    heartbeat = (datetime.now(UTC) - timedelta(seconds=age)).isoformat()
    return {"scheduler": {"status": "healthy", "latest_scheduler_heartbeat": heartbeat}}


def dags(*ids: str) -> Answers:
    listed = [{"dag_id": each, "relative_fileloc": f"{each}.py", "fileloc": f"/dags/{each}.py"} for each in ids]
    return {"dags": listed, "total_entries": len(listed)}


def tasks(state: str) -> Answers:
    each = {"task_id": "write", "state": state, "hostname": "smoke-write-x1", "duration": 1.5}
    return {"task_instances": [each], "total_entries": 1}


def healthy(**more: object) -> Answers:
    run = "/dags/smoke/dagRuns"
    return {
        "/version": {"version": "3.2.2"},
        "/monitor/health": health(1),
        "/importErrors": {"import_errors": [], "total_entries": 0},
        "/dags": dags("smoke", "etl"),
        run: {"dag_run_id": "manual__1"},
        f"{run}/manual__1": {"state": "success"},
        f"{run}/manual__1/taskInstances": tasks("success"),
        **more,
    }


def seen(*_: object) -> PodObservation:
    return PodObservation("4 ready")


def test_up_ends_when_the_smoke_run_succeeds_and_reports_its_pods() -> None:
    found = airflow_ready.wait_ready(airflow(healthy()), seen, ["smoke.py", "etl.py"])
    assert (found.version, found.dags, found.warnings) == ("3.2.2", ["etl", "smoke"], [])
    assert [task.host for task in found.tasks] == ["smoke-write-x1"]
    assert list(found.seconds) == ["API", "scheduler", "DAGs", "smoke run"]


def test_each_wait_continues_until_its_condition_is_met() -> None:
    answers = healthy(
        **{
            "/version": iter([httpx2.ConnectError("refused"), {"version": "3.2.2"}]),
            "/monitor/health": iter([{"scheduler": {}}, health(90), health(2)]),
            "/dags": iter([dags(), dags("smoke"), dags("smoke", "etl")]),
            "/dags/smoke/dagRuns/manual__1": iter([{"state": "queued"}, {"state": "running"}, {"state": "success"}]),
        }
    )
    assert airflow_ready.wait_ready(airflow(answers), seen, ["etl.py"]).dags == ["etl", "smoke"]


def test_a_dag_file_with_an_error_is_a_warning_and_does_not_fail_up(golden: Golden) -> None:
    error = {
        "filename": "sub/broken.py",
        "stack_trace": "Traceback:\n  File ...\nModuleNotFoundError: No module named 'x'\n",
    }
    answers = healthy(**{"/importErrors": {"import_errors": [error], "total_entries": 1}})
    found = airflow_ready.wait_ready(airflow(answers), seen, ["sub/broken.py"])
    assert "\n".join(found.warnings) == golden


def test_a_branch_without_the_smoke_dag_gets_a_warning(golden: Golden) -> None:
    found = airflow_ready.wait_ready(airflow(healthy(**{"/dags": dags("etl")})), seen)
    assert found.tasks == []
    assert "\n".join(found.warnings) == golden


def test_a_problem_of_the_pods_ends_a_wait_immediately(capsys: pytest.CaptureFixture[str], golden: Golden) -> None:
    broken = PodObservation(problems=[PodProblem("container base ran out of memory", "OOMKilled", "raise the limit")])
    answers = healthy(**{"/dags/smoke/dagRuns/manual__1": {"state": "running"}})
    with pytest.raises(SandboxError) as failed:
        airflow_ready.wait_ready(airflow(answers), lambda dag: broken if dag == "smoke" else PodObservation())
    assert "ran out of memory" in capsys.readouterr().out
    assert str(failed.value) == golden


@pytest.mark.parametrize(
    "changes",
    [
        pytest.param({"/monitor/health": {"scheduler": {}}}, id="no heartbeat"),
        pytest.param({"/dags": dags("etl")}, id="DAG not listed"),
        pytest.param({"/dags/smoke/dagRuns/manual__1": {"state": "failed"}}, id="run failed"),
    ],
)
def test_an_unsuccessful_wait_names_the_reason(
    changes: Answers, monkeypatch: pytest.MonkeyPatch, golden: Golden
) -> None:
    monkeypatch.setattr(airflow_ready, "_LIMITS", dict.fromkeys(airflow_ready._LIMITS, 0.0))
    with pytest.raises(SandboxError) as failed:
        airflow_ready.wait_ready(airflow(healthy(**changes)), seen, ["smoke.py"])
    assert str(failed.value) == golden


def test_a_dag_file_contains_the_words_dag_and_airflow(tmp_path: Path) -> None:
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "one.py").write_text("from airflow.sdk import DAG")
    (tmp_path / "helper.py").write_text("import json")
    assert airflow_ready.dag_files(tmp_path) == {"sub/one.py"}


# -- the client


def test_an_expired_token_is_renewed() -> None:
    api = airflow(healthy())
    assert api.version() == "3.2.2"
    api._http.headers["Authorization"] = "Bearer stale"
    assert api.version() == "3.2.2"


def test_all_pages_are_read() -> None:
    pages = iter([{**dags("a", "b"), "total_entries": 3}, {**dags("c"), "total_entries": 3}])
    assert list(airflow({"/dags": pages}).dags()) == ["a", "b", "c"]


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param(lambda _: httpx2.Response(401, text="bad password"), id="401"),
        pytest.param(lambda _: httpx2.Response(500, text="boom" * 1000), id="500"),
    ],
)
def test_an_error_of_the_api_is_short_and_has_no_password(
    answer: Callable[[httpx2.Request], httpx2.Response], golden: Golden
) -> None:
    api = AirflowApi(URL, "admin", "secret-4711", httpx2.MockTransport(answer))
    with pytest.raises(AirflowApiError) as refused:
        api.version()
    assert "4711" not in str(refused.value)
    assert str(refused.value) == golden
