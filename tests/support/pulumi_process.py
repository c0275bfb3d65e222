"""A process that looks like a running Pulumi."""

import os
import shutil
import subprocess
from pathlib import Path


def running_as_pulumi(folder: Path, script: str, **variables: str) -> "subprocess.Popen[bytes]":
    """A shell named pulumi that ends with its standard input."""
    shell = shutil.copy(shutil.which("sh") or "sh", folder / "pulumi")
    process = subprocess.Popen(
        [shell, "-c", f"echo up; {script}"],
        env={**os.environ, **variables},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    assert process.stdout
    process.stdout.readline()
    return process
