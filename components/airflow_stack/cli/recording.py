"""Runs a piece of a Pulumi program against a recording engine: no CLI, no plugins, no cluster.

Built on the SDK's mocks, whose monitor is subclassed because `Mocks` cannot see a resource's parent, protection or dependencies. The
two private names of the SDK that this takes are used nowhere else.
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
_SECRET = "[secret]"  # noqa: S105  what is shown of a secret


@dataclass(frozen=True)
class Registered:
    """A resource as the engine was asked to create it; secrets stand in `inputs` in plain text, in `shown` as `[secret]`."""

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
    """Everything that one program registered, by URN."""

    resources: dict[str, Registered] = field(default_factory=dict)
    outputs: dict[str, dict[str, Any]] = field(default_factory=dict)

    def of_type(self, type_: str) -> list[Registered]:
        """The resources of one type, by name."""
        return sorted((r for r in self.resources.values() if r.type == type_), key=lambda r: r.name)

    def only(self, type_: str) -> Registered:
        """The one resource of a type."""
        (found,) = self.of_type(type_)
        return found

    def named(self, name: str) -> Registered:
        """The one custom resource with this logical name; components share names with each other."""
        (found,) = (r for r in self.resources.values() if r.name == name and not r.type.startswith("airflow:"))
        return found

    def urn(self, type_: str) -> str:
        """URN of the one resource of a type."""
        (found,) = (urn for urn, r in self.resources.items() if r.type == type_)
        return found

    def shown(self) -> str:
        """Everything that a preview or the state would show in plain text."""
        return repr([[r.shown for r in self.resources.values()], [_plain(o, _SECRET) for o in self.outputs.values()]])

    def outputs_of(self, type_: str) -> dict[str, Any]:
        """What the one component of a type registered as its outputs, secrets in plain text."""
        plain: dict[str, Any] = _plain(self.outputs[self.urn(type_)])
        return plain


def named(inputs: Mapping[str, Any], name: str) -> dict[str, Any]:
    """The inputs of an object with a name; where Pulumi is to make one up, that of the resource stands for it."""
    return {**inputs, "metadata": {"name": name, **inputs["metadata"]}}


def made_up(type_: str, name: str, inputs: Mapping[str, Any]) -> dict[str, str]:
    """Outputs of the random and TLS resources: a different value for each resource, the same in every run."""
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


# What a program tells whoever deploys it. Without a handler Python prints it; who records says what is worth it.
_LOG = logging.getLogger(__name__)
_LOG.addHandler(logging.NullHandler())


class _Echo(Mocks):
    """Gives every resource its own inputs back, and what its provider would have made up."""

    def new_resource(self, args: MockResourceArgs) -> tuple[str | None, dict[Any, Any]]:
        outputs = {
            key: {rpc._special_sig_key: rpc._special_secret_sig, "value": value} if key in _SECRET_OUTPUTS else value
            for key, value in made_up(args.typ, args.name, args.inputs).items()
        }
        return f"{args.name}-id", {"status": {}, **args.inputs, **outputs}

    def call(self, args: MockCallArgs) -> NoReturn:
        raise AssertionError(f"nothing should be looked up, yet {args.token} was called")


class _Recorder(MockMonitor):
    def __init__(self, seen: Recording) -> None:
        super().__init__(_Echo())
        self._seen = seen

    def RegisterResource(self, request: Any) -> Any:  # noqa: N802, ANN401  the name and the types are gRPC's
        response = super().RegisterResource(request)  # type: ignore[no-untyped-call]
        if request.type != _STACK:
            if response.urn in self._seen.resources:
                raise AssertionError(f"duplicate URN {response.urn}")
            inputs = rpc.deserialize_properties(request.object)
            self._seen.resources[response.urn] = Registered(
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
        self._seen.outputs[request.urn] = rpc.deserialize_properties(request.outputs)
        return super().RegisterResourceOutputs(request)  # type: ignore[no-untyped-call]


def record(program: Callable[[], object], *, stack: str = "test", preview: bool = False) -> Recording:
    """Run `program`; return what it registered, once every registration has landed.

    Raises:
        Exception: whatever the program raises.
    """
    seen = Recording()

    def run() -> None:
        program()

    with _event_loop():
        monitor = _Recorder(seen)
        pulumi.runtime.set_mocks(_Echo(), project="airflow", stack=stack, preview=preview, logger=_LOG, monitor=monitor)
        pulumi.runtime.test(run)()
    return seen


@contextmanager
def _event_loop() -> Iterator[None]:
    """Python 3.14 no longer makes a loop on demand, and the SDK needs one to start."""
    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    try:
        yield
    finally:
        # A program that failed leaves outputs that nothing awaits.
        for task in (left := asyncio.all_tasks(loop)):
            task.cancel()
        loop.run_until_complete(asyncio.gather(*left, return_exceptions=True))
        asyncio.set_event_loop(None)
        loop.close()


def _is_secret(value: object) -> bool:
    return isinstance(value, Mapping) and value.get(rpc._special_sig_key) == rpc._special_secret_sig


def _plain(value: Any, instead: str | None = None) -> Any:  # noqa: ANN401  any property of any resource
    """The value without the SDK's marks of secrets, which are shown or replaced."""
    if _is_secret(value):
        return instead or _plain(value["value"])
    if isinstance(value, Mapping):
        return {key: _plain(inner, instead) for key, inner in value.items()}
    return [_plain(inner, instead) for inner in value] if isinstance(value, list) else value
