"""Serves a `Provider` to the Pulumi engine over gRPC, and ends with it.

Owns the translation of messages, errors and partial failures, and keeps secrets out of every
error. Functions, components and schemas are not served: a program that needs those needs the
official plugin.
"""
# ruff: noqa: N802  (the methods are named by provider.proto)

import json
import os
import signal
import sys
import traceback
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

import grpc  # type: ignore[import-untyped]  # publishes no types
from google.protobuf.empty_pb2 import Empty
from google.protobuf.json_format import MessageToDict, MessageToJson
from google.protobuf.message import Message
from google.protobuf.struct_pb2 import Struct
from pulumi.runtime.proto import provider_pb2 as pb
from pulumi.runtime.proto import provider_pb2_grpc, status_pb2
from pulumi.runtime.proto.plugin_pb2 import PluginInfo

from sandbox.plugins.protocol import InvalidInputError, NotReadyError, PluginError, Provider, Resource, Subject
from sandbox.plugins.wire import Path, Properties, changes, dotted, plain, redacted

_MESSAGE_LIMIT = 400 * 1024 * 1024  # bytes, as in the engine
_THREADS = 64  # most of them sleep in an await


def serve(provider: Provider) -> None:
    """Print the port, then serve until the engine is gone or asks to end."""
    server = grpc.server(
        ThreadPoolExecutor(_THREADS),
        interceptors=[_Errors(provider.name)],
        options=[("grpc.max_receive_message_length", _MESSAGE_LIMIT)],
    )
    provider_pb2_grpc.add_ResourceProviderServicer_to_server(_Servicer(provider), server)
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
        os._exit(0)  # a thread that still waits for a cluster must not keep the process


class _Errors(grpc.ServerInterceptor):  # type: ignore[misc]  # publishes no types
    """Turns exceptions into what the engine shows, with no secret of the request in it."""

    def __init__(self, plugin: str) -> None:
        self._plugin = plugin

    def intercept_service(self, continuation: Callable[[object], Any], call: object) -> object:
        handler = continuation(call)
        if handler is None or not handler.unary_unary:
            return handler
        return grpc.unary_unary_rpc_method_handler(
            partial(self._call, handler.unary_unary), handler.request_deserializer, handler.response_serializer
        )

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
        except NotImplementedError:  # a method that the engine can do without, such as Handshake
            status = grpc.StatusCode.UNIMPLEMENTED
            message = f"not part of the sandbox's stand-in for the {self._plugin} plugin"
        except Exception as error:
            traceback.print_exc()
            status = grpc.StatusCode.INTERNAL
            message = f"a fault in the sandbox's stand-in for the {self._plugin} plugin: "
            message += safe(f"{type(error).__name__}: {error}")
        context.abort(status, message)
        raise AssertionError("abort raises")


def _init_failed(error: NotReadyError, reasons: list[str]) -> bytes:
    status = status_pb2.Status(code=grpc.StatusCode.UNKNOWN.value[0], message="; ".join(reasons))
    detail = pb.ErrorResourceInitFailed(
        id=error.id, properties=_struct(error.outputs), inputs=_struct(error.inputs), reasons=reasons
    )
    status.details.add().Pack(detail)
    return status.SerializeToString()


class _Servicer(provider_pb2_grpc.ResourceProviderServicer):
    def __init__(self, provider: Provider) -> None:
        self._provider = provider

    def GetPluginInfo(self, request: Empty, context: object) -> PluginInfo:
        return PluginInfo(version="999.0.0-standin")  # the engine warns of one below the SDK's

    def GetSchema(self, request: object, context: object) -> pb.GetSchemaResponse:
        return pb.GetSchemaResponse(schema=f'{{"name": "{self._provider.name}"}}')

    def CheckConfig(self, request: pb.CheckRequest, context: object) -> pb.CheckResponse:
        return _checked(lambda: self._provider.check_settings(_dict(request.news)))

    def DiffConfig(self, request: pb.DiffRequest, context: object) -> pb.DiffResponse:
        found = changes(plain(_dict(request.old_inputs)), plain(_dict(request.news)))
        return _diff(found, replaced_by=lambda path: False)

    def Configure(self, request: pb.ConfigureRequest, context: object) -> pb.ConfigureResponse:
        prefix = f"{self._provider.name}:config:"
        self._provider.configure({k.removeprefix(prefix): v for k, v in request.variables.items()})
        return pb.ConfigureResponse(acceptSecrets=True, supportsPreview=True)

    def Check(self, request: pb.CheckRequest, context: object) -> pb.CheckResponse:
        subject = self._subject(request, inputs=request.news, old_inputs=request.olds)
        return _checked(lambda: self._resource(subject).check(subject))

    def Diff(self, request: pb.DiffRequest, context: object) -> pb.DiffResponse:
        subject = self._subject(request, request.news, request.old_inputs, request.olds)
        resource = self._resource(subject)
        found = changes(plain(subject.old_inputs), plain(subject.inputs))
        response = _diff(found, replaced_by=partial(resource.replaced_by, subject))
        response.replaces.extend(resource.other_replacements(subject))
        if response.replaces:
            response.changes = pb.DiffResponse.DIFF_SOME
            response.deleteBeforeReplace = resource.delete_before_replace(subject)
        return response

    def Create(self, request: pb.CreateRequest, context: object) -> pb.CreateResponse:
        subject = self._subject(request, inputs=request.properties)
        id_, outputs = self._resource(subject).create(subject)
        return pb.CreateResponse(id="" if request.preview else id_, properties=_struct(outputs))

    def Read(self, request: pb.ReadRequest, context: object) -> pb.ReadResponse:
        subject = self._subject(request, request.inputs, request.inputs, request.properties)
        found = self._resource(subject).read(subject)
        if found is None:
            return pb.ReadResponse()
        id_, inputs, outputs = found
        return pb.ReadResponse(id=id_, inputs=_struct(inputs), properties=_struct(outputs))

    def Update(self, request: pb.UpdateRequest, context: object) -> pb.UpdateResponse:
        subject = self._subject(request, request.news, request.old_inputs, request.olds)
        return pb.UpdateResponse(properties=_struct(self._resource(subject).update(subject)))

    def Delete(self, request: pb.DeleteRequest, context: object) -> Empty:
        old = request.old_inputs
        subject = self._subject(request, old, old, request.properties)
        self._resource(subject).delete(subject)
        return Empty()

    def Cancel(self, request: Empty, context: object) -> Empty:
        self._provider.cancel()
        return Empty()

    def Invoke(self, request: pb.InvokeRequest, context: object) -> pb.InvokeResponse:
        raise self._refused(f"function {request.tok}")

    def _subject(
        self,
        request: Any,  # noqa: ANN401  every request has a message type of its own
        inputs: Struct,
        old_inputs: Struct | None = None,
        outputs: Struct | None = None,
    ) -> Subject:
        return Subject(
            type=request.type,
            name=request.name,
            id=getattr(request, "id", ""),
            inputs=_dict(inputs),
            old_inputs=_dict(old_inputs),
            outputs=_dict(outputs),
            preview=getattr(request, "preview", False),
            timeout=getattr(request, "timeout", 0),
        )

    def _resource(self, subject: Subject) -> Resource:
        found = self._provider.resource(subject.type)
        if found is None:
            raise self._refused(f"type {subject.type}")
        return found

    def _refused(self, what: str) -> PluginError:
        return PluginError(
            f"the {what} is not implemented: this is the sandbox's stand-in for the "
            f"{self._provider.name} plugin, and it knows only "
            f"{', '.join(self._provider.implemented)}. Use the official plugin for anything else."
        )


def _dict(message: Struct | None) -> Properties:
    return dict(json.loads(MessageToJson(message), parse_float=_number)) if message else {}


def _number(text: str) -> float:
    """Give whole numbers back as such: a Struct knows only floats, Kubernetes tells them apart."""
    number = float(text)
    return int(number) if number.is_integer() else number


def _struct(properties: Properties) -> Struct:
    message = Struct()
    message.update(properties)
    return message


def _checked(check: Callable[[], Properties]) -> pb.CheckResponse:
    try:
        return pb.CheckResponse(inputs=_struct(check()))
    except InvalidInputError as error:
        failure = pb.CheckFailure(property=error.prop, reason=str(error))
        return pb.CheckResponse(failures=[failure])


def _diff(found: Iterable[tuple[Path, str]], replaced_by: Callable[[Path], bool]) -> pb.DiffResponse:
    response = pb.DiffResponse(changes=pb.DiffResponse.DIFF_NONE, hasDetailedDiff=True)
    for path, kind in found:
        replaces = replaced_by(path)
        detail = response.detailedDiff[dotted(path)]
        detail.kind = pb.PropertyDiff.Kind.Value(kind + ("_REPLACE" if replaces else ""))
        detail.inputDiff = True
        response.changes = pb.DiffResponse.DIFF_SOME
        response.diffs.append(str(path[0]))
        if replaces:
            response.replaces.append(dotted(path))
    return response
