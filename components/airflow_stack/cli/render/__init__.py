"""`airflow-stack render`: all manifests of a stack as YAML."""
