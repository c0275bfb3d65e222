"""`airflow-stack doctor`."""
