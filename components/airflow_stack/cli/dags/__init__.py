"""The DAG gate: every DAG file imported by the real Airflow, in an environment of its own."""
