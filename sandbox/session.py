"""One cluster with its tools, and the project's stacks on it."""

import os
import time
from pathlib import Path

from sandbox import SandboxError, pins, sources, stackfile, toolchain
from sandbox.cluster import choose
from sandbox.console import duration, say
from sandbox.stack import Stack, environment, official_plugins

ROOT = Path(__file__).parents[1]
STATE = ROOT / ".state"
STAND_IN_CHART = ROOT / "sandbox" / "chart"


class Session:
    """The cluster of `context`, or the sandbox's own without one."""

    def __init__(self, context: str | None) -> None:
        self.cluster = choose(STATE, context)
        self._cache = toolchain.cache_folder()
        self.official_plugins = official_plugins(self._cache) is not None
        if not (self.official_plugins or self.cluster.throwaway):
            raise SandboxError(
                "on a cluster of yours only the official Pulumi plugins are used, and they cannot be had now; "
                "with the internet they come by themselves, without it see `pulumi plugin install --help`"
            )

    def start(self) -> None:
        """Make tools and cluster ready."""
        tools = toolchain.ensure([*pins.ENGINE, *self.cluster.tools], self._cache)
        began = time.monotonic()
        self.cluster.start(tools)
        say(f"Cluster: {self.cluster.about} (ready after {duration(time.monotonic() - began)}).")

    def env(self) -> dict[str, str]:
        """The environment for Pulumi."""
        return environment(ROOT, self.cluster.stacks, self.cluster.kubeconfig, self._cache)

    def stack(self, name: str) -> Stack:
        """Open a stack of the project."""
        return Stack(ROOT, name, self.cluster.stacks, self.env())

    def prepare(self, name: str) -> Stack:
        """Make a stack ready to run: its settings, and throwaway secrets where it has none."""
        stack, throwaway = self.stack(name), self.cluster.throwaway
        stackfile.copy(_file(name), stack.config_file, throwaway=throwaway, chart=self._chart())
        stack.create()
        for key, value in (stackfile.missing_secrets(stack.config_file) if throwaway else {}).items():
            stack.set_secret(key, value)
        return stack

    def supplied_secrets(self, stack: Stack) -> list[str]:
        """Name the secrets of a stack that are the sandbox's, not those of its file."""
        return stackfile.supplied_secrets(_file(stack.name), stack.config_file)

    def _chart(self) -> str | None:
        """The chart to take instead of the published one; None when that can be reached."""
        if own := os.environ.get("AIRFLOW_CHART"):
            return str(Path(own).absolute())
        published = sources.internet_reached() or not self.cluster.throwaway
        return None if published else str(STAND_IN_CHART)


def _file(stack: str) -> Path:
    return ROOT / f"Pulumi.{stack}.yaml"
