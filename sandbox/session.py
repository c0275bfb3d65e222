"""One cluster with its tools, its git server and the project's stacks."""

import os
import shutil
import socket
import sys
import tempfile
import time
from pathlib import Path

from pydantic import ValidationError

from airflow_stack.cli.console import duration, say
from airflow_stack.cli.kubernetes_client import KubernetesClient, select_context
from airflow_stack.cli.namespace_reader import NamespaceReader
from airflow_stack.names import API_SERVER_PORT, PROJECT, RELEASE
from airflow_stack.settings.images import Images
from sandbox import SandboxError, config_copy, daemons, git_repository, pins, tool_sources, toolchain
from sandbox.airflow_ready import dag_files
from sandbox.cluster import Cluster
from sandbox.config_copy import ServedRepository
from sandbox.control_plane import free_ports
from sandbox.pulumi_environment import environment, official_plugins
from sandbox.sandbox_stack import SandboxStack

ROOT = Path(__file__).parents[1]
STATE = ROOT / ".state"
STAND_IN_CHART = ROOT / "sandbox" / "chart"
GIT = STATE / "git"
_GIT_SERVER_SECONDS = 30


class Session:
    """Work on one cluster."""

    def __init__(self, cluster: Cluster) -> None:
        self.cluster = cluster
        self._cache = toolchain.cache_folder()
        self.official_plugins = official_plugins(self._cache) is not None
        self.stand_in_images = False
        if not (self.official_plugins or self.cluster.throwaway):
            raise SandboxError(
                f"{cluster.about} needs the official Pulumi plugins, which are not installed and cannot be downloaded. "
                "Connect to the internet, or install them with `pulumi plugin install --file`"
            )

    def start(self) -> None:
        """Provide the tools and start the cluster."""
        tools = toolchain.ensure([*pins.ENGINE, *self.cluster.tools], self._cache)
        began = time.monotonic()
        self.cluster.start(tools)
        say(f"Cluster: {self.cluster.about}. Ready after {duration(time.monotonic() - began)}.")

    def env(self) -> dict[str, str]:
        """Environment variables for Pulumi."""
        return environment(ROOT, self.cluster.stacks, self.cluster.kubeconfig, self._cache)

    def stack(self, name: str) -> SandboxStack:
        """Open a stack of the project."""
        return SandboxStack(ROOT, name, self.cluster.stacks, self.env())

    def prepare(self, name: str) -> SandboxStack:
        """Provide everything that a stack needs: settings, images, DAG repository, and throwaway values of missing secrets."""
        file, stack, throwaway = stack_file(name), self.stack(name), self.cluster.throwaway
        served = None if config_copy.names_repository(file) else self._serve_dags()
        registry = self.cluster.provide_images(_images(file))
        self.stand_in_images = registry is not None
        config_copy.write(
            file, stack.config_file, throwaway=throwaway, chart=self._chart(), registry=registry, served=served
        )
        stack.create()
        for key, value in (config_copy.missing_secrets(stack.config_file, served) if throwaway else {}).items():
            stack.set_secret(key, value)
        return stack

    def supplied_secrets(self, stack: SandboxStack) -> list[str]:
        """Keys of the secrets that the sandbox supplies because the stack's file has none."""
        return config_copy.supplied_secrets(stack_file(stack.name), stack.config_file)

    def serves_dags(self, stack: SandboxStack) -> bool:
        """Whether the stack follows the DAG repository that the sandbox serves."""
        return not config_copy.names_repository(stack_file(stack.name))

    def namespace(self, stack: SandboxStack) -> str:
        """Namespace of the stack's Airflow."""
        return str(config_copy.settings(stack.config_file).get(f"{PROJECT}:namespace", RELEASE))

    def reader(self, stack: SandboxStack) -> NamespaceReader:
        """Reader of the stack's pods."""
        selected = select_context(None, None, {"KUBECONFIG": self.cluster.kubeconfig})
        return NamespaceReader(KubernetesClient(selected), self.namespace(stack))

    def dag_files(self, stack: SandboxStack, ref: str) -> set[str]:
        """DAG files that Airflow must list. Empty for a repository that the sandbox does not serve."""
        if not self.serves_dags(stack):
            return set()
        path = config_copy.settings(stack.config_file).get(f"{PROJECT}:dags", {}).get("path", "dags")
        with tempfile.TemporaryDirectory() as folder:
            git_repository.extract(GIT, ref, Path(folder))
            return dag_files(Path(folder) / path)

    def forward(self, stack: str, namespace: str) -> str:
        """Forward a local port to Airflow's web page until the stack is removed. Returns the address."""
        home = self._forward(stack)
        home.mkdir(parents=True, exist_ok=True)
        port = home / "port"
        if not (port.exists() and daemons.running(home)):
            daemons.stop(home)
            port.write_text(str(API_SERVER_PORT if _is_free(API_SERVER_PORT) else free_ports(1)[0]))
            kubectl = ["kubectl", "port-forward", f"--namespace={namespace}", "service/airflow-api-server"]
            restart = 'while :; do "$@"; sleep 1; done'  # `port-forward` ends with its pod
            command = ["sh", "-c", restart, "sh", *kubectl, f"{port.read_text()}:{API_SERVER_PORT}"]
            daemons.start(home, "forward", ["env", f"KUBECONFIG={self.cluster.kubeconfig}", *command])
        return f"http://localhost:{port.read_text()}"

    def forget(self, stack: SandboxStack) -> None:
        """Remove a destroyed stack and its port forwarding."""
        daemons.stop(self._forward(stack.name))
        shutil.rmtree(self._forward(stack.name), ignore_errors=True)
        stack.remove()

    def stop(self, *, keep: bool = False) -> list[str]:
        """Stop the cluster and its helpers. Returns the names of the processes."""
        homes = [*self.cluster.stacks.glob("*.forward"), GIT]
        stopped = [name for home in homes for name in daemons.stop(home)] + self.cluster.stop(keep=keep)
        if not keep:
            shutil.rmtree(GIT, ignore_errors=True)
        return stopped

    def _forward(self, stack: str) -> Path:
        return self.cluster.stacks / f"{stack}.forward"

    def _serve_dags(self) -> ServedRepository:
        """Serve the project's own DAGs to the cluster."""
        host = self.cluster.git_server_address()
        git_repository.prepare(GIT, ROOT)
        port = GIT / "port"
        if not port.exists():  # kept, because the port is part of the stack's settings
            port.write_text(str(free_ports(1)[0]))
        if not daemons.running(GIT):
            listen = f"--listen={host}:{port.read_text()}"
            command = [sys.executable, "-P", "-m", "sandbox.git_server", f"--home={GIT}", listen]
            log = daemons.log_file(GIT, "git-server")
            log.unlink(missing_ok=True)
            daemons.start(GIT, "git-server", self.cluster.in_pod_network(["env", f"PYTHONPATH={ROOT}", *command]))
            end = time.monotonic() + _GIT_SERVER_SECONDS
            while not log.exists() or "listening" not in log.read_text():
                if time.monotonic() > end:
                    raise SandboxError.from_log("the git server did not start", log)
                time.sleep(0.1)
        number = int(port.read_text())
        return ServedRepository(
            git_repository.url(host, number),
            git_repository.known_hosts(GIT, host, number),
            git_repository.deploy_key(GIT),
        )

    def _chart(self) -> str | None:
        """Path of the chart to use: AIRFLOW_CHART, or the stand-in. None for the published chart."""
        if own := os.environ.get("AIRFLOW_CHART"):
            return str(Path(own).absolute())
        published = tool_sources.internet_available() or not self.cluster.throwaway
        return None if published else str(STAND_IN_CHART)


def stack_file(stack: str) -> Path:
    """The stack's own file, which must exist."""
    return config_copy.stack_file(ROOT, stack)


def _images(file: Path) -> Images:
    try:
        return Images.model_validate(config_copy.settings(file).get("airflow:images", {}))
    except (OSError, ValidationError):  # reported with all other settings, later
        return Images()


def _is_free(port: int) -> bool:
    try:
        with socket.create_server(("127.0.0.1", port)):
            return True
    except OSError:
        return False
