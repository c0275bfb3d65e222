"""Apache Airflow on Kubernetes from git, as Pulumi components.

`Airflow` is the whole of it; the parts are importable from their own modules, for programs that replace one.
"""
