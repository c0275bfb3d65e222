"""Problems of DAG files as terminal lines, as GitHub annotations and as JSON."""

import json
from dataclasses import asdict

from typer import style

from airflow_stack.cli.counted import counted

from .model import DagCheckReport, DagFileProblem


def line(problem: DagFileProblem) -> str:
    """A problem for the terminal."""
    return f"{style(f'{problem.path}:{problem.line}:', bold=True)} {style(problem.what, fg='red')}"


def annotation(problem: DagFileProblem) -> str:
    """A problem for GitHub Actions, which shows it at the line."""
    path = _escaped(problem.path).replace(":", "%3A").replace(",", "%2C")
    return f"::error file={path},line={problem.line},title=airflow-stack dags check::{_escaped(problem.what)}"


def summary(report: DagCheckReport, airflow: str, dependencies: str, seconds: float) -> str:
    """Numbers of problems, DAGs and files."""
    return style(
        f"{counted(len(report.problems), 'problem')}: {counted(len(report.dags), 'DAG')} in {counted(report.files, 'file')}, "
        f"Airflow {airflow} with {dependencies}, {seconds:.1f} s",
        fg="red" if report.problems else "green",
    )


def as_json(report: DagCheckReport, airflow: str, dependencies: str, seconds: float) -> str:
    """The report for programs."""
    content = {
        "files": report.files,
        "dags": report.dags,
        "findings": [asdict(problem) for problem in report.problems],
        "airflow": airflow,
        "dependencies": dependencies,
        "seconds": round(seconds, 1),
    }
    return json.dumps(content, indent=2)


def _escaped(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")
