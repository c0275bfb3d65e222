"""Requirements of a node, and its relay."""

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
from tests.support.golden import Golden

ROOT = pytest.mark.skipif(os.geteuid() != 0, reason="needs root")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("platform.system", "Darwin"),
        ("os.geteuid", 1000),
        ("platform.release", "5.10.0-30-amd64"),
        ("_runs", False),
        ("_control_groups", False),
    ],
)
def test_each_unmet_requirement_of_a_node_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, value: object, golden: Golden
) -> None:
    suitable = {
        "platform.system": "Linux",
        "os.geteuid": 0,
        "platform.release": "6.1.0",
        "_runs": True,
        "_control_groups": True,
    }
    for each, answer in {**suitable, name: value}.items():
        monkeypatch.setattr(f"sandbox.node.machine.{each}", lambda *_, answer=answer: answer)
    assert machine.unsupported_reason(tmp_path / "cluster") == golden


def test_without_apt_the_missing_packages_are_named(monkeypatch: pytest.MonkeyPatch, golden: Golden) -> None:
    monkeypatch.setattr("sandbox.node.machine.shutil.which", lambda *_, **__: None)
    with pytest.raises(SandboxError) as refused:
        machine.install(["debootstrap", "slirp4netns"])
    assert str(refused.value) == golden


@pytest.fixture
def server() -> Iterator[tuple[int, int]]:
    """Pid and port of an echo server in its own network namespace."""
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
            assert time.monotonic() < end, "the relay does not listen"
            time.sleep(0.05)


@ROOT
def test_the_relay_forwards_bytes_in_both_directions(server: tuple[int, int]) -> None:
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
