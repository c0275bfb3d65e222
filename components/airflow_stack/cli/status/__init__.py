"""`airflow-stack status`: the state of each pod, and problems that do not resolve themselves. Reads one namespace and changes nothing."""
