"""The article's pipeline: a DAG is a function, each of its tasks a function inside."""

from datetime import UTC, datetime

from airflow.sdk import dag, task


@dag(schedule=None, start_date=datetime(2026, 1, 1, tzinfo=UTC), catchup=False, tags=["sample"])
def sample_etl() -> None:
    """Extract a few orders, add them up by country, load the totals into the task's log."""

    @task
    def extract() -> dict[str, list[float]]:
        return {"DE": [433.21], "NL": [301.27, 502.22]}

    @task
    def transform(orders: dict[str, list[float]]) -> dict[str, float]:
        return {country: round(sum(amounts), 2) for country, amounts in orders.items()}

    @task
    def load(totals: dict[str, float]) -> None:
        for country, total in totals.items():
            print(f"{country}: {total:.2f}")

    load(transform(extract()))


sample_etl()
