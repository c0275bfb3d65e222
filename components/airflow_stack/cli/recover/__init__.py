"""`airflow-stack recover`."""
