"""Small client of Airflow's REST API (v2, Airflow 3) for `up` and the tests.

Logs in with user and password, as the FAB auth manager requires, and again when the token has expired.
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
    """Airflow did not answer, or refused the request."""

    def __init__(self, message: str, status: int = 0) -> None:
        super().__init__(message)
        self.status = status


@dataclass(frozen=True)
class DagImportError:
    """A DAG file that Airflow cannot import."""

    file: str
    trace: str


@dataclass(frozen=True)
class TaskInstance:
    """A task of a DAG run."""

    task: str
    state: str
    host: str
    seconds: float


class AirflowApi:
    """API of one Airflow."""

    def __init__(self, url: str, username: str, password: str, transport: httpx2.BaseTransport | None = None) -> None:
        self._login = {"username": username, "password": password}
        self._http = httpx2.Client(base_url=url, timeout=_TIMEOUT, trust_env=False, transport=transport)

    def health(self) -> Mapping[str, Mapping[str, str | None]]:
        """Status and last heartbeat of each component. Needs no login."""
        return self._call("GET", "/api/v2/monitor/health")

    def version(self) -> str:
        """Version of Airflow."""
        return str(self._call("GET", "/api/v2/version")["version"])

    def import_errors(self) -> list[DagImportError]:
        """DAG files that Airflow cannot import."""
        found = self._all("/api/v2/importErrors", "import_errors")
        return [DagImportError(each["filename"], each["stack_trace"]) for each in found]

    def dags(self) -> dict[str, str]:
        """File of each listed DAG, by DAG id."""
        return {
            each["dag_id"]: each["relative_fileloc"] or each["fileloc"] for each in self._all("/api/v2/dags", "dags")
        }

    def unpause(self, dag: str) -> None:
        """Unpause a DAG."""
        self._call("PATCH", f"/api/v2/dags/{quote(dag)}", {"is_paused": False})

    def trigger(self, dag: str) -> str:
        """Start a DAG run. Returns its id."""
        return str(self._call("POST", f"/api/v2/dags/{quote(dag)}/dagRuns", {"logical_date": None})["dag_run_id"])

    def run_state(self, dag: str, run: str) -> str:
        """State of a DAG run: `queued`, `running`, `success` or `failed`."""
        return str(self._call("GET", f"/api/v2/dags/{quote(dag)}/dagRuns/{quote(run)}")["state"])

    def tasks(self, dag: str, run: str) -> list[TaskInstance]:
        """Task instances of a DAG run."""
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
                    f"login of {self._login['username']} failed: {_shortened(token)}", token.status_code
                )
            self._http.headers["Authorization"] = f"Bearer {token.json()['access_token']}"
            answer = self._send(method, path, body, params)
        if answer.is_error:
            raise AirflowApiError(f"{method} {path}: {_shortened(answer)}", answer.status_code)
        return dict(answer.json())

    def _send(self, method: str, path: str, body: object, params: Mapping[str, int] | None = None) -> httpx2.Response:
        try:
            return self._http.request(method, path, json=body, params=params)
        except httpx2.TransportError as error:
            raise AirflowApiError(
                f"Airflow does not answer at {self._http.base_url}: {error or type(error).__name__}"
            ) from error


def heartbeat_age(health: Mapping[str, Mapping[str, str | None]], component: str) -> float | None:
    """Seconds since the last heartbeat of a component. None if there was none."""
    latest = health.get(component, {}).get(f"latest_{component}_heartbeat")
    return (datetime.now(UTC) - datetime.fromisoformat(latest)).total_seconds() if latest else None


def _shortened(answer: httpx2.Response) -> str:
    """Status and start of the body, which may be a whole page."""
    return f"{answer.status_code} {answer.text[:200]}"
