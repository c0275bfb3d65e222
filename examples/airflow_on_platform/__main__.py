"""An Airflow in the namespace and on the database of the platform stack of the same name."""

import pulumi

from airflow_stack import Airflow

platform = pulumi.StackReference(f"{pulumi.get_organization()}/platform/{pulumi.get_stack()}")

airflow = Airflow(
    "airflow",
    {
        "dags": {"repository": "https://github.com/acme/dags.git", "branch": "main"},
        "namespace": platform.require_output("namespace"),
        "create_namespace": False,
        "database": {
            "external": {
                "host": platform.require_output("databaseHost"),
                "port": platform.require_output("databasePort"),
            }
        },
        "database_password": platform.require_output("databasePassword"),
    },
)

pulumi.export("namespace", airflow.namespace)
pulumi.export("adminPassword", airflow.admin_password)
