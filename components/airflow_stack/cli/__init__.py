"""The `airflow-stack` command line: what can be known about a stack without deploying it."""
