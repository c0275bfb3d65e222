"""Runs a Pulumi program against a recording engine: no CLI, no plugins, no cluster.

Built on the SDK's mocks. Their monitor is subclassed, because `Mocks` does not see a resource's parent, protection and dependencies. Two
private names of the SDK are used here only.
"""

import asyncio
import base64
import hashlib
import logging
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, NoReturn

import pulumi
from pulumi.runtime import rpc
from pulumi.runtime.mocks import MockCallArgs, MockMonitor, MockResourceArgs, Mocks

_STACK = "pulumi:pulumi:Stack"
_SECRET = "[secret]"  # noqa: S105  shown instead of a secret


@dataclass(frozen=True)
class RegisteredResource:
    """A resource as the program registered it. Secrets are plain text in `inputs` and `[secret]` in `shown`."""

    type: str
    name: str
    parent: str
    inputs: dict[str, Any]
    shown: dict[str, Any]
    protect: bool
    delete_before_replace: bool
    deleted_with: str
    provider: str
    depends_on: frozenset[str]


@dataclass(frozen=True)
class Recording:
    """Resources and outputs of one program, by URN."""

    resources: dict[str, RegisteredResource] = field(default_factory=dict)
    outputs: dict[str, dict[str, Any]] = field(default_factory=dict)

    def of_type(self, type_: str) -> list[RegisteredResource]:
        """The resources of one type, sorted by name."""
        return sorted((r for r in self.resources.values() if r.type == type_), key=lambda r: r.name)

    def only(self, type_: str) -> RegisteredResource:
        """The one resource of a type."""
        (found,) = self.of_type(type_)
        return found

    def named(self, name: str) -> RegisteredResource:
        """The one custom resource with this logical name. Components may share names."""
        (found,) = (r for r in self.resources.values() if r.name == name and not r.type.startswith("airflow:"))
        return found

    def urn(self, type_: str) -> str:
        """URN of the one resource of a type."""
        (found,) = (urn for urn, r in self.resources.items() if r.type == type_)
        return found

    def shown(self) -> str:
        """Everything that a preview or the state shows in plain text."""
        return repr([[r.shown for r in self.resources.values()], [_plain(o, _SECRET) for o in self.outputs.values()]])

    def outputs_of(self, type_: str) -> dict[str, Any]:
        """Outputs of the one component of a type, secrets in plain text."""
        plain: dict[str, Any] = _plain(self.outputs[self.urn(type_)])
        return plain


def with_name(inputs: Mapping[str, Any], name: str) -> dict[str, Any]:
    """Inputs of an object with `metadata.name`: the resource's name where Pulumi would generate one."""
    return {**inputs, "metadata": {"name": name, **inputs["metadata"]}}


def generated_outputs(type_: str, name: str, inputs: Mapping[str, Any]) -> dict[str, str]:
    """Outputs of random and TLS resources: different for each resource, the same in every run."""
    seed = hashlib.sha256(name.encode()).digest()
    match type_.split(":")[-1]:
        case "RandomPassword":
            return {"result": seed.hex()[: int(inputs["length"])]}
        case "PrivateKey":
            return {
                "privateKeyOpenssh": f"-----BEGIN OPENSSH PRIVATE KEY-----\n{seed.hex()}\n-----END OPENSSH PRIVATE KEY-----\n",
                "publicKeyOpenssh": f"ssh-ed25519 {base64.b64encode(seed).decode()}\n",
            }
    return {}


_SECRET_OUTPUTS = {"result", "privateKeyOpenssh"}


# Messages of the program. Without a handler Python would print them.
_LOG = logging.getLogger(__name__)
_LOG.addHandler(logging.NullHandler())


class _Echo(Mocks):
    """Outputs of every resource: its inputs, and generated values."""

    def new_resource(self, args: MockResourceArgs) -> tuple[str | None, dict[Any, Any]]:
        outputs = {
            key: {rpc._special_sig_key: rpc._special_secret_sig, "value": value} if key in _SECRET_OUTPUTS else value
            for key, value in generated_outputs(args.typ, args.name, args.inputs).items()
        }
        return f"{args.name}-id", {"status": {}, **args.inputs, **outputs}

    def call(self, args: MockCallArgs) -> NoReturn:
        raise AssertionError(f"the program must not call functions of providers, but called {args.token}")


class _Recorder(MockMonitor):
    def __init__(self, recording: Recording) -> None:
        super().__init__(_Echo())
        self._recording = recording

    def RegisterResource(self, request: Any) -> Any:  # noqa: N802, ANN401  the name and the types are gRPC's
        response = super().RegisterResource(request)  # type: ignore[no-untyped-call]
        if request.type != _STACK:
            if response.urn in self._recording.resources:
                raise AssertionError(f"duplicate URN {response.urn}")
            inputs = rpc.deserialize_properties(request.object)
            self._recording.resources[response.urn] = RegisteredResource(
                type=request.type,
                name=request.name,
                parent=request.parent,
                inputs=_plain(inputs),
                shown=_plain(inputs, _SECRET),
                protect=request.protect,
                delete_before_replace=request.deleteBeforeReplace,
                deleted_with=request.deletedWith,
                provider=request.provider,
                depends_on=frozenset(request.dependencies),
            )
        return response

    def RegisterResourceOutputs(self, request: Any) -> Any:  # noqa: N802, ANN401
        self._recording.outputs[request.urn] = rpc.deserialize_properties(request.outputs)
        return super().RegisterResourceOutputs(request)  # type: ignore[no-untyped-call]


def record(program: Callable[[], object], *, stack: str = "test", preview: bool = False) -> Recording:
    """Run `program` and return its resources and outputs, after all registrations.

    Args:
        program: Registers resources.
        stack: Name of the stack.
        preview: Whether `pulumi.runtime.is_dry_run()` is true.

    Raises:
        Exception: any exception of the program.
    """
    recording = Recording()

    def run() -> None:
        program()

    with _event_loop():
        monitor = _Recorder(recording)
        pulumi.runtime.set_mocks(_Echo(), project="airflow", stack=stack, preview=preview, logger=_LOG, monitor=monitor)
        pulumi.runtime.test(run)()
    return recording


@contextmanager
def _event_loop() -> Iterator[None]:
    """Python 3.14 no longer creates a loop on demand, and the SDK needs one to start."""
    loop = asyncio.new_event_loop()
    # The program's exception is raised; each output that depends on it would print it again, whenever it is collected.
    loop.set_exception_handler(lambda _loop, _context: None)
    asyncio.set_event_loop(loop)
    try:
        yield
    finally:
        # After a failure there are outputs that nothing awaits. A cancelled task may start others.
        while remaining := asyncio.all_tasks(loop):
            for task in remaining:
                task.cancel()
            loop.run_until_complete(asyncio.gather(*remaining, return_exceptions=True))
        loop.run_until_complete(loop.shutdown_asyncgens())
        loop.run_until_complete(loop.shutdown_default_executor())
        asyncio.set_event_loop(None)
        loop.close()


def _is_secret(value: object) -> bool:
    return isinstance(value, Mapping) and value.get(rpc._special_sig_key) == rpc._special_secret_sig


def _plain(value: Any, instead: str | None = None) -> Any:  # noqa: ANN401  any property of any resource
    """The value without the SDK's secret marks. `instead` replaces secrets."""
    if _is_secret(value):
        return instead or _plain(value["value"])
    if isinstance(value, Mapping):
        return {key: _plain(inner, instead) for key, inner in value.items()}
    return [_plain(inner, instead) for inner in value] if isinstance(value, list) else value
