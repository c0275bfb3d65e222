"""Problems of DAG files as terminal lines, as GitHub annotations and as JSON."""

from typer import style

from airflow_stack.cli.counted import counted
from airflow_stack.cli.report import print_report

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


def print_json(report: DagCheckReport, airflow: str, dependencies: str, seconds: float) -> None:
    """The report for programs."""
    result = {
        "files": report.files,
        "dags": report.dags,
        "airflow": airflow,
        "dependencies": dependencies,
        "seconds": round(seconds, 1),
    }
    problems = [{"message": each.what, "path": each.path, "line": each.line} for each in report.problems]
    print_report("dags check", result, ok=not problems, problems=problems)


def _escaped(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")
