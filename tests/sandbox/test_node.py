"""A node is refused in words where it cannot be, and its relay leads from loopback to loopback."""

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from sandbox import SandboxError
from sandbox.control_plane import free_ports
from sandbox.node import machine, relay

ROOT = pytest.mark.skipif(os.geteuid() != 0, reason="needs root")


@pytest.mark.parametrize(
    ("name", "value", "why"),
    [
        ("platform.system", "Darwin", "a node needs Linux"),
        ("os.geteuid", 1000, "a node needs root"),
        ("platform.release", "5.10.0-30-amd64", "a node needs Linux 5.13 or newer, this is 5.10.0-30-amd64"),
        ("_runs", False, "this looks like a container: it may not make namespaces"),
        ("_control_groups", False, "this looks like a container: its control groups cannot be written"),
    ],
)
def test_a_machine_that_cannot_have_a_node_is_told_why(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, value: object, why: str
) -> None:
    fit = {
        "platform.system": "Linux",
        "os.geteuid": 0,
        "platform.release": "6.1.0",
        "_runs": True,
        "_control_groups": True,
    }
    for each, answer in {**fit, name: value}.items():
        monkeypatch.setattr(f"sandbox.node.machine.{each}", lambda *_, answer=answer: answer)
    assert machine.unsupported_reason(tmp_path / "cluster") == why


def test_without_apt_the_packages_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sandbox.node.machine.shutil.which", lambda *_, **__: None)
    with pytest.raises(SandboxError, match="install debootstrap and slirp4netns with this system's package manager"):
        machine.install(["debootstrap", "slirp4netns"])


@pytest.fixture
def server() -> Iterator[tuple[int, int]]:
    """An echo server in a network of its own: the pid that it has there, and its port."""
    program = (
        "import socket, sys, subprocess; subprocess.run(['ip', 'link', 'set', 'lo', 'up'], check=True);"
        "s = socket.create_server(('127.0.0.1', int(sys.argv[1]))); print('up', flush=True)\n"
        "while True:\n c, _ = s.accept()\n while data := c.recv(65536): c.sendall(data)\n c.close()"
    )
    (port,) = free_ports(1)
    process = subprocess.Popen(
        ["unshare", "--net", sys.executable, "-c", program, str(port)], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout
    assert process.stdout.readline() == "up\n"
    yield process.pid, port
    process.kill()
    process.wait()


def reach(port: int) -> socket.socket:
    end = time.monotonic() + 10
    while True:
        try:
            return socket.create_connection(("127.0.0.1", port), timeout=10)
        except ConnectionRefusedError:
            assert time.monotonic() < end, "the relay never listened"
            time.sleep(0.05)


@ROOT
def test_the_relay_carries_bytes_both_ways_into_another_network(server: tuple[int, int]) -> None:
    pid, port = server
    process = subprocess.Popen([sys.executable, relay.__file__, str(pid), str(port)])
    try:
        data = os.urandom(300_000)
        near = reach(port)
        sent, got = 0, b""
        while len(got) < len(data):
            sent += near.send(data[sent : sent + 10_000])
            got += near.recv(65536)
        assert got == data
        near.close()
    finally:
        process.kill()
        process.wait()
