"""`airflow-stack logs`: the logs of all workloads, each line with its origin."""
