"""How the pods of a stack fare: what each does now, and what keeps it from doing its work, with the cause in the user's words.

It reads one namespace and changes nothing. `make up` looks at it while a stack comes up, `airflow-stack status` and `logs` at any time.
"""
