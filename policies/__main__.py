"""The policy pack of this checkout."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "components"))  # Pulumi adds only the pack's own folder

from airflow_stack.policies.pack import main

main()
