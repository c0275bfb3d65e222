"""`python3 -m airflow_stack.cli.post.command`: comments and issues on GitHub and GitLab. Needs only the standard library."""
