"""An Airflow for each team. Each line of the table has a DAG repository and limits in the cluster."""

import pulumi

from airflow_stack import Airflow

TEAMS = {
    "ingest": {"repository": "git@github.com:acme/ingest-dags.git", "memory": "32Gi", "pods": "40"},
    "reports": {"repository": "git@github.com:acme/reports-dags.git", "memory": "24Gi", "pods": "30"},
    "science": {"repository": "git@gitlab.com:acme/science-dags.git", "memory": "64Gi", "pods": "80"},
}

for team, own in TEAMS.items():
    airflow = Airflow(
        team,
        {
            "dags": {"repository": own["repository"], "branch": "main"},
            "namespace": f"airflow-{team}",
            "labels": {"team": team},
            "quota": {"requests.memory": own["memory"], "pods": own["pods"]},
        },
    )
    # The team adds the key to its repository, read-only, and logs in with the password.
    pulumi.export(team, {"deployKey": airflow.git_deploy_key, "adminPassword": airflow.admin_password})
