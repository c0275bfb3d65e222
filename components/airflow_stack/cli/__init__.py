"""The command `airflow-stack`: a folder for each command (command, model, render), and modules that commands share."""
