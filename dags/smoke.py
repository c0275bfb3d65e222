"""The success condition of `make up`: it triggers this DAG over the API and waits for the run to succeed."""

from datetime import UTC, datetime, timedelta

from airflow.sdk import dag, task


@dag(
    schedule=None,
    start_date=datetime(2026, 1, 1, tzinfo=UTC),
    catchup=False,
    is_paused_upon_creation=False,  # nobody has to switch it on first
    dagrun_timeout=timedelta(minutes=10),
    tags=["smoke"],
)
def smoke() -> None:
    """The scheduler starts the run, the executor runs two tasks, the database carries a value from one to the other."""

    @task
    def write(run_id: str | None = None) -> str | None:
        return run_id

    @task
    def read(written: str | None, run_id: str | None = None) -> None:
        if run_id is None or written != run_id:
            raise ValueError(f"this run is {run_id!r}, but its first task wrote {written!r}")

    read(write())


smoke()
