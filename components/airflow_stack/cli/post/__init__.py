"""`python -m airflow_stack.cli.post.command`: comments and issues on GitHub and GitLab. Standard library only."""
