"""What a stand-in has to say for itself: a provider is a table of small `Resource`s.

Knows neither gRPC (server.py) nor any cloud.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from sandbox.plugins.engine_log import OperationLog
from sandbox.plugins.property_values import Properties, changes, dotted, plain


class PluginError(Exception):
    """Something for the user to read. Nothing was changed, or the state tells already what was."""


class InvalidInputError(PluginError):
    """An input that can never be right; raised before anything is touched. Without a property the reason says it all."""

    def __init__(self, prop: str, reason: str) -> None:
        super().__init__(reason)
        self.prop = prop


class NotReadyError(PluginError):
    """The object exists, so the engine must remember it, but it is not what it should be.

    The first reason says what happened, the others what is known about why. Without inputs the engine keeps those it sent.
    """

    def __init__(self, id_: str, inputs: Properties | None, outputs: Properties, reasons: list[str]) -> None:
        super().__init__(reasons[0])
        self.id, self.inputs, self.outputs, self.reasons = id_, inputs, outputs, reasons


def take_only(known: Iterable[str], given: Iterable[str]) -> None:
    """Refuse what the stand-in would not honour."""
    for key in sorted(set(given) - set(known)):
        raise InvalidInputError(key, f"the sandbox's stand-in takes only {', '.join(sorted(known))}, not {key}")


@dataclass(frozen=True)
class Request:
    """What one request is about. Which fields are filled depends on the request."""

    id: str = ""
    inputs: Properties = field(default_factory=dict)
    old_inputs: Properties = field(default_factory=dict)
    outputs: Properties = field(default_factory=dict)
    """As the state has them."""
    preview: bool = False
    timeout: float = 0  # seconds; 0 leaves it to the resource
    urn: str = ""
    seed: bytes = b""
    """What a made-up name is to be made of, where the engine wants the same one again."""
    log: OperationLog = field(default_factory=OperationLog)

    @property
    def name(self) -> str:
        """The resource's name in the program."""
        return self.urn.rpartition("::")[2]


@dataclass(frozen=True)
class ResourceDiff:
    """What changes. A path has the kind of its change (ADD, UPDATE, DELETE), and whether the old value is an input's."""

    paths: Mapping[str, tuple[str, bool]] = field(default_factory=dict)
    replaces: list[str] = field(default_factory=list)
    """The paths for which a new object is needed; of those that are no changed path the user sees no value."""
    delete_first: bool = False
    detailed: bool = True
    """Whether the user sees the paths; else the engine compares the states as a whole."""


class ResourceType:
    """One kind of resource. The defaults suit a value that lives in state only and that any changed input replaces."""

    def check(self, subject: Request) -> Properties:
        """Return the inputs completed, or raise `InvalidInputError`."""
        raise NotImplementedError

    def diff(self, subject: Request) -> ResourceDiff:
        """Compare the inputs with the state."""
        old, new = plain(subject.old_inputs), plain(subject.inputs)
        paths = {dotted(path): (kind, True) for path, kind in changes(old, new)}
        return ResourceDiff(paths, list(paths))

    def create(self, subject: Request) -> tuple[str, Properties]:
        """Make the object; return its id and outputs. A preview only returns what it can know."""
        raise NotImplementedError

    def read(self, subject: Request) -> tuple[str, Properties, Properties] | None:
        """Return id, inputs and outputs as they are now, or None when the object is gone.

        Without old outputs it is an import.
        """
        if not subject.outputs:
            raise PluginError("the sandbox's stand-in cannot import this type")
        return subject.id, subject.inputs, subject.outputs

    def update(self, subject: Request) -> Properties:
        """Change the object in place; return its outputs. A preview changes nothing."""
        raise NotImplementedError

    def delete(self, subject: Request) -> None:
        """Remove the object; that it is gone already is no error."""


class Provider:
    """A table of resources by their type tokens."""

    def __init__(self, name: str, resources: Mapping[str, ResourceType]) -> None:
        self.name, self.resources = name, resources

    def configure(self, settings: Mapping[str, str]) -> None:
        """Take the provider's settings, or raise `InvalidInputError`."""
        take_only((), settings)

    def cancel(self) -> None:
        """End what is under way, as far as it can be ended in order."""
