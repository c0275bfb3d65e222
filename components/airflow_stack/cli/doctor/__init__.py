"""`airflow-stack doctor`: checks before `pulumi up`. Changes nothing."""
