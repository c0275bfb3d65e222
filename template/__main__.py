"""Apache Airflow, with the settings of the stack file."""

from airflow_stack import Airflow, export_outputs, stack_arguments

airflow = Airflow("airflow", stack_arguments())
export_outputs(airflow)
