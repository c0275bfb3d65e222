"""Interface of a stand-in: a provider is a table of resource types. Independent of gRPC (server.py) and of any cluster."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from sandbox.plugins.engine_log import OperationLog
from sandbox.plugins.property_values import Properties, changes, dotted, plain


class PluginError(Exception):
    """An error for the user. Nothing was changed, or the state already has the change."""


class InvalidInputError(PluginError):
    """An invalid input, found before any change. An empty property means that the reason is complete."""

    def __init__(self, prop: str, reason: str) -> None:
        super().__init__(reason)
        self.prop = prop


class NotReadyError(PluginError):
    """The object exists, so the engine must save it, but it is not ready.

    The first reason names the event, the others its causes. Without inputs, the engine saves those that it sent.
    """

    def __init__(self, id_: str, inputs: Properties | None, outputs: Properties, reasons: list[str]) -> None:
        super().__init__(reasons[0])
        self.id, self.inputs, self.outputs, self.reasons = id_, inputs, outputs, reasons


def accept_only(known: Iterable[str], keys: Iterable[str]) -> None:
    """Refuse inputs that the stand-in does not implement."""
    for key in sorted(set(keys) - set(known)):
        allowed = ", ".join(sorted(known)) or "nothing"
        raise InvalidInputError(key, f"the sandbox's stand-in plugin does not implement {key}. It accepts: {allowed}")


@dataclass(frozen=True)
class Request:
    """A request of the engine. The method decides which fields are set."""

    id: str = ""
    inputs: Properties = field(default_factory=dict)
    old_inputs: Properties = field(default_factory=dict)
    outputs: Properties = field(default_factory=dict)
    """Outputs in the state."""
    preview: bool = False
    timeout: float = 0  # seconds; 0 for the default of the resource type
    urn: str = ""
    seed: bytes = b""
    """Seed of an automatic name. Empty for a random one."""
    log: OperationLog = field(default_factory=OperationLog)

    @property
    def name(self) -> str:
        """Name of the resource in the program."""
        return self.urn.rpartition("::")[2]


@dataclass(frozen=True)
class ResourceDiff:
    """Difference between state and inputs."""

    paths: Mapping[str, tuple[str, bool]] = field(default_factory=dict)
    """Changed paths. Each has the kind of its change (ADD, UPDATE, DELETE), and whether the old value is an input."""
    replaces: list[str] = field(default_factory=list)
    """Paths that require a replacement. They need not be changed paths."""
    delete_first: bool = False
    """Whether the old object is deleted before the new one is created."""
    detailed: bool = True
    """Whether the preview shows the paths. Otherwise the engine compares the states as a whole."""


class ResourceType:
    """A type of resource. The defaults suit a value that exists only in the state and is replaced on each change."""

    defaults: Properties = {}
    """Default values of inputs. Setting one explicitly is no change."""

    def check(self, request: Request) -> Properties:
        """Complete the inputs.

        Raises:
            InvalidInputError: An input is invalid or not implemented.
        """
        raise NotImplementedError

    def diff(self, request: Request) -> ResourceDiff:
        """Compare the inputs with the state."""
        old, new = (self.defaults | plain(inputs) for inputs in (request.old_inputs, request.inputs))
        paths = {dotted(path): (kind, False) for path, kind in changes(old, new)}
        return ResourceDiff(paths, list(paths), detailed=False)

    def create(self, request: Request) -> tuple[str, Properties]:
        """Create the object, except in a preview. Returns id and outputs, as far as they are known."""
        raise NotImplementedError

    def read(self, request: Request) -> tuple[str, Properties, Properties] | None:
        """Id, inputs and outputs of the existing object. None if it no longer exists.

        A request without outputs is an import.
        """
        if not request.outputs:
            raise PluginError("the sandbox's stand-in plugin cannot import this type")
        return request.id, request.inputs, request.outputs

    def update(self, request: Request) -> Properties:
        """Update the object in place, except in a preview. Returns the outputs."""
        raise NotImplementedError

    def delete(self, request: Request) -> None:
        """Delete the object if it exists."""


class Provider:
    """Resource types by type token."""

    def __init__(self, name: str, resources: Mapping[str, ResourceType]) -> None:
        self.name, self.resources = name, resources

    def configure(self, settings: Mapping[str, str]) -> None:
        """Apply the provider's settings.

        Raises:
            InvalidInputError: A setting is not implemented.
        """
        accept_only((), settings)

    def cancel(self) -> None:
        """Cancel running operations that can be cancelled cleanly."""
