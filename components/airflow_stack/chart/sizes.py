"""The `size` presets: replicas, CPU and memory of every component.

The smallest fits one Airflow into the 1.1 GiB that it was measured to take at rest, with room for tasks beside it.
"""

from dataclasses import dataclass, replace

from airflow_stack.choices import Executor, Size
from airflow_stack.settings.models import Component, Components


@dataclass(frozen=True)
class Resources:
    """What one kind of pod gets. CPU in millicores and memory in MiB; both as Kubernetes quantities once overridden."""

    replicas: int
    cpu: str
    memory: str

    def override(self, given: Component) -> "Resources":
        """The preset with what a stack changed."""
        return replace(self, **given.model_dump(exclude_none=True))

    def as_kubernetes(self) -> dict[str, dict[str, str]]:
        """`resources` of a container: no CPU limit, for a throttled scheduler misses its heartbeat."""
        return {"requests": {"cpu": self.cpu, "memory": self.memory}, "limits": {"memory": self.memory}}


@dataclass(frozen=True)
class Preset:
    """One size: a row for each component."""

    api_server: Resources
    scheduler: Resources
    dag_processor: Resources
    triggerer: Resources
    workers: Resources
    parallelism: int
    """Tasks at a time in one LocalExecutor scheduler or one Celery worker."""

    def override(self, given: Components) -> "Preset":
        """The preset with what a stack changed, component by component."""
        return replace(
            self, **{name: getattr(self, name).override(getattr(given, name)) for name in type(given).model_fields}
        )


def _sidecar(cpu: str, memory: str) -> Resources:
    return Resources(1, cpu, memory)


GIT_SYNC = _sidecar("20m", "256Mi")
LOG_GROOMER = _sidecar("10m", "64Mi")
STATSD = _sidecar("20m", "128Mi")
REDIS = _sidecar("50m", "256Mi")
POSTGRES = _sidecar("100m", "512Mi")
JOB = _sidecar("100m", "1Gi")
WATCH = _sidecar("20m", "128Mi")

# Workers: one task pod (KubernetesExecutor); the other executors run `parallelism` tasks in one pod, at about 256Mi each.
_PRESETS = {
    Size.SMALL: Preset(
        api_server=Resources(1, "100m", "1536Mi"),
        scheduler=Resources(1, "100m", "1Gi"),
        dag_processor=Resources(1, "100m", "768Mi"),
        triggerer=Resources(1, "50m", "512Mi"),
        workers=Resources(1, "100m", "512Mi"),
        parallelism=4,
    ),
    Size.MEDIUM: Preset(
        api_server=Resources(2, "500m", "2Gi"),
        scheduler=Resources(2, "500m", "2Gi"),
        dag_processor=Resources(1, "500m", "1536Mi"),
        triggerer=Resources(1, "250m", "1Gi"),
        workers=Resources(2, "500m", "1Gi"),
        parallelism=8,
    ),
    Size.LARGE: Preset(
        api_server=Resources(3, "1", "3Gi"),
        scheduler=Resources(3, "1", "4Gi"),
        dag_processor=Resources(2, "1", "3Gi"),
        triggerer=Resources(2, "500m", "2Gi"),
        workers=Resources(4, "1", "2Gi"),
        parallelism=16,
    ),
}


def preset(size: Size, executor: Executor) -> Preset:
    """The numbers of a size, with room for tasks in the pod that runs them."""
    numbers = _PRESETS[size]
    tasks = numbers.parallelism * 256
    if executor is Executor.LOCAL:
        return replace(numbers, scheduler=replace(numbers.scheduler, memory=f"{1024 + tasks}Mi"))
    if executor is Executor.CELERY:
        return replace(numbers, workers=replace(numbers.workers, memory=f"{512 + tasks}Mi"))
    return numbers
