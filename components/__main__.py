"""The component plugin: the program that Pulumi runs for `PulumiPlugin.yaml`."""

import sys

from pulumi.provider import main

from airflow_stack.provider import AirflowProvider

if __name__ == "__main__":
    main(AirflowProvider(), sys.argv[1:])
