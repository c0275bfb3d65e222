"""Messages of a plugin to the user: log lines, and the status beside a resource's name.

As in logging/dedup_logger.go of the official provider, an operation repeats no message.
"""

from collections.abc import Callable

Send = Callable[[str, str, bool], None]
"""Takes severity, text, and whether the text is a status, which the next status replaces."""


class OperationLog:
    """Messages of one operation on one resource."""

    def __init__(self, send: Send = lambda severity, text, is_status: None) -> None:
        self.send, self._sent = send, set[tuple[str, str, bool]]()

    def status(self, severity: str, text: str) -> None:
        """Show a status, once."""
        self._once(severity, text, True)

    def message(self, severity: str, text: str) -> None:
        """Log a message, once."""
        self._once(severity, text, False)

    def clear(self) -> None:
        """Remove the status."""
        self.send("INFO", "", True)

    def _once(self, severity: str, text: str, is_status: bool) -> None:
        if (severity, text, is_status) not in self._sent:
            self._sent.add((severity, text, is_status))
            self.send(severity, text, is_status)


class Engine:
    """Connection to the engine."""

    def __init__(self, address: str) -> None:
        import grpc  # type: ignore[import-untyped]  # publishes no types
        from pulumi.runtime.proto import engine_pb2_grpc

        self._stub = engine_pb2_grpc.EngineStub(grpc.insecure_channel(address))

    def send(self, urn: str, severity: str, text: str, is_status: bool) -> None:
        """Show a status beside a resource, or a message below all resources."""
        from pulumi.runtime.proto.engine_pb2 import LogRequest, LogSeverity

        self._stub.Log(LogRequest(urn=urn, severity=LogSeverity.Value(severity), message=text, ephemeral=is_status))
