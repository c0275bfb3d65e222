"""Runs `helm` on the cluster in KUBECONFIG."""

import json
import subprocess

from sandbox.plugins.property_values import Properties
from sandbox.plugins.protocol import PluginError

_CHANGES = ("install", "upgrade", "uninstall")


class HelmError(PluginError):
    """Helm's own message."""


class HelmCli:
    """The `helm` command."""

    def __init__(self) -> None:
        self._running: set[subprocess.Popen[str]] = set()
        self._cancelled = False

    def run(self, *arguments: str, stdin: str = "") -> str:
        """Run helm and return its output.

        Raises:
            HelmError: helm failed.
        """
        pipe = subprocess.PIPE
        process = subprocess.Popen(["helm", *arguments], stdin=pipe, stdout=pipe, stderr=pipe, text=True)
        self._running.add(process)
        if self._cancelled and arguments[0] in _CHANGES:  # no change may start after a cancellation
            process.terminate()
        try:
            output, message = process.communicate(stdin)
        finally:
            self._running.discard(process)
        if process.returncode:
            raise HelmError(_error(message) or f"helm exited with code {process.returncode}")
        return output

    def release(self, name: str, namespace: str) -> Properties | None:
        """Helm's record of a release's last revision. None if there is no release."""
        place = [name, "--namespace", namespace, "--output", "json"]
        try:
            status, metadata = self.run("status", *place), self.run("get", "metadata", *place)
        except HelmError as error:
            if "release: not found" in str(error):
                return None
            raise
        return {"status": json.loads(status), "metadata": json.loads(metadata)}

    def cancel(self) -> None:
        """Terminate running commands. Helm then records the release as failed."""
        self._cancelled = True
        for process in list(self._running):
            process.terminate()


def _error(output: str) -> str:
    """Error in the output of the command, worded as by the Helm library in the official provider."""
    error = output[output.rfind("Error: ") :].removeprefix("Error: ").strip()
    for prefix in ("INSTALLATION FAILED: ", "UPGRADE FAILED: "):
        error = error.removeprefix(prefix)
    return error
