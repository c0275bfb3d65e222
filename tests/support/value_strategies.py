"""Hypothesis strategies for a stack's own chart values: right and wrong ones, of every kind that the Kubernetes API checks."""

from typing import Any

from hypothesis import strategies as st

from airflow_stack.chart.merged import at, merge

COMPONENTS = (
    "apiServer",
    "scheduler",
    "dagProcessor",
    "triggerer",
    "workers",
    "workers.celery",
    "workers.kubernetes",
    "statsd",
    "redis",
)
_amounts = st.sampled_from(["500m", "1", 1, "2Gi", "512Mi", "512m", "1gb", "0", "-1", "64Mi", "1e9", ""])
_keys = st.sampled_from(["team", "example.com/team", "a..b/c", "-a", "bad key!", "x" * 64])
_texts = st.sampled_from(["data", "", "x" * 64, "a b", "-x", 1, True, "y"])
_names = st.sampled_from(["a", "b", "A", "a_b", "x" * 64, "", "config", "logs"])
_labels = st.dictionaries(_keys, _texts, max_size=2)
_resources = st.fixed_dictionaries(
    {},
    optional={
        part: st.dictionaries(st.sampled_from(["cpu", "memory", "nvidia.com/gpu", "gpu"]), _amounts, max_size=2)
        for part in ("requests", "limits")
    },
)
_env = st.lists(
    st.fixed_dictionaries({"name": st.sampled_from(["A", "B", "a.b", "1A", "a b", ""]), "value": _texts}), max_size=2
)
_volumes = st.lists(st.fixed_dictionaries({"name": _names, "emptyDir": st.just({})}), max_size=2)
_mounts = st.lists(
    st.fixed_dictionaries(
        {
            "name": st.sampled_from(["dags", "v"]),
            "mountPath": st.sampled_from(["/a", "/b", "", "/a:b", "/opt/airflow/logs"]),
        }
    ),
    max_size=2,
)
_containers = st.lists(
    st.fixed_dictionaries(
        {"name": _names, "image": st.sampled_from(["busybox", "", " x "])},
        optional={"resources": _resources, "env": _env},
    ),
    max_size=2,
)
_tolerations = st.lists(
    st.fixed_dictionaries(
        {},
        optional={
            "key": _keys,
            "operator": st.sampled_from(["Exists", "Equal", "Is", ""]),
            "value": _texts,
            "effect": st.sampled_from(["NoSchedule", "NoExecute", "Never", ""]),
            "tolerationSeconds": st.integers(0, 9),
        },
    ),
    max_size=2,
)
_spread = st.lists(
    st.fixed_dictionaries(
        {
            "maxSkew": st.sampled_from([1, 0, "1"]),
            "topologyKey": _keys,
            "whenUnsatisfiable": st.sampled_from(["DoNotSchedule", "ScheduleAnyway", "Never"]),
        }
    ),
    max_size=1,
)
_numbers = st.sampled_from([0, 1, 2, -1, "2", 1.0, True, 100_000])
_probe = st.fixed_dictionaries(
    {}, optional=dict.fromkeys(("initialDelaySeconds", "timeoutSeconds", "failureThreshold", "periodSeconds"), _numbers)
)
_share = st.sampled_from([0, 1, "50%", "150%", "half", -1])
_budget = st.fixed_dictionaries(
    {"enabled": st.just(True)},
    optional={"config": st.fixed_dictionaries({}, optional={"minAvailable": _share, "maxUnavailable": _share})},
)
_user = st.sampled_from([0, 1000, 2**31, -1, "root", None])
_context = st.fixed_dictionaries(
    {}, optional={"runAsUser": _user, "fsGroup": _user, "runAsNonRoot": st.sampled_from([True, False, "yes"])}
)
_OF_COMPONENT = {
    "resources": _resources,
    "labels": _labels,
    "podAnnotations": _labels,
    "nodeSelector": _labels,
    "tolerations": _tolerations,
    "topologySpreadConstraints": _spread,
    "env": _env,
    "extraVolumes": _volumes,
    "extraVolumeMounts": _mounts,
    "extraContainers": _containers,
    "extraInitContainers": _containers,
    "replicas": _numbers,
    "revisionHistoryLimit": _numbers,
    "terminationGracePeriodSeconds": _numbers,
    "livenessProbe": _probe,
    "podDisruptionBudget": _budget,
    "priorityClassName": st.sampled_from(["high", "High Priority", ""]),
    "securityContexts": st.fixed_dictionaries({"pod": _context}),
    "hostAliases": st.lists(
        st.fixed_dictionaries({"ip": st.sampled_from(["10.0.0.1", "x"]), "hostnames": st.just(["a"])}), max_size=1
    ),
    "serviceAccount": st.fixed_dictionaries({"annotations": _labels}),
}
_GLOBAL: dict[str, st.SearchStrategy[Any]] = {
    "airflowPodAnnotations": _labels,
    "nodeSelector": _labels,
    "tolerations": _tolerations,
    "topologySpreadConstraints": _spread,
    "volumes": _volumes,
    "volumeMounts": _mounts,
    "securityContexts.pod": _context,
    "uid": _user,
    "gid": _user,
    "ports.apiServer": st.sampled_from([8080, 9090, 0, 80800, "8080"]),
    "cleanup": st.fixed_dictionaries(
        {"enabled": st.just(True), "schedule": st.sampled_from(["*/15 * * * *", "@daily", "daily", "* * *"])}
    ),
    "databaseCleanup": st.fixed_dictionaries(
        {"enabled": st.just(True), "schedule": st.sampled_from(["0 0 * * 0", "99 0 * * *", "x"])}
    ),
    "triggerer.persistence": st.fixed_dictionaries(
        {"enabled": st.just(True), "size": st.sampled_from(["1Gi", "100", "0", "x"])}
    ),
    "apiServer.service": st.fixed_dictionaries({"type": st.sampled_from(["ClusterIP", "NodePort", "Public"])}),
    "extraEnv": st.sampled_from(["- {name: X, value: 'y'}", "- {name: 'a b', value: x}", "x", "- {name: X, value: 1}"]),
    "priorityClasses": st.just([{"name": "high", "value": 5, "preemptionPolicy": "Never"}]),
}
_one = st.one_of(
    st.tuples(st.sampled_from(COMPONENTS), st.sampled_from(sorted(_OF_COMPONENT))).flatmap(
        lambda chosen: _OF_COMPONENT[chosen[1]].map(lambda value: at(f"{chosen[0]}.{chosen[1]}", value))
    ),
    st.sampled_from(sorted(_GLOBAL)).flatmap(lambda path: _GLOBAL[path].map(lambda value: at(path, value))),
)
values = st.lists(_one, min_size=1, max_size=4).map(lambda parts: merge(*parts))
"""Chart values of a stack."""
