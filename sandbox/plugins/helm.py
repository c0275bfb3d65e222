"""Runs the real `helm` against one cluster. Owns its processes, its errors and what it reads."""

import json
import os
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sandbox.plugins.protocol import PluginError
from sandbox.plugins.wire import Properties


class HelmError(PluginError):
    """Helm's own message."""


class Helm:
    """The `helm` command with a kubeconfig, given as a path or as content."""

    def __init__(self, kubeconfig: str, context: str | None) -> None:
        self._kubeconfig, self._context = kubeconfig, context
        self._running: set[subprocess.Popen[str]] = set()

    def run(self, *arguments: str, namespace: str = "", stdin: str = "") -> str:
        """Run helm and return its output, or raise its message."""
        command = ["helm", *arguments]
        command += ["--namespace", namespace] if namespace else []
        command += ["--kube-context", self._context] if self._context else []
        pipe = subprocess.PIPE
        with self._environment() as environment:
            try:
                process = subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=pipe, text=True, env=environment)
            except FileNotFoundError as error:
                raise HelmError("there is no helm command on PATH") from error
            self._running.add(process)
            try:
                output, message = process.communicate(stdin)
            finally:
                self._running.discard(process)
        if process.returncode:
            raise HelmError(message.strip() or f"helm ended with code {process.returncode}")
        return output

    def release(self, name: str, namespace: str) -> Properties | None:
        """Return what Helm has recorded of a release's last revision, or None."""
        found: Properties = {}
        for question in (("status",), ("get", "metadata")):
            try:
                answer = self.run(*question, name, "--output", "json", namespace=namespace)
            except HelmError as error:
                if "release: not found" in str(error):
                    return None
                raise
            found[question[-1]] = json.loads(answer)
        return found

    def cancel(self) -> None:
        """Ask running commands to end in order: Helm then records the release as failed."""
        for process in list(self._running):
            process.terminate()

    @contextmanager
    def _environment(self) -> Iterator[dict[str, str]]:
        if "\n" not in self._kubeconfig:
            yield {**os.environ, "KUBECONFIG": str(Path(self._kubeconfig).expanduser())}
            return
        with tempfile.NamedTemporaryFile("w") as file:  # readable by this user alone
            file.write(self._kubeconfig)
            file.flush()
            yield {**os.environ, "KUBECONFIG": file.name}
