"""`airflow-stack check`."""
