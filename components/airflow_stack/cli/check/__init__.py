"""`airflow-stack check`: settings and policies of a stack, without a cluster, Pulumi or secrets."""
