"""`airflow-stack teams`: one table describes the Airflows of many teams, and one stack file is made of each row."""
