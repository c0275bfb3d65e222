"""`airflow-stack dags check`: imports every DAG file with the real Airflow, in an environment of its own."""
