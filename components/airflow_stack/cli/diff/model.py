"""The data of a comparison: two renderings of a stack, their differences, and the effects of these. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from enum import IntEnum
from typing import Any

Manifest = dict[str, Any]
PlainSettings = Mapping[str, Any]
"""Settings of a stack with the names of a stack file and with defaults; no secrets."""


class Severity(IntEnum):
    """Severity of a change; the value is the command's exit status."""

    NONE = 0
    CHANGE = 2
    DANGEROUS = 3


@dataclass(frozen=True)
class Effect:
    """One effect of a change, as a sentence; values in it have backquotes."""

    kind: str
    text: str
    severity: Severity = Severity.CHANGE


def dangerous(kind: str, text: str) -> Effect:
    """An effect that may lose data, kill tasks or cause an outage, or a change that will fail."""
    return Effect(kind, text, Severity.DANGEROUS)


@dataclass(frozen=True)
class RenderedStack:
    """One rendering of one stack."""

    settings: PlainSettings
    objects: Mapping[str, Manifest]
    """Manifests by `Kind/name`, with digests instead of the values of Secrets."""
    protected: frozenset[str] = frozenset()
    """Objects that Pulumi refuses to delete."""
    released: frozenset[str] = frozenset()
    """Objects of the Helm release."""
    reencrypted: frozenset[str] = frozenset()
    """Secret settings with another encrypted text than in the base."""


@dataclass(frozen=True)
class FieldChange:
    """A field that differs; None: it is absent."""

    path: str
    old: str | None
    new: str | None


@dataclass(frozen=True)
class ObjectChange:
    """An object that differs."""

    key: str
    """`Kind/name`."""
    what: str
    """`added`, `removed` or `changed`."""
    fields: tuple[FieldChange, ...] = ()
    """Empty for a changed object: only its checksums differ."""


@dataclass(frozen=True)
class Totals:
    """Sums of one rendering: CPUs, and bytes of memory and volumes."""

    cpu_requests: Decimal = Decimal()
    cpu_limits: Decimal = Decimal()
    memory_requests: Decimal = Decimal()
    memory_limits: Decimal = Decimal()
    volumes: Decimal = Decimal()
    task_cpu: Decimal = Decimal()
    """Request of one task pod."""
    task_memory: Decimal = Decimal()
    """Request of one task pod."""


@dataclass(frozen=True)
class StackDiff:
    """Result for one stack."""

    stack: str
    effects: tuple[Effect, ...] = ()
    """The dangerous ones first."""
    settings: tuple[FieldChange, ...] = ()
    objects: tuple[ObjectChange, ...] = ()
    before: Totals = field(default_factory=Totals)
    after: Totals = field(default_factory=Totals)

    @property
    def severity(self) -> Severity:
        """The highest severity of the effects."""
        return max((effect.severity for effect in self.effects), default=Severity.NONE)
