# ruff: noqa: N815  names are Kubernetes' own
"""Types of Kubernetes' API as values of settings, spelt and limited as there.

The source of each limit is Kubernetes' validation (pkg/apis/core/validation/validation.go, 1.34): what it refuses, and what it accepts without effect.
"""

from collections.abc import Iterator
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, model_validator

from .fields import LabelKey, LabelValue, Line, Matching, ObjectName, Storage


class KubernetesType(BaseModel):
    """Closed and frozen; one leaf of the settings, with camelCase keys in programs too."""

    model_config = ConfigDict(frozen=True, extra="forbid")


DataKey = Annotated[str, Matching(r"^[-._a-zA-Z0-9]{1,253}$", "a key of letters, digits, -, _ and .")]
_Path = Annotated[
    str, Matching(r"^(?!/)((^|/)(?!\.{1,2}(/|$))[^/:\x00-\x1f\x7f]+)+$", "a relative path such as ca.crt")
]
_Mode = Annotated[int, Field(ge=0, le=0o777)]
_Seconds = Annotated[int, Field(strict=True)]
_Weight = Annotated[int, Field(ge=1, le=100)]
_Count = Annotated[int, Field(ge=1, le=2**31 - 1)]


def _not_empty(items: tuple[Any, ...]) -> tuple[Any, ...]:
    if not items:
        raise ValueError("is empty; give one or more")
    return items


_AT_LEAST_ONE = AfterValidator(_not_empty)


class Toleration(KubernetesType):
    """A taint that the pods tolerate."""

    key: LabelKey | None = None
    operator: Literal["Equal", "Exists"] | None = None
    value: LabelValue | None = None
    effect: Literal["NoSchedule", "PreferNoSchedule", "NoExecute"] | None = None
    tolerationSeconds: _Seconds | None = None

    @model_validator(mode="after")
    def _can_be_meant(self) -> Self:
        if not self.key and self.operator != "Exists":
            raise ValueError("needs a key; to tolerate every taint, set operator to Exists")
        if self.value and self.operator == "Exists":
            raise ValueError("has a value, which operator Exists ignores; leave it out, or set operator to Equal")
        if self.tolerationSeconds is not None and self.effect != "NoExecute":
            raise ValueError("has tolerationSeconds, which only effect NoExecute uses; leave it out")
        return self


class _Requirement(KubernetesType):
    key: LabelKey
    values: tuple[LabelValue, ...] = ()

    def _check_values(self, operator: str) -> None:
        if operator in ("In", "NotIn") and not self.values:
            raise ValueError(f"needs values for operator {operator}")
        if operator in ("Exists", "DoesNotExist") and self.values:
            raise ValueError(f"has values, which operator {operator} forbids; leave them out")


class NodeSelectorRequirement(_Requirement):
    """A condition on a node's label or field."""

    operator: Literal["In", "NotIn", "Exists", "DoesNotExist", "Gt", "Lt"]

    @model_validator(mode="after")
    def _values_of_operator(self) -> Self:
        self._check_values(self.operator)
        if self.operator in ("Gt", "Lt") and not (len(self.values) == 1 and self.values[0].isdigit()):
            raise ValueError(f"needs one whole number in quotes as its values for operator {self.operator}")
        return self


class NodeSelectorTerm(KubernetesType):
    """Conditions on a node, all of which must hold."""

    matchExpressions: tuple[NodeSelectorRequirement, ...] = ()
    matchFields: tuple[NodeSelectorRequirement, ...] = ()

    @model_validator(mode="after")
    def _matches_nodes(self) -> Self:
        if not self.matchExpressions and not self.matchFields:
            raise ValueError("has no condition, and matches no node; give matchExpressions")
        return self


class NodeSelector(KubernetesType):
    """Terms, one of which must match."""

    nodeSelectorTerms: Annotated[tuple[NodeSelectorTerm, ...], _AT_LEAST_ONE]


class PreferredSchedulingTerm(KubernetesType):
    """A preferred term with its weight."""

    weight: _Weight
    preference: NodeSelectorTerm


class NodeAffinity(KubernetesType):
    """Affinity to nodes."""

    requiredDuringSchedulingIgnoredDuringExecution: NodeSelector | None = None
    preferredDuringSchedulingIgnoredDuringExecution: tuple[PreferredSchedulingTerm, ...] = ()


class LabelSelectorRequirement(_Requirement):
    """A condition on a pod's or namespace's label."""

    operator: Literal["In", "NotIn", "Exists", "DoesNotExist"]

    @model_validator(mode="after")
    def _values_of_operator(self) -> Self:
        self._check_values(self.operator)
        return self


class LabelSelector(KubernetesType):
    """Labels of pods or namespaces."""

    matchLabels: dict[LabelKey, LabelValue] = {}
    matchExpressions: tuple[LabelSelectorRequirement, ...] = ()


class PodAffinityTerm(KubernetesType):
    """Pods, and the label of nodes that makes two of them near. Without `labelSelector` a term would match no pod."""

    topologyKey: LabelKey
    labelSelector: LabelSelector
    namespaceSelector: LabelSelector | None = None
    namespaces: tuple[ObjectName, ...] = ()
    matchLabelKeys: tuple[LabelKey, ...] = ()
    mismatchLabelKeys: tuple[LabelKey, ...] = ()


class WeightedPodAffinityTerm(KubernetesType):
    """A preferred term with its weight."""

    weight: _Weight
    podAffinityTerm: PodAffinityTerm


class PodAffinity(KubernetesType):
    """Affinity to other pods, or distance from them."""

    requiredDuringSchedulingIgnoredDuringExecution: tuple[PodAffinityTerm, ...] = ()
    preferredDuringSchedulingIgnoredDuringExecution: tuple[WeightedPodAffinityTerm, ...] = ()


class Affinity(KubernetesType):
    """Affinity of a pod."""

    nodeAffinity: NodeAffinity | None = None
    podAffinity: PodAffinity | None = None
    podAntiAffinity: PodAffinity | None = None


class TopologySpreadConstraint(KubernetesType):
    """Spread of pods over domains, such as zones."""

    maxSkew: _Count
    topologyKey: LabelKey
    whenUnsatisfiable: Literal["DoNotSchedule", "ScheduleAnyway"]
    labelSelector: LabelSelector | None = None
    matchLabelKeys: tuple[LabelKey, ...] = ()
    minDomains: _Count | None = None
    nodeAffinityPolicy: Literal["Honor", "Ignore"] | None = None
    nodeTaintsPolicy: Literal["Honor", "Ignore"] | None = None

    @model_validator(mode="after")
    def _domains_for_a_condition(self) -> Self:
        if self.minDomains and self.whenUnsatisfiable != "DoNotSchedule":
            raise ValueError("has minDomains, which needs whenUnsatisfiable DoNotSchedule; leave it out")
        return self


class KeyToPath(KubernetesType):
    """File of one key."""

    key: DataKey
    path: _Path
    mode: _Mode | None = None


class ConfigMapSource(KubernetesType):
    """ConfigMap as files."""

    name: ObjectName
    items: tuple[KeyToPath, ...] = ()
    defaultMode: _Mode | None = None
    optional: bool | None = None


class SecretSource(KubernetesType):
    """Secret as files."""

    secretName: ObjectName
    items: tuple[KeyToPath, ...] = ()
    defaultMode: _Mode | None = None
    optional: bool | None = None


class PersistentVolumeClaimSource(KubernetesType):
    """Existing claim."""

    claimName: ObjectName
    readOnly: bool | None = None


class EmptyDirSource(KubernetesType):
    """Empty directory of each pod."""

    medium: Literal["", "Memory"] | None = None
    sizeLimit: Storage | None = None


class ProjectedSource(KubernetesType):
    """Several sources in one directory, each an object of `configMap`, `secret`, `downwardAPI`, `serviceAccountToken` or `clusterTrustBundle`."""

    sources: Annotated[tuple[dict[str, dict[str, Any]], ...], _AT_LEAST_ONE]
    defaultMode: _Mode | None = None


class SecretReference(KubernetesType):
    """Name of a Secret."""

    name: ObjectName


class CsiSource(KubernetesType):
    """Ephemeral volume of a CSI driver."""

    driver: Line
    readOnly: bool | None = None
    fsType: Line | None = None
    volumeAttributes: dict[str, str] = {}
    nodePublishSecretRef: SecretReference | None = None


_REASONS = {
    "missing": "is required",
    "extra_forbidden": "is not a field of Kubernetes' API",
    "tuple_type": "must be a list",
    "string_type": "must be text; put it in quotes",
    **dict.fromkeys(("model_type", "dict_type"), "must be an object"),
    **dict.fromkeys(("int_type", "int_parsing", "int_parsing_size", "int_from_float"), "must be a whole number"),
}


def wrong_fields(type_: type[KubernetesType], value: object) -> Iterator[tuple[str, str]]:
    """What Kubernetes would refuse of a value of this type, or take without effect: the path below it, and the rest of a sentence."""
    try:
        type_.model_validate(value)
    except ValidationError as error:
        for each in error.errors():
            path = "".join(
                f"[{step}]" if isinstance(step, int) else f".{step}" for step in each["loc"] if step != "[key]"
            )
            reason = each["msg"].removeprefix("Value error, ").replace("Input should", "must")
            yield path, _REASONS.get(each["type"], reason)
