"""One Airflow that runs the DAGs of a git branch."""

import pulumi

from airflow_stack import Airflow

airflow = Airflow(
    "airflow",
    {
        "dags": {"repository": "https://github.com/acme/dags.git", "branch": "main"},
        "labels": {"team": "data"},
    },
)

pulumi.export("url", airflow.url)
pulumi.export("adminPassword", airflow.admin_password)
