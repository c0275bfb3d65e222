"""Names that Airflow's parts share. Those of Secrets are in `credentials.py`."""

PROJECT = "airflow"
"""Name of the Pulumi project: prefix of every key in a stack file."""
RELEASE = "airflow"
API_SERVER_PORT = 8080
AUTH_MANAGER = "airflow.providers.fab.auth_manager.fab_auth_manager.FabAuthManager"
"""FAB: the only auth manager of Airflow 3 that keeps users in the metadata database."""
GIT_CONNECTION = "git_dags"
"""Prefix of the connection ids of git bundles."""
LOG_CLAIM = f"{RELEASE}-task-logs"
"""PersistentVolumeClaim of the task logs. The chart's own would always request ReadWriteMany."""
WEB_CERTIFICATE = f"{RELEASE}-web-tls"
"""Secret with the certificate that cert-manager issues."""
