"""Program of every stack: settings -> `Airflow` -> outputs."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).with_name("components")))  # the requirements are enough, without an installation

from airflow_stack import Airflow, export_outputs, stack_arguments

airflow = Airflow("airflow", stack_arguments())
export_outputs(airflow)
