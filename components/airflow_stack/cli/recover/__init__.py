"""`airflow-stack recover`: repairs a stack after an interrupted `pulumi up`."""
