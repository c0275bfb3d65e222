"""Takes over an Airflow that was installed by Helm by hand, or turns a values file into stack settings.

Pure but for `live.py`, which reads a cluster, and `command.py`. Nothing here changes a cluster or a stack, and no secret is written or shown:
what is to be done is told as steps for a person to take.
"""
