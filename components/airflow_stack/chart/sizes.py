"""The `size` presets: replicas, CPU and memory of every component.

The smallest covers the 1.1 GiB measured for one idle Airflow, and leaves room for tasks.
"""

from dataclasses import dataclass, replace

from airflow_stack.choices import Executor, Size
from airflow_stack.settings.models import Component, Components


@dataclass(frozen=True)
class Resources:
    """Replicas and resources of one kind of pod; CPU and memory as Kubernetes quantities."""

    replicas: int
    cpu: str
    memory: str

    def override(self, component: Component) -> "Resources":
        """The preset with a stack's overrides."""
        return replace(self, **component.model_dump(exclude_none=True))

    def as_kubernetes(self) -> dict[str, dict[str, str]]:
        """`resources` of a container. No CPU limit: a throttled scheduler misses its heartbeat."""
        return {"requests": {"cpu": self.cpu, "memory": self.memory}, "limits": {"memory": self.memory}}


@dataclass(frozen=True)
class Preset:
    """Resources of every component in one size."""

    api_server: Resources
    scheduler: Resources
    dag_processor: Resources
    triggerer: Resources
    workers: Resources
    parallelism: int
    """Concurrent tasks of one LocalExecutor scheduler or one Celery worker."""

    def override(self, components: Components) -> "Preset":
        """The preset with a stack's overrides."""
        return replace(
            self,
            **{name: getattr(self, name).override(getattr(components, name)) for name in type(components).model_fields},
        )


def _sidecar(cpu: str, memory: str) -> Resources:
    return Resources(1, cpu, memory)


GIT_SYNC = _sidecar("20m", "256Mi")
LOG_GROOMER = _sidecar("10m", "64Mi")
SERVE_LOGS = _sidecar("20m", "384Mi")
STATSD = _sidecar("20m", "128Mi")
REDIS = _sidecar("50m", "256Mi")
POSTGRES = _sidecar("100m", "512Mi")
JOB = _sidecar("100m", "1Gi")
WATCH = _sidecar("20m", "128Mi")

# Workers: one task pod (KubernetesExecutor). The other executors run `parallelism` tasks in one pod, at about 256Mi each.
_PRESETS = {
    Size.SMALL: Preset(
        api_server=Resources(1, "100m", "1536Mi"),
        scheduler=Resources(1, "100m", "1Gi"),
        dag_processor=Resources(1, "100m", "768Mi"),
        triggerer=Resources(1, "50m", "1Gi"),
        workers=Resources(1, "100m", "512Mi"),
        parallelism=4,
    ),
    Size.MEDIUM: Preset(
        api_server=Resources(2, "500m", "2Gi"),
        scheduler=Resources(2, "500m", "2Gi"),
        dag_processor=Resources(1, "500m", "1536Mi"),
        triggerer=Resources(1, "250m", "1536Mi"),
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
    """Resources of a size, with memory for the tasks in the pods that run them."""
    numbers = _PRESETS[size]
    tasks = numbers.parallelism * 256
    if executor is Executor.LOCAL:
        return replace(numbers, scheduler=replace(numbers.scheduler, memory=f"{1024 + tasks}Mi"))
    if executor is Executor.CELERY:
        return replace(numbers, workers=replace(numbers.workers, memory=f"{512 + tasks}Mi"))
    return numbers
