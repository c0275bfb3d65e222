"""Serves a `Provider` to the Pulumi engine over gRPC, and exits with the engine.

Translates messages, errors and partial failures, and removes secrets from errors. Functions, components and schemas need the official plugin.
"""
# ruff: noqa: N802  (provider.proto names the methods)

import json
import os
import signal
import sys
import traceback
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any, cast

import grpc  # type: ignore[import-untyped]  # publishes no types
from google.protobuf.empty_pb2 import Empty
from google.protobuf.json_format import MessageToDict, MessageToJson
from google.protobuf.message import Message
from google.protobuf.struct_pb2 import Struct
from pulumi.runtime.proto import provider_pb2 as pb
from pulumi.runtime.proto import provider_pb2_grpc, status_pb2
from pulumi.runtime.proto.plugin_pb2 import PluginInfo

from sandbox.plugins.engine_log import Engine, OperationLog
from sandbox.plugins.property_values import Properties, redacted
from sandbox.plugins.protocol import InvalidInputError, NotReadyError, PluginError, Provider, Request, ResourceType

_MESSAGE_LIMIT = 400 * 1024 * 1024  # bytes, as in the engine
_THREADS = 64  # most of them wait


def serve(provider: Provider, address: str) -> None:
    """Print the port, then serve until the engine at `address` exits or sends SIGTERM."""
    options = [("grpc.max_receive_message_length", _MESSAGE_LIMIT)]
    server = grpc.server(ThreadPoolExecutor(_THREADS), options=options)
    guarded = cast(_Servicer, _Guarded(_Servicer(provider, Engine(address)), provider.name))
    provider_pb2_grpc.add_ResourceProviderServicer_to_server(guarded, server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    print(port, flush=True)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    engine = os.getppid()
    try:
        while os.getppid() == engine:
            server.wait_for_termination(timeout=1)
    finally:
        provider.cancel()
        os._exit(0)  # does not wait for threads that wait for the cluster


class _Guarded:
    """Turns exceptions into gRPC errors without the secrets of the request."""

    def __init__(self, servicer: "_Servicer", plugin: str) -> None:
        self._servicer, self._plugin = servicer, plugin

    def __getattr__(self, name: str) -> Callable[..., Message]:
        return partial(self._call, getattr(self._servicer, name))

    def _call(self, method: Callable[..., Message], request: Message, context: grpc.ServicerContext) -> Message:
        def safe(text: object) -> str:
            return redacted(str(text), MessageToDict(request))

        status = grpc.StatusCode.UNKNOWN
        try:
            return method(request, context)
        except NotReadyError as error:
            message = safe(error)
            context.set_trailing_metadata(
                (("grpc-status-details-bin", _init_failed(error, [safe(r) for r in error.reasons])),)
            )
        except PluginError as error:
            message = safe(error)
        except NotImplementedError:  # an optional method, such as Handshake
            status = grpc.StatusCode.UNIMPLEMENTED
            message = f"not implemented by the sandbox's stand-in for the {self._plugin} plugin"
        except Exception as error:
            traceback.print_exc()
            status = grpc.StatusCode.INTERNAL
            message = f"bug in the sandbox's stand-in for the {self._plugin} plugin: "
            message += safe(f"{type(error).__name__}: {error}")
        context.abort(status, message)
        raise AssertionError("abort raises")


def _init_failed(error: NotReadyError, reasons: list[str]) -> bytes:
    status = status_pb2.Status(code=grpc.StatusCode.UNKNOWN.value[0], message=reasons[0])
    inputs = None if error.inputs is None else _struct(error.inputs)
    detail = pb.ErrorResourceInitFailed(id=error.id, properties=_struct(error.outputs), inputs=inputs, reasons=reasons)
    status.details.add().Pack(detail)
    return status.SerializeToString()


class _Servicer(provider_pb2_grpc.ResourceProviderServicer):
    def __init__(self, provider: Provider, engine: Engine) -> None:
        self._provider, self._engine = provider, engine

    def GetPluginInfo(self, request: Empty, context: object) -> PluginInfo:
        return PluginInfo(version="999.0.0-standin")  # the engine warns if the SDK is newer

    def Configure(self, request: pb.ConfigureRequest, context: object) -> pb.ConfigureResponse:
        prefix = f"{self._provider.name}:config:"
        self._provider.configure({k.removeprefix(prefix): v for k, v in request.variables.items()})
        return pb.ConfigureResponse(acceptSecrets=True, supportsPreview=True)

    def Check(self, request: pb.CheckRequest, context: object) -> pb.CheckResponse:
        parsed = self._parsed(request, request.news, request.olds)
        try:
            return pb.CheckResponse(inputs=_struct(self._resource(request).check(parsed)))
        except InvalidInputError as error:
            return pb.CheckResponse(failures=[pb.CheckFailure(property=error.prop, reason=str(error))])

    def Diff(self, request: pb.DiffRequest, context: object) -> pb.DiffResponse:
        parsed = self._parsed(request, request.news, request.old_inputs, request.olds)
        found = self._resource(request).diff(parsed)
        response = pb.DiffResponse(changes=pb.DiffResponse.DIFF_NONE, hasDetailedDiff=found.detailed)
        response.diffs.extend([] if found.detailed else found.paths)
        for path, (kind, of_inputs) in found.paths.items() if found.detailed else ():
            detail = response.detailedDiff[path]
            detail.kind = pb.PropertyDiff.Kind.Value(kind + ("_REPLACE" if path in found.replaces else ""))
            detail.inputDiff = of_inputs
        response.replaces.extend(found.replaces)
        if found.paths or found.replaces:
            response.changes = pb.DiffResponse.DIFF_SOME
        response.deleteBeforeReplace = found.delete_first
        return response

    def Create(self, request: pb.CreateRequest, context: object) -> pb.CreateResponse:
        id_, outputs = self._resource(request).create(self._parsed(request, request.properties))
        return pb.CreateResponse(id="" if request.preview else id_, properties=_struct(outputs))

    def Read(self, request: pb.ReadRequest, context: object) -> pb.ReadResponse:
        parsed = self._parsed(request, request.inputs, request.inputs, request.properties)
        found = self._resource(request).read(parsed)
        if found is None:
            return pb.ReadResponse()
        id_, inputs, outputs = found
        return pb.ReadResponse(id=id_, inputs=_struct(inputs), properties=_struct(outputs))

    def Update(self, request: pb.UpdateRequest, context: object) -> pb.UpdateResponse:
        parsed = self._parsed(request, request.news, request.old_inputs, request.olds)
        return pb.UpdateResponse(properties=_struct(self._resource(request).update(parsed)))

    def Delete(self, request: pb.DeleteRequest, context: object) -> Empty:
        parsed = self._parsed(request, request.old_inputs, request.old_inputs, request.properties)
        self._resource(request).delete(parsed)
        return Empty()

    def Cancel(self, request: Empty, context: object) -> Empty:
        self._provider.cancel()
        return Empty()

    def _resource(self, request: Any) -> ResourceType:  # noqa: ANN401  each request has its own message type
        found = self._provider.resources.get(request.type)
        if found is None:
            raise PluginError(
                f"the sandbox's stand-in for the {self._provider.name} plugin does not implement {request.type}. "
                f"It implements: {', '.join(self._provider.resources)}. Other types need the official plugin."
            )
        return found

    def _parsed(
        self,
        request: Any,  # noqa: ANN401  as above
        inputs: Struct,
        old_inputs: Struct | None = None,
        outputs: Struct | None = None,
    ) -> Request:
        return Request(
            id=getattr(request, "id", ""),
            inputs=_dict(inputs),
            old_inputs=_dict(old_inputs),
            outputs=_dict(outputs),
            preview=getattr(request, "preview", False),
            timeout=getattr(request, "timeout", 0),
            urn=request.urn,
            seed=getattr(request, "randomSeed", b""),
            log=self._log(request),
        )

    def _log(self, request: Any) -> OperationLog:  # noqa: ANN401  as above
        """Log of a request. Its secrets are redacted."""

        def send(severity: str, text: str, is_status: bool) -> None:
            self._engine.send(request.urn, severity, redacted(text, MessageToDict(request)), is_status)

        return OperationLog(send)


def _dict(message: Struct | None) -> Properties:
    return dict(json.loads(MessageToJson(message), parse_float=_number)) if message else {}


def _number(text: str) -> float:
    """Whole numbers as `int`: a Struct has only floats, but Kubernetes distinguishes them."""
    number = float(text)
    return int(number) if number.is_integer() else number


def _struct(properties: Properties) -> Struct:
    message = Struct()
    message.update(properties)
    return message
