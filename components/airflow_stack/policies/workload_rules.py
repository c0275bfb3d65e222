"""Containers of a program's own pods, and rules about containers and namespaces."""

import re
from collections.abc import Iterator
from typing import Any

from .model import RELEASE, Resource, Rule, Violation, at, leaves

NAMESPACE = "kubernetes:core/v1:Namespace"
_KINDS = ("Deployment", "StatefulSet", "DaemonSet", "ReplicaSet", "Job", "CronJob", "Pod")
_SIZES = ("requests.cpu", "requests.memory", "limits.memory")
# Versions of Python and of the distribution in a tag, which pin no Airflow.
_BASE = re.compile(r"(python|py|alpine|debian|ubuntu|ubi|jdk|jre|java|node)-?\d[\d.]*", re.IGNORECASE)
_SIDECARS = ("scheduler", "dagProcessor", "triggerer")


def containers(resource: Resource) -> Iterator[tuple[str, dict[str, Any]]]:
    """Path and content of every container in a pod or workload."""
    if resource.type.startswith("kubernetes:") and resource.type.split(":")[-1] in _KINDS:
        for path in ("spec", "spec.template.spec", "spec.jobTemplate.spec.template.spec"):
            for kind in ("initContainers", "containers"):
                for container in resource.at(f"{path}.{kind}", []):
                    if isinstance(container, dict):
                        yield f"{path}.{kind}.{at(container, 'name', '?')}", container


def _images(resource: Resource) -> Iterator[tuple[str, str]]:
    """Path and name of every image."""
    for path, container in containers(resource):
        yield f"{path}.image", at(container, "image", "")
    if resource.type != RELEASE:
        return
    values = resource.at("values", {})
    places = {f"images.{name}": image for name, image in at(values, "images", {}).items() if isinstance(image, dict)}
    default = {key: at(values, f"defaultAirflow{key.title()}") for key in ("repository", "tag", "digest")}
    for path, image in {"defaultAirflow": default, **places}.items():
        if tag := at(image, "tag"):
            digest = f"@{at(image, 'digest')}" if at(image, "digest") else ""
            yield (
                f"values.{path}.tag".replace("Airflow.tag", "AirflowTag"),
                f"{at(image, 'repository', path)}:{tag}{digest}",
            )
    for keys, text in leaves(values):
        if keys[-1] == "image":  # in the chart's extraContainers and extraInitContainers
            yield f"values.{'.'.join(keys)}", text


def _tag(image: str) -> str:
    """Tag of an image; empty with a digest, `latest` without tag and digest."""
    name = image.rsplit("/", 1)[-1]
    return "" if "@" in name else name.partition(":")[2] or "latest"


def _is_latest(tag: str) -> bool:
    """Whether a tag is `latest`, also of a variant such as `latest-python3.12` and `slim-latest`."""
    return "latest" in re.split(r"[-_.]", tag)


def _pinned(resource: Resource) -> Iterator[Violation]:
    for key, image in _images(resource):
        tag = _tag(image)
        if tag and not _is_latest(tag) and not re.search(r"\d", re.sub(r"^v?\d{1,4}$", "", _BASE.sub("", tag))):
            yield Violation(
                key,
                "is a moving tag: pods that start tomorrow may run another image",
                "use a full version or a digest, such as airflow:images.airflow.tag 3.3.2",
                image,
            )


def _not_latest(resource: Resource) -> Iterator[Violation]:
    for key, image in _images(resource):
        if _is_latest(_tag(image)):
            yield Violation(
                key,
                "runs the last pushed image, and a rollback cannot restore the earlier one",
                "use a full version, such as airflow:images.airflow.tag 3.3.2",
                image,
            )


def _resources(resource: Resource) -> Iterator[Violation]:
    wanted = [(path, at(container, "resources", {})) for path, container in containers(resource)]
    if resource.is_airflow:
        values = resource.at("values", {})
        wanted += [(f"values.{path}", at(values, f"{path}.resources", {})) for path in _chart_containers(values)]
    for path, sizes in wanted:
        if missing := [size for size in _SIZES if at(sizes, size) is None]:
            yield Violation(
                f"{path}.resources",
                f"{' and '.join(missing)} not set: a full node evicts this pod first, or the pod exhausts the node",
                "set requests for CPU and memory and a limit for memory (airflow:size, airflow:components, or airflow:values)",
            )


def _chart_containers(values: dict[str, Any]) -> Iterator[str]:
    """Paths of `resources` for the containers that the values create (chart 1.22.0, values.yaml)."""
    executors = at(values, "executor", "CeleryExecutor")
    celery, kubernetes = "Celery" in executors, "Kubernetes" in executors
    switched = {
        "scheduler": True,
        "apiServer": True,
        "dagProcessor": True,
        "triggerer": True,
        "statsd": True,
        "redis": celery,
    }
    jobs = {"createUserJob": True, "migrateDatabaseJob": True}
    optional = dict.fromkeys(("pgbouncer", "flower", "cleanup", "databaseCleanup", "dags.gitSync"), False)
    for path, default in {**switched, **jobs, **optional}.items():
        if at(values, f"{path}.enabled", default) and (path != "redis" or celery):
            yield path
            if path in _SIDECARS and at(values, f"{path}.logGroomerSidecar.enabled", True):
                yield f"{path}.logGroomerSidecar"
    yield from (["workers.celery"] if celery else []) + (["workers.kubernetes"] if kubernetes else [])


def _pod_security(resource: Resource) -> Iterator[Violation]:
    label = "pod-security.kubernetes.io/enforce"
    if resource.type in (NAMESPACE, f"{NAMESPACE}Patch"):
        labels = resource.at("metadata.labels", {})
        level = labels.get(label)
        if level != "restricted" and (resource.type == NAMESPACE or label in labels):
            yield Violation(
                f"metadata.labels['{label}']",
                "would admit a pod that runs as root or with the node's privileges",
                f"set the label {label}: restricted, as AirflowNamespace does; every pod of this program complies",
                level or "not set",
            )


RULES = (
    Rule(
        "pinned-images",
        "Every image has a full version or a digest.",
        "https://kubernetes.io/docs/concepts/containers/images/",
        _pinned,
    ),
    Rule(
        "no-latest-tag",
        "No image is `latest`, by tag or by default.",
        "https://kubernetes.io/docs/concepts/containers/images/",
        _not_latest,
    ),
    Rule(
        "resources-set",
        "Every container requests CPU and memory, and limits memory.",
        "https://kubernetes.io/docs/concepts/configuration/manage-resources-containers/",
        _resources,
    ),
    Rule(
        "pod-security",
        "Namespaces enforce the Pod Security Standard `restricted`.",
        "https://github.com/apache/airflow/issues/27318",
        _pod_security,
    ),
)
