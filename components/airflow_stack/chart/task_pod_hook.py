"""Refuses a `pod_override` that reaches for the Secrets, claims or service accounts of Airflow's namespace.

The scheduler creates a task's pod from the pod template and from the task's `executor_config`, which a DAG author writes. This text becomes a part
of `airflow_local_settings.py`: it imports nothing of this package, and has no double braces, which Helm reads as a template.
"""

import os
from collections.abc import Iterator, Mapping
from typing import Any

# Volumes whose content is the pod's own, or not secret.
_TASK_POD_HARMLESS = frozenset({"configMap", "downwardAPI", "emptyDir", "ephemeral", "image"})
_TASK_POD_HOST = ("hostNetwork", "hostPID", "hostIPC", "shareProcessNamespace", "automountServiceAccountToken")
_TASK_POD_ALLOWED: Mapping[str, list[str]] = {}
_task_pod_earlier = globals().get("pod_mutation_hook")


def pod_mutation_hook(pod: Any) -> None:  # noqa: ANN401  kubernetes.client.V1Pod
    """Airflow calls it with each pod before it creates it. An exception fails the task."""
    # KubernetesPodOperator calls it too, in a task. Those pods are in a namespace in which tasks may create any.
    if not os.environ.get("AIRFLOW_IS_K8S_EXECUTOR_POD"):
        from airflow.configuration import conf  # type: ignore[import-not-found]  # only in Airflow's image
        from airflow.providers.cncf.kubernetes.pod_generator import PodGenerator  # type: ignore[import-not-found]
        from kubernetes.client import ApiClient  # type: ignore[import-not-found]

        plain = ApiClient().sanitize_for_serialization
        template = PodGenerator.deserialize_model_file(conf.get("kubernetes_executor", "pod_template_file"))
        if refused := list(_task_pod_refused(plain(pod), plain(template), _TASK_POD_ALLOWED)):
            raise ValueError(f"the executor_config of the task asks for what tasks may not have: {', '.join(refused)}")
    if _task_pod_earlier:
        _task_pod_earlier(pod)


def _task_pod_refused(pod: Any, template: Any, allowed: Mapping[str, list[str]]) -> Iterator[str]:  # noqa: ANN401  JSON
    """What a pod has beyond the template and `allowed`, both as Kubernetes' JSON."""
    pod, template = _task_pod_without_empty(pod), _task_pod_without_empty(template)
    for _, kind, name in sorted(_task_pod_uses(pod) - _task_pod_uses(template)):
        if name not in allowed.get(kind, ()):
            way_out = f"; airflow:security.podOverride.{kind} can allow it" if kind in allowed else ""
            yield f"{kind} {name}{way_out}"
    labels = pod["metadata"].get("labels", {})
    yield from (f"label {key}" for key, value in template["metadata"]["labels"].items() if labels.get(key) != value)
    (base, *ours), (first, *theirs) = template["spec"]["containers"], pod["spec"]["containers"]
    if first["name"] != base["name"]:
        yield f"another first container than {base['name']}"
    for container in (*template["spec"].get("initContainers", []), *ours):
        if container not in (*pod["spec"].get("initContainers", []), *theirs):
            yield f"a changed container {container['name']}"


def _task_pod_uses(pod: Any) -> set[tuple[str, str, str]]:  # noqa: ANN401  JSON
    """Container (empty for the pod), kind and name of everything beyond the pod that it uses."""
    spec = pod["spec"]
    volumes = {each["name"]: set(_task_pod_sources(each)) for each in spec.get("volumes", [])}
    found = {("", *use) for uses in volumes.values() for use in uses}
    found |= {("", "serviceAccounts", spec[key]) for key in ("serviceAccountName", "serviceAccount") if key in spec}
    found |= {("", "fields", field) for field in _TASK_POD_HOST if spec.get(field)}
    for container in (*spec.get("initContainers", []), *spec["containers"]):
        name = container["name"]
        for mount in (*container.get("volumeMounts", []), *container.get("volumeDevices", [])):
            found |= {(name, *use) for use in volumes.get(mount["name"], ())}
        references = [each.get("valueFrom", {}).get("secretKeyRef") for each in container.get("env", [])]
        references += [each.get("secretRef") for each in container.get("envFrom", [])]
        found |= {(name, "secrets", each["name"]) for each in references if each}
        if container.get("securityContext", {}).get("privileged"):
            found.add((name, "fields", "privileged"))
    return found


def _task_pod_sources(volume: Any) -> Iterator[tuple[str, str]]:  # noqa: ANN401  JSON
    """Kind and name of what a volume holds, unless it is harmless."""
    for kind, source in volume.items():
        if kind == "secret":
            yield "secrets", source["secretName"]
        elif kind == "persistentVolumeClaim":
            yield "claims", source["claimName"]
        elif kind == "projected":
            for each in source.get("sources", []):
                yield from (("secrets", inner["name"]) for key, inner in each.items() if key == "secret")
                yield from (("volumes", key) for key in each if key not in ("secret", "configMap", "downwardAPI"))
        elif kind != "name" and kind not in _TASK_POD_HARMLESS:
            yield "volumes", kind


def _task_pod_without_empty(value: Any) -> Any:  # noqa: ANN401  JSON
    if isinstance(value, dict):
        kept = {key: _task_pod_without_empty(inner) for key, inner in value.items()}
        # An empty `emptyDir` is a kind of volume all the same.
        return {
            key: inner for key, inner in kept.items() if key in _TASK_POD_HARMLESS or inner not in (None, {}, [], "")
        }
    return [_task_pod_without_empty(inner) for inner in value] if isinstance(value, list) else value
