"""Services of a platform team for others: a namespace with a default-deny policy and a quota, and a database server."""

import pulumi
import pulumi_random as random

from airflow_stack.parts.namespace import AirflowNamespace

namespace = AirflowNamespace("data", {"name": "data", "quota": {"pods": "60"}, "labels": {"team": "data"}})
password = random.RandomPassword("airflow-database", length=32, special=False)

pulumi.export("namespace", namespace.name)
# Replace with a resource of your cloud, such as `aws.rds.Instance(..., password=password.result).address`.
pulumi.export("databaseHost", "airflow.db.example.com")
pulumi.export("databasePort", 5432)
pulumi.export("databasePassword", password.result)
