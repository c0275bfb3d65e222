"""Graphs of the resources that a program registers, as Mermaid text.

A recording is the only source: parents become boxes, dependencies become arrows. A dependency between resources of different components is drawn
between the components. An arrow that follows from others is left out.
"""

import re
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from graphlib import TopologicalSorter
from itertools import dropwhile

from airflow_stack.cli.recording import Recording
from tools.markdown import flowchart

Edge = tuple[str, str]
"""Two URNs: the second resource depends on the first."""


@dataclass(frozen=True)
class Graph:
    """Resources of one `Airflow`, with dependencies between siblings."""

    recording: Recording

    def components(self) -> str:
        """One box per part of `Airflow`, with the types of its resources."""
        (airflow,) = self._children("")
        parts = self._children(airflow)
        boxes = [self._box(part, *_counted(self._kind(inner) for inner in self._leaves(part))) for part in parts]
        return flowchart("LR", [*boxes, *self._arrows(parts)])

    def resources(self) -> str:
        """One box per resource, inside the box of its component."""
        return flowchart("TB", self._drawn(self._children("")))

    @cached_property
    def _edges(self) -> set[Edge]:
        """Dependencies between siblings, without those that follow from others."""
        direct: dict[str, set[str]] = {urn: set() for urn in self.recording.resources}
        for urn, resource in self.recording.resources.items():
            for dependency in resource.depends_on:
                if pair := self._siblings(dependency, urn):
                    direct[pair[1]].add(pair[0])
        return {(a, b) for b, before in direct.items() for a in before if not _follows(a, before - {a}, direct)}

    def _siblings(self, first: str, second: str) -> Edge | None:
        """The two resources, or their components, with a common parent. None if one contains the other."""
        pairs = zip(self._path(first), self._path(second), strict=False)
        return next(dropwhile(lambda pair: pair[0] == pair[1], pairs), None)

    def _path(self, urn: str) -> list[str]:
        resource = self.recording.resources.get(urn)
        return [*self._path(resource.parent), urn] if resource else []

    def _children(self, parent: str) -> list[str]:
        """Children in an order of creation, and by name where the order is free."""
        known = self.recording.resources
        below = sorted(urn for urn, r in known.items() if (r.parent if r.parent in known else "") == parent)
        before = {urn: [a for a, b in sorted(self._edges) if b == urn] for urn in below}
        return list(TopologicalSorter(before).static_order())

    def _leaves(self, urn: str) -> Iterator[str]:
        children = self._children(urn)
        for child in children:
            yield from self._leaves(child)
        if not children:
            yield urn

    def _drawn(self, siblings: list[str]) -> Iterator[str]:
        for urn in siblings:
            if children := self._children(urn):
                yield f'subgraph {self._id(urn)}["<b>{self._kind(urn)}</b> {self._name(urn)}"]'
                yield f"  direction {'LR' if self.recording.resources[urn].parent in self.recording.resources else 'TB'}"
                yield from (f"  {line}" for line in self._drawn(children))
                yield "end"
            else:
                yield self._box(urn, self._name(urn))
        yield from self._arrows(siblings)

    def _arrows(self, siblings: list[str]) -> list[str]:
        inner = [(a, b) for b in siblings for a in siblings if (a, b) in self._edges]
        return [f"{self._id(a)} --> {self._id(b)}" for a, b in inner]

    def _kind(self, urn: str) -> str:
        return self.recording.resources[urn].type.rpartition(":")[2]

    def _name(self, urn: str) -> str:
        return self.recording.resources[urn].name

    def _id(self, urn: str) -> str:
        return re.sub(r"\W", "_", f"{self._kind(urn)}_{self._name(urn)}")

    def _box(self, urn: str, *lines: str) -> str:
        return f'{self._id(urn)}["{"<br/>".join([f"<b>{self._kind(urn)}</b>", *lines])}"]'


def _follows(first: str, others: set[str], direct: dict[str, set[str]]) -> bool:
    """Whether one of the others depends on `first`, directly or indirectly."""
    return any(first in direct[other] or _follows(first, direct[other], direct) for other in others)


def _counted(kinds: Iterable[str]) -> list[str]:
    return [f"{count} {kind}" if count > 1 else kind for kind, count in sorted(Counter(kinds).items())]
