"""The component plugin: what Pulumi runs for `PulumiPlugin.yaml`."""

import sys
from pathlib import Path

from pulumi.provider import main

# The host runs this folder, which is a package of the folder above: only that one may be on the path.
sys.path[0] = str(Path(__file__).resolve().parents[1])

from components.served import AirflowProvider  # noqa: E402  (needs the path)

if __name__ == "__main__":
    main(AirflowProvider(), sys.argv[1:])
