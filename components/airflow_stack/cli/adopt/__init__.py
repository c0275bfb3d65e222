"""`airflow-stack adopt`: takes over an Airflow that was installed with Helm, or turns a values file into stack settings.

Changes neither a cluster nor a stack, and neither writes nor prints a secret: it prints the steps for a person.
"""
