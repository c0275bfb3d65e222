"""Moves DAGs from one environment to the next: fast-forwards the branch that a stack follows in the DAG repository, or moves it back.

`dag_reading`, `plan` and `record` are pure; `repository` is git, `running` asks the cluster, `show` prints, `command` puts them together.
Nothing here deploys: Airflow follows the branch by itself.
"""
