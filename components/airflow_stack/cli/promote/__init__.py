"""`airflow-stack promote` and `rollback`: move the branch that a stack follows in the DAG repository. Airflow follows the branch by itself."""
