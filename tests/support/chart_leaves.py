"""Every value of a chart, with another value for each, from its values and their schema."""

import json
from collections.abc import Iterator, Mapping
from typing import Any

import yaml

from airflow_stack.chart.merged import at

Path = tuple[str, ...]
_AFFINITY = "nodeAffinity.requiredDuringSchedulingIgnoredDuringExecution.nodeSelectorTerms"


class ChartLeaves:
    """The leaves of a chart's values.

    Args:
        values: The chart's `values.yaml`.
        schema: Its `values.schema.json`.
    """

    def __init__(self, values: str, schema: str) -> None:
        self.defaults: dict[str, Any] = yaml.safe_load(values)
        self._schema: dict[str, Any] = json.loads(schema)

    def paths(self) -> list[str]:
        """Paths of the leaves: of the values, and of the schema where the values have none."""
        found = list(dict.fromkeys(".".join(path) for path in _leaves(self.defaults)))
        known = [tuple(path.split(".")) for path in found]
        for path in self._of_schema(self._schema, ()):
            if not any(path[: len(each)] == each or each[: len(path)] == path for each in known):
                found.append(".".join(path))
        return found

    def other(self, path: str, mark: int, current: object) -> Any:
        """Another value than the current one, which the Kubernetes API accepts.

        Args:
            path: Path of the leaf.
            mark: Number to find in what is rendered of it, where it is no switch and no word of a list.
            current: The value that it has.
        """
        return self._example(self._node(tuple(path.split("."))), tuple(path.split(".")), mark, current)

    def _of_schema(self, node: Mapping[str, Any], path: Path) -> Iterator[Path]:
        if node.get("properties") and "$ref" not in node:
            for key, below in node["properties"].items():
                yield from self._of_schema(below, (*path, key))
        elif path:
            yield path

    def _resolved(self, node: Mapping[str, Any]) -> dict[str, Any]:
        name = ""
        while "$ref" in node:
            name = node["$ref"].rsplit("/", 1)[-1]
            found: Any = self._schema
            for step in node["$ref"].removeprefix("#/").split("/"):
                found = found[step]
            node = found
        return {**node, "name": name}

    def _node(self, path: Path) -> dict[str, Any]:
        node: dict[str, Any] = self._schema
        for step in path:
            node = self._resolved(node).get("properties", {}).get(step) or {}
        return node

    def _example(self, node: Mapping[str, Any], path: Path, mark: int, current: object) -> Any:
        key, found = path[-1], self._resolved(node)
        kind, name = found.get("type"), found["name"].rsplit(".", 1)[-1]
        kinds = kind if isinstance(kind, list) else [kind]
        if key in _BY_KEY:
            return _BY_KEY[key](mark)
        if key in ("labels", "nodeSelector", "namespaceLabels") or key.lower().endswith("annotations"):
            return {f"k{mark}": "x"}
        if found.get("enum"):
            return next(each for each in found["enum"] if each is not None and each != current)
        if name == "ResourceRequirements":
            return {"limits": {"ephemeral-storage": f"{mark}Mi"}}
        if name == "Affinity":
            return at(_AFFINITY, [{"matchExpressions": [{"key": f"k{mark}", "operator": "Exists"}]}])
        if name in ("SecurityContext", "PodSecurityContext"):
            return {"runAsUser": mark}
        if name in ("Lifecycle", "LifecycleHandler"):
            action = {"exec": {"command": [f"c{mark}"]}}
            return {"preStop": action} if name == "Lifecycle" else action
        if "object" in kinds:
            return {f"k{mark}": "x"}
        if "array" in kinds:
            return [self._example(found.get("items") or {}, (*path, "[]"), mark, None)]
        if "boolean" in kinds:
            return not current if isinstance(current, bool) else False
        return mark if "integer" in kinds or "number" in kinds else f"m{mark}"


def _leaves(values: Mapping[str, Any], path: Path = ()) -> Iterator[Path]:
    for key, value in values.items():
        if isinstance(value, Mapping) and value:
            yield from _leaves(value, (*path, key))
        else:
            yield (*path, key)


def _named(mark: int) -> dict[str, Any]:
    return {"name": f"n{mark}", "image": "busybox"}


def _spread(mark: int) -> dict[str, Any]:
    return {"maxSkew": 1, "topologyKey": f"k{mark}", "whenUnsatisfiable": "DoNotSchedule"}


_BY_KEY: dict[str, Any] = {
    **dict.fromkeys(("extraContainers", "extraInitContainers"), lambda mark: [_named(mark)]),
    **dict.fromkeys(("volumes", "extraVolumes"), lambda mark: [{"name": f"n{mark}", "emptyDir": {}}]),
    **dict.fromkeys(("volumeMounts", "extraVolumeMounts"), lambda mark: [{"name": "logs", "mountPath": f"/m{mark}"}]),
    "tolerations": lambda mark: [{"key": f"k{mark}", "operator": "Exists"}],
    "topologySpreadConstraints": lambda mark: [_spread(mark)],
    "hostAliases": lambda mark: [{"ip": "10.0.0.1", "hostnames": [f"h{mark}"]}],
    "schedule": lambda mark: f"{mark % 60} 3 * * *",
    "size": lambda mark: f"{mark}Gi",
    "extraEnv": lambda mark: f"- {{name: E{mark}, value: x}}",
    "extraEnvFrom": lambda mark: f"- secretRef: {{name: s{mark}}}",
    "env": lambda mark: [{"name": f"E{mark}", "value": "x"}],
    "priorityClasses": lambda mark: [{"name": f"n{mark}", "value": mark, "preemptionPolicy": "Never"}],
    "extraSecrets": lambda mark: {f"s{mark}": {"stringData": "a: b"}},
    "extraConfigMaps": lambda mark: {f"c{mark}": {"data": "a: b"}},
    **dict.fromkeys(("precedingPaths", "succeedingPaths"), lambda mark: [{"path": f"/p{mark}", "pathType": "Prefix", "serviceName": "a", "servicePort": "http"}]),
    "type": lambda _: "NodePort",
    "dagBundleConfigList": lambda mark: [{"name": f"n{mark}", "classpath": "a.B", "kwargs": {}}],
    "nodePort": lambda mark: 30000 + mark % 2768,
    "sets": lambda mark: [{"name": f"n{mark}", "queue": "x"}],
    "volumeClaimTemplates": lambda mark: [{"metadata": {"name": f"n{mark}"}, "spec": {}}],
    "args": lambda mark: ["bash", "-c", f"exec airflow x{mark} --proxy-headers"],
}  # fmt: skip
