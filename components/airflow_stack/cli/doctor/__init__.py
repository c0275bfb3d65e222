"""`airflow-stack doctor`: what would make `pulumi up` fail. Changes nothing."""
