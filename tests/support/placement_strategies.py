"""Hypothesis strategies for valid placements and volumes."""

from typing import Any

from hypothesis import strategies as st

from tests.support.cases import Config

_names = st.text("abyz019", min_size=1, max_size=20)
_keys = st.one_of(_names, _names.map("example.com/{}".format), st.just("topology.kubernetes.io/zone"))
_values = st.one_of(_names, st.just(""), st.sampled_from(["A.b_c-d", "true", "1"]))
_labels = st.dictionaries(_keys, _values, max_size=2)
_list = st.lists(_values, min_size=1, max_size=2)


def _object(needed: Config, **more: st.SearchStrategy[Any]) -> st.SearchStrategy[Config]:
    return st.fixed_dictionaries(needed, optional=more)


def _requirement(*operators: str) -> st.SearchStrategy[Config]:
    with_values = _object({"key": _keys, "operator": st.sampled_from(["In", "NotIn"]), "values": _list})
    without = _object({"key": _keys, "operator": st.sampled_from(["Exists", "DoesNotExist"])})
    number = st.integers(0, 999).map(lambda n: [str(n)])
    compared = [_object({"key": _keys, "operator": st.sampled_from(operators), "values": number})] if operators else []
    return st.one_of(with_values, without, *compared)


_term = _object({"matchExpressions": st.lists(_requirement("Gt", "Lt"), min_size=1, max_size=2)})
_selector = _object({}, matchLabels=_labels, matchExpressions=st.lists(_requirement(), max_size=2))
_pods = _object(
    {"topologyKey": _keys, "labelSelector": _selector},
    namespaceSelector=_selector,
    namespaces=st.lists(_names, max_size=2),
)
_weight = st.integers(1, 100)
_required, _preferred = (f"{kind}DuringSchedulingIgnoredDuringExecution" for kind in ("required", "preferred"))
_near = _object(
    {},
    **{
        _required: st.lists(_pods, max_size=2),
        _preferred: st.lists(_object({"weight": _weight, "podAffinityTerm": _pods}), max_size=2),
    },
)
_nodes = _object(
    {},
    **{
        _required: _object({"nodeSelectorTerms": st.lists(_term, min_size=1, max_size=2)}),
        _preferred: st.lists(_object({"weight": _weight, "preference": _term}), max_size=2),
    },
)
_effect = st.sampled_from(["NoSchedule", "PreferNoSchedule", "NoExecute"])
_toleration = st.one_of(
    _object({"key": _keys}, value=_values, effect=_effect, operator=st.just("Equal")),
    _object({"operator": st.just("Exists")}, key=_keys, effect=_effect),
    _object({"key": _keys, "effect": st.just("NoExecute"), "tolerationSeconds": st.integers(-1, 3600)}),
)
_spread = st.lists(
    st.one_of(
        _object({"maxSkew": st.integers(1, 9), "topologyKey": _keys, "whenUnsatisfiable": st.just("ScheduleAnyway")},
                labelSelector=_selector, nodeTaintsPolicy=st.sampled_from(["Honor", "Ignore"])),
        _object({"maxSkew": st.integers(1, 9), "topologyKey": _keys, "whenUnsatisfiable": st.just("DoNotSchedule")},
                minDomains=st.integers(1, 9)),
    ),
    max_size=2,
    unique_by=lambda each: (each["topologyKey"], each["whenUnsatisfiable"]),
)  # fmt: skip
placement = _object(
    {},
    nodeSelector=_labels,
    tolerations=st.lists(_toleration, max_size=2),
    affinity=_object({}, nodeAffinity=_nodes, podAffinity=_near, podAntiAffinity=_near),
    topologySpreadConstraints=_spread,
    priorityClassName=_names,
)

_mode = st.integers(0, 0o777)
_items = st.lists(_object({"key": _names, "path": _names}, mode=_mode), max_size=2, unique_by=lambda each: each["path"])
_sources = {
    "configMap": _object({"name": _names}, items=_items, defaultMode=_mode, optional=st.booleans()),
    "secret": _object({"secretName": _names}, items=_items, defaultMode=_mode, optional=st.booleans()),
    "persistentVolumeClaim": _object({"claimName": _names}, readOnly=st.booleans()),
    "emptyDir": _object({}, medium=st.sampled_from(["", "Memory"]), sizeLimit=st.just("64Mi")),
    "projected": _object({"sources": st.lists(st.builds(lambda name: {"secret": {"name": name}}, _names), min_size=1, max_size=2)}),
    "csi": _object({"driver": _names}, readOnly=st.booleans(), volumeAttributes=st.dictionaries(_names, _names, max_size=1)),
}  # fmt: skip
_source = st.one_of(*(st.fixed_dictionaries({name: source}) for name, source in _sources.items()))
_mount = _object({"mountPath": _names.map("/mnt/{}".format)}, subPath=_names, readOnly=st.booleans())
_volume = st.builds(lambda source, mount: {**source, **mount}, _source, _mount)
volumes = st.lists(_volume, max_size=3, unique_by=lambda each: each["mountPath"]).map(
    lambda found: {f"v{number}": each for number, each in enumerate(found)}
)
