"""Output for people."""

from airflow_stack.cli.console import duration


def test_durations_have_readable_units() -> None:
    assert [duration(seconds) for seconds in (4.4, 89, 1270)] == ["4 seconds", "89 seconds", "21 minutes"]
