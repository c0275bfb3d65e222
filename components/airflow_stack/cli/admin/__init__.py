"""`airflow-stack admin`: a local admin while the identity provider is down."""
