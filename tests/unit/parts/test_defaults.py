"""A part without settings has the same defaults as the settings."""

from typing import Any

import pytest

from airflow_stack.cli.recording import RegisteredResource, record
from airflow_stack.parts.database import AirflowDatabase
from airflow_stack.parts.release import AirflowRelease
from airflow_stack.settings.database import CloudNativePGDatabase, ExternalDatabase, InClusterDatabase
from airflow_stack.settings.models import Chart


def database(**kind: Any) -> dict[str, RegisteredResource]:
    return record(
        lambda: AirflowDatabase("db", {"namespace": "airflow", "database": kind, "password": "p", "salt": "s"})  # type: ignore[typeddict-item]
    ).resources


@pytest.mark.parametrize(
    ("kind", "model"), [("in_cluster", InClusterDatabase()), ("cloud_native_pg", CloudNativePGDatabase())]
)
def test_a_database_in_the_cluster_has_the_defaults_of_the_settings(kind: str, model: Any) -> None:
    assert database(**{kind: {}}) == database(**{kind: model.model_dump(exclude_none=True)})


def test_an_external_database_has_the_defaults_of_the_settings() -> None:
    given = {"host": "db.example.com", "ssl_mode": "require"}
    assert database(external=given) == database(external=ExternalDatabase(host="db.example.com").model_dump())


def test_a_release_has_the_defaults_of_the_settings() -> None:
    def release(**more: Any) -> dict[str, RegisteredResource]:
        return record(
            lambda: AirflowRelease("r", {"namespace": "n", "values": {}, "chart_version": Chart().version, **more})  # type: ignore[typeddict-item]
        ).resources

    assert release() == release(chart_repository=Chart().repository, timeout_seconds=Chart().timeout_seconds)
