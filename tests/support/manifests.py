"""Reads manifests: pods, Secrets of containers, and violations of Pod Security."""

from collections.abc import Iterator
from typing import Any

import yaml

Manifest = dict[str, Any]

# https://kubernetes.io/docs/concepts/security/pod-security-standards/ (restricted, volume types)
VOLUMES = {
    "configMap", "csi", "downwardAPI", "emptyDir", "ephemeral", "persistentVolumeClaim", "projected", "secret",
}  # fmt: skip


def pods(manifests: list[Manifest]) -> Iterator[tuple[str, Manifest]]:
    """All pod templates, including those of CronJobs and of the task pods."""
    for manifest in manifests:
        spec = manifest.get("spec", {})
        if template := spec.get("jobTemplate", {}).get("spec", spec).get("template"):
            yield manifest["metadata"]["name"], template
        if template := manifest.get("data", {}).get("pod_template_file.yaml"):
            yield "task", yaml.safe_load(template)


def containers(manifests: list[Manifest]) -> Iterator[tuple[str, Manifest]]:
    """All containers of all pods, as `pod/container`."""
    for pod, template in pods(manifests):
        for container in containers_of(template):
            yield f"{pod}/{container['name']}", container


def containers_of(template: Manifest) -> list[Manifest]:
    """Containers of a pod, including init containers."""
    return [*(template["spec"].get("initContainers") or []), *template["spec"]["containers"]]


def secrets_read(template: Manifest) -> set[tuple[str, str]]:
    """Name and key of each Secret that a pod's containers read as variable or file. `*` means all keys."""
    found: set[tuple[str, str]] = set()
    volumes = {v["name"]: v["secret"]["secretName"] for v in template["spec"].get("volumes") or [] if "secret" in v}
    for container in containers_of(template):
        for variable in container.get("env") or []:
            if reference := variable.get("valueFrom", {}).get("secretKeyRef"):
                found.add((reference["name"], reference["key"]))
        for source in container.get("envFrom") or []:
            if "secretRef" in source:
                found.add((source["secretRef"]["name"], "*"))
        for mount in container.get("volumeMounts") or []:
            if secret := volumes.get(mount["name"]):
                found.add((secret, mount.get("subPath", "*")))
    return found


def violations(template: Manifest) -> list[str]:
    """Violations of Pod Security `restricted` by a pod (Kubernetes 1.34)."""
    spec = template["spec"]
    pod = spec.get("securityContext") or {}
    found = [key for key in ("hostNetwork", "hostPID", "hostIPC") if spec.get(key)]
    found += [f"volume {v['name']}" for v in spec.get("volumes") or [] if not v.keys() - {"name"} <= VOLUMES]
    found += ["sysctls"] if pod.get("sysctls") else []
    for container in [*containers_of(template), *(spec.get("ephemeralContainers") or [])]:
        own = container.get("securityContext") or {}
        both = {**pod, **own}
        capabilities = own.get("capabilities") or {}
        handlers = [container.get(f"{kind}Probe") or {} for kind in ("startup", "readiness", "liveness")]
        handlers += (container.get("lifecycle") or {}).values()
        wrong = {
            "privileged": own.get("privileged", False),
            "allowPrivilegeEscalation": own.get("allowPrivilegeEscalation") is not False,
            "capabilities.drop": "ALL" not in (capabilities.get("drop") or []),
            "capabilities.add": bool({*(capabilities.get("add") or [])} - {"NET_BIND_SERVICE"}),
            "runAsNonRoot": both.get("runAsNonRoot") is not True,
            "runAsUser": both.get("runAsUser") == 0,
            "seccompProfile": (both.get("seccompProfile") or {}).get("type") not in ("RuntimeDefault", "Localhost"),
            "appArmorProfile": (both.get("appArmorProfile") or {}).get("type") == "Unconfined",
            "seLinuxOptions": bool(both.get("seLinuxOptions")),
            "procMount": own.get("procMount", "Default") != "Default",
            "hostPort": any(port.get("hostPort") for port in container.get("ports") or []),
            "host of a probe": any(
                (h.get(kind) or {}).get("host") for h in handlers for kind in ("httpGet", "tcpSocket")
            ),
            "hostProcess": bool((both.get("windowsOptions") or {}).get("hostProcess")),
        }
        found += [f"{container['name']}: {what}" for what, is_wrong in wrong.items() if is_wrong]
    return found
