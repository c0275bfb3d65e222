"""The policy pack: rules against publicly reported mistakes."""

from airflow_stack.policies.pack import main

main()
