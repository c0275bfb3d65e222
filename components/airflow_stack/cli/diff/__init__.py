"""`airflow-stack diff`: what a change to a stack would do, told from two renderings of it, before it happens.

`sides` renders, `objects` compares, `blast` says what it means, `totals` adds up; `terminal`, `markdown` and `machine` show the `report`.
"""
