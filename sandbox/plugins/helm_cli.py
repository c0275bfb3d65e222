"""Runs the real `helm` on the cluster of KUBECONFIG. Owns its processes, its errors and what it reads."""

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
        """Run helm and return its output, or raise its message."""
        pipe = subprocess.PIPE
        process = subprocess.Popen(["helm", *arguments], stdin=pipe, stdout=pipe, stderr=pipe, text=True)
        self._running.add(process)
        if self._cancelled and arguments[0] in _CHANGES:  # cancelled while no command ran: none may begin
            process.terminate()
        try:
            output, message = process.communicate(stdin)
        finally:
            self._running.discard(process)
        if process.returncode:
            raise HelmError(_words(message) or f"helm ended with code {process.returncode}")
        return output

    def release(self, name: str, namespace: str) -> Properties | None:
        """Return what Helm has recorded of a release's last revision, or None."""
        place = [name, "--namespace", namespace, "--output", "json"]
        try:
            status, metadata = self.run("status", *place), self.run("get", "metadata", *place)
        except HelmError as error:
            if "release: not found" in str(error):
                return None
            raise
        return {"status": json.loads(status), "metadata": json.loads(metadata)}

    def cancel(self) -> None:
        """Ask running commands to end in order: Helm then records the release as failed."""
        self._cancelled = True
        for process in list(self._running):
            process.terminate()


def _words(message: str) -> str:
    """Take the error from what the command printed, as the library has it that the official provider is built with."""
    words = message[message.rfind("Error: ") :].removeprefix("Error: ").strip()
    for verb in ("INSTALLATION FAILED: ", "UPGRADE FAILED: "):
        words = words.removeprefix(verb)
    return words
