"""Relays ports of this machine's loopback to the same ports of a node's loopback: `relay.py PID PORT...`.

The relay listens here, enters the network namespace of process PID, and connects there. It changes nothing in the machine's network, and
accepts connections only from this machine.
"""

import asyncio
import ctypes
import os
import socket
import sys
from contextlib import suppress
from functools import partial
from pathlib import Path


def main(pid: int, ports: list[int]) -> None:
    """Relay until terminated."""
    listeners = [socket.create_server(("127.0.0.1", port), backlog=128) for port in ports]
    enter_network(pid)
    asyncio.run(_serve(listeners))


def enter_network(pid: int) -> None:
    """Move this thread into the network of a process. Open sockets keep their network. Needs root."""
    with Path(f"/proc/{pid}/ns/net").open() as namespace:
        # os.setns exists since Python 3.12.
        if ctypes.CDLL(None, use_errno=True).setns(namespace.fileno(), 0) != 0:
            raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()), f"network of process {pid}")


async def _serve(listeners: list[socket.socket]) -> None:
    servers = [
        await asyncio.start_server(partial(_relay, listener.getsockname()[1]), sock=listener) for listener in listeners
    ]
    await asyncio.gather(*(server.serve_forever() for server in servers))


async def _relay(port: int, near: asyncio.StreamReader, to_near: asyncio.StreamWriter) -> None:
    try:
        far, to_far = await asyncio.open_connection("127.0.0.1", port)
    except OSError:
        to_near.close()
        return
    await asyncio.gather(_copy(near, to_far), _copy(far, to_near))


async def _copy(source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
    with suppress(OSError):
        while block := await source.read(65536):
            target.write(block)
            await target.drain()
    # Both directions end together: neither TLS nor HTTP needs a half-open connection.
    target.close()


if __name__ == "__main__":
    main(int(sys.argv[1]), [int(port) for port in sys.argv[2:]])
