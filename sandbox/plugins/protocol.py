"""What a stand-in has to say for itself: a provider is a table of small `Resource`s.

Knows neither gRPC (server.py) nor any cloud.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from sandbox.plugins.wire import Path, Properties


class PluginError(Exception):
    """Something for the user to read. Nothing was changed, or the state tells already what was."""


class InvalidInputError(PluginError):
    """An input that can never be right; raised before anything is touched."""

    def __init__(self, prop: str, reason: str) -> None:
        super().__init__(reason)
        self.prop = prop


class NotReadyError(PluginError):
    """The object exists, so the engine must remember it, but it is not what it should be."""

    def __init__(self, id_: str, inputs: Properties, outputs: Properties, reasons: list[str]) -> None:
        super().__init__("\n".join(reasons))
        self.id, self.inputs, self.outputs, self.reasons = id_, inputs, outputs, reasons


def take_only(known: Iterable[str], given: Iterable[str]) -> None:
    """Refuse what the stand-in would not honour."""
    for key in sorted(set(given) - set(known)):
        raise InvalidInputError(key, f"the sandbox's stand-in takes only {', '.join(sorted(known))}, not {key}")


@dataclass(frozen=True)
class Subject:
    """What one request is about. Which fields are filled depends on the request."""

    id: str = ""
    inputs: Properties = field(default_factory=dict)
    old_inputs: Properties = field(default_factory=dict)
    outputs: Properties = field(default_factory=dict)
    preview: bool = False
    timeout: float = 0  # seconds; 0 leaves it to the resource


class Resource:
    """One kind of resource. The defaults suit a value that lives in state only and that any changed input replaces."""

    def check(self, subject: Subject) -> Properties:
        """Return the inputs completed, or raise `InvalidInputError`."""
        raise NotImplementedError

    def replaced_by(self, path: Path) -> bool:
        """Tell whether a change at this path needs a new object."""
        return True

    def delete_before_replace(self, subject: Subject) -> bool:
        """Tell whether a new object can only be made when the old one is gone."""
        return False

    def other_replacements(self, subject: Subject) -> list[str]:
        """Name reasons for a new object although no input changed."""
        return []

    def create(self, subject: Subject) -> tuple[str, Properties]:
        """Make the object; return its id and outputs. A preview only returns what it can know."""
        raise NotImplementedError

    def read(self, subject: Subject) -> tuple[str, Properties, Properties] | None:
        """Return id, inputs and outputs as they are now, or None when the object is gone.

        Without old outputs it is an import.
        """
        if not subject.outputs:
            raise PluginError("the sandbox's stand-in cannot import this type")
        return subject.id, subject.inputs, subject.outputs

    def update(self, subject: Subject) -> Properties:
        """Change the object in place; return its outputs. A preview changes nothing."""
        raise NotImplementedError

    def delete(self, subject: Subject) -> None:
        """Remove the object; that it is gone already is no error."""


class Provider:
    """A table of resources by their type tokens."""

    def __init__(self, name: str, resources: Mapping[str, Resource]) -> None:
        self.name, self.resources = name, resources

    def configure(self, settings: Mapping[str, str]) -> None:
        """Take the provider's settings, or raise `InvalidInputError`."""
        take_only((), settings)

    def cancel(self) -> None:
        """End what is under way, as far as it can be ended in order."""
