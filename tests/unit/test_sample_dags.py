"""Checks of the sample DAGs without Airflow: only Airflow 3, unique ids, no run without a trigger."""

import ast
from pathlib import Path

import pytest

FILES = sorted((Path(__file__).parents[2] / "dags").glob("*.py"))
# Names of Airflow 2 that Airflow 3 has dropped or moved to airflow.sdk and the standard provider.
GONE = {
    "schedule_interval",
    "timetable",
    "days_ago",
    "default_view",
    "execution_date",
    "provide_context",
    "SubDagOperator",
}
GONE_MODULES = ("airflow.decorators", "airflow.models", "airflow.operators", "airflow.utils", "airflow.contrib")


def decorated_dags(file: Path) -> list[tuple[str, dict[str | None, ast.expr]]]:
    """(dag id, keyword arguments) of every function under `@dag(...)`."""
    return [
        (function.name, {keyword.arg: keyword.value for keyword in call.keywords})
        for function in ast.walk(ast.parse(file.read_text()))
        if isinstance(function, ast.FunctionDef)
        for call in function.decorator_list
        if isinstance(call, ast.Call) and isinstance(call.func, ast.Name) and call.func.id == "dag"
    ]


def test_the_sample_and_smoke_dags_exist_and_dag_ids_are_unique() -> None:
    ids = [name for file in FILES for name, _ in decorated_dags(file)]
    assert sorted(ids) == ["sample_etl", "smoke"]


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.name)
def test_every_dag_has_a_schedule_a_start_date_and_tags(file: Path) -> None:
    for name, arguments in decorated_dags(file):
        assert {"schedule", "start_date", "tags", "catchup"} <= arguments.keys(), name
        assert ast.unparse(arguments["schedule"]) == "None", f"{name} would run by itself in every new deployment"
        assert isinstance(tags := arguments["tags"], ast.List)
        assert tags.elts, name


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.name)
def test_no_dag_file_uses_airflow_2(file: Path) -> None:
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.ImportFrom | ast.Import):
            modules = [node.module or ""] if isinstance(node, ast.ImportFrom) else [alias.name for alias in node.names]
            assert not [module for module in modules if module.startswith(GONE_MODULES)]
        names = {getattr(node, field, None) for field in ("id", "attr", "arg", "name")}
        assert not names & GONE
