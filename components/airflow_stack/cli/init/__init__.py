"""`airflow-stack init`: a repository with stack files only, from the template that `pulumi new` uses too."""
