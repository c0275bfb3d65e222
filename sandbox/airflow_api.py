"""A small client of Airflow's REST API (v2, Airflow 3): what `up` and the tests ask of a running Airflow.

Logs in with user and password as the FAB auth manager has it, and again when the token has run out.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote

import httpx2

_TIMEOUT = httpx2.Timeout(30.0, connect=5.0)
_PAGE = 100


class AirflowApiError(Exception):
    """Airflow did not answer, or answered with a refusal."""

    def __init__(self, message: str, status: int = 0) -> None:
        super().__init__(message)
        self.status = status


@dataclass(frozen=True)
class DagImportError:
    """A DAG file that cannot be read."""

    file: str
    trace: str


@dataclass(frozen=True)
class TaskInstance:
    """One task of a run."""

    task: str
    state: str
    host: str
    seconds: float


class AirflowApi:
    """One Airflow."""

    def __init__(self, url: str, username: str, password: str, transport: httpx2.BaseTransport | None = None) -> None:
        self._login = {"username": username, "password": password}
        self._http = httpx2.Client(base_url=url, timeout=_TIMEOUT, trust_env=False, transport=transport)

    def health(self) -> Mapping[str, Mapping[str, str | None]]:
        """Return status and last heartbeat per component; needs no login."""
        return self._call("GET", "/api/v2/monitor/health")

    def version(self) -> str:
        """Return Airflow's version."""
        return str(self._call("GET", "/api/v2/version")["version"])

    def import_errors(self) -> list[DagImportError]:
        """Return the DAG files that cannot be read."""
        found = self._all("/api/v2/importErrors", "import_errors")
        return [DagImportError(each["filename"], each["stack_trace"]) for each in found]

    def dags(self) -> dict[str, str]:
        """Return the file of every listed DAG, by its id."""
        return {
            each["dag_id"]: each["relative_fileloc"] or each["fileloc"] for each in self._all("/api/v2/dags", "dags")
        }

    def unpause(self, dag: str) -> None:
        """Let the runs of a DAG start."""
        self._call("PATCH", f"/api/v2/dags/{quote(dag)}", {"is_paused": False})

    def trigger(self, dag: str) -> str:
        """Start a run and return its id."""
        return str(self._call("POST", f"/api/v2/dags/{quote(dag)}/dagRuns", {"logical_date": None})["dag_run_id"])

    def run_state(self, dag: str, run: str) -> str:
        """Return the state of a run: `queued`, `running`, `success` or `failed`."""
        return str(self._call("GET", f"/api/v2/dags/{quote(dag)}/dagRuns/{quote(run)}")["state"])

    def tasks(self, dag: str, run: str) -> list[TaskInstance]:
        """Return the tasks of a run."""
        found = self._all(f"/api/v2/dags/{quote(dag)}/dagRuns/{quote(run)}/taskInstances", "task_instances")
        return [
            TaskInstance(each["task_id"], each["state"] or "none", each["hostname"] or "", each["duration"] or 0.0)
            for each in found
        ]

    def _all(self, path: str, key: str) -> list[dict[str, Any]]:
        items: list[dict[str, Any]] = []
        while True:
            page = self._call("GET", path, params={"limit": _PAGE, "offset": len(items)})
            items += page[key]
            if not page[key] or len(items) >= page["total_entries"]:
                return items

    def _call(
        self, method: str, path: str, body: object = None, params: Mapping[str, int] | None = None
    ) -> dict[str, Any]:
        answer = self._send(method, path, body, params)
        if answer.status_code == 401:
            token = self._send("POST", "/auth/token", self._login)
            if token.is_error:
                raise AirflowApiError(
                    f"the login of {self._login['username']} was refused: {_said(token)}", token.status_code
                )
            self._http.headers["Authorization"] = f"Bearer {token.json()['access_token']}"
            answer = self._send(method, path, body, params)
        if answer.is_error:
            raise AirflowApiError(f"{method} {path}: {_said(answer)}", answer.status_code)
        return dict(answer.json())

    def _send(self, method: str, path: str, body: object, params: Mapping[str, int] | None = None) -> httpx2.Response:
        try:
            return self._http.request(method, path, json=body, params=params)
        except httpx2.TransportError as error:
            raise AirflowApiError(
                f"Airflow does not answer at {self._http.base_url}: {error or type(error).__name__}"
            ) from error


def heartbeat_age(health: Mapping[str, Mapping[str, str | None]], component: str) -> float | None:
    """Return how many seconds ago a component last reported itself; None when it never did."""
    told = health.get(component, {}).get(f"latest_{component}_heartbeat")
    return (datetime.now(UTC) - datetime.fromisoformat(told)).total_seconds() if told else None


def _said(answer: httpx2.Response) -> str:
    """Cut short, for a body may be a whole page."""
    return f"{answer.status_code} {answer.text[:200]}"
