"""What a plugin tells the user while it works: messages that stay, and the status beside a resource's name.

As in logging/dedup_logger.go of the official provider, an operation says nothing twice.
"""

from collections.abc import Callable

Tell = Callable[[str, str, bool], None]
"""Severity, text, and whether it is a status, which the next one replaces."""


class OperationLog:
    """What one operation tells of one resource."""

    def __init__(self, tell: Tell = lambda severity, text, is_status: None) -> None:
        self.tell, self._sent = tell, set[tuple[str, str, bool]]()

    def status(self, severity: str, text: str) -> None:
        """Show what is going on."""
        self._once(severity, text, True)

    def message(self, severity: str, text: str) -> None:
        """Leave a message that stays."""
        self._once(severity, text, False)

    def clear(self) -> None:
        """Show no status any more."""
        self.tell("INFO", "", True)

    def _once(self, severity: str, text: str, is_status: bool) -> None:
        if (severity, text, is_status) not in self._sent:
            self._sent.add((severity, text, is_status))
            self.tell(severity, text, is_status)


class Engine:
    """The engine's end, at the address that it gave to the plugin."""

    def __init__(self, address: str) -> None:
        import grpc  # type: ignore[import-untyped]  # publishes no types
        from pulumi.runtime.proto import engine_pb2_grpc

        self._stub = engine_pb2_grpc.EngineStub(grpc.insecure_channel(address))

    def tell(self, urn: str, severity: str, text: str, is_status: bool) -> None:
        """Show something beside a resource or, unless it is a status, below them all."""
        from pulumi.runtime.proto.engine_pb2 import LogRequest, LogSeverity

        self._stub.Log(LogRequest(urn=urn, severity=LogSeverity.Value(severity), message=text, ephemeral=is_status))
