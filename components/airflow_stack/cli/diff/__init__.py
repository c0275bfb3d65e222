"""`airflow-stack diff`: the effects of a change on each stack, from two renderings of it, without a cluster."""
