"""The toolchain, with caches and programs of the tests."""

import hashlib
import io
import json
import sys
import urllib.error
from email.message import Message
from pathlib import Path
from typing import IO

import pytest

from sandbox import SandboxError, pins, tool_sources, toolchain
from sandbox.pins import Tool
from tests.support.golden import Golden

ALL = pins.ALL.values()
TOOL = Tool("helm", "3.20.2", "example.com/helm", 1, "https://x/helm", "https://x/sums", minimum="3.19")


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache on a machine without tools, Go or internet."""
    monkeypatch.setenv("PATH", str(tmp_path / "path"))
    monkeypatch.setattr(tool_sources, "internet_available", lambda: False)
    return tmp_path / "cache"


def program(path: Path, script: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!{sys.executable}\n{script}")
    path.chmod(0o755)
    return path


def seed(cache: Path, tool: Tool) -> None:
    folder = cache / "tools" / f"{tool.name}-{tool.version}"
    program(folder / tool.name, "")
    (folder / "origin.json").write_text(json.dumps({"version": tool.version, "origin": "built here"}))


def test_a_cached_tool_is_used(cache: Path) -> None:
    seed(cache, TOOL)
    found = toolchain.ensure([TOOL], cache)["helm"]
    assert (found.version, found.origin) == ("3.20.2", "built here")
    assert (cache / "bin" / "helm").samefile(found.path)


def test_an_installed_tool_comes_before_the_cache(cache: Path, tmp_path: Path) -> None:
    seed(cache, TOOL)
    program(tmp_path / "path" / "helm", "print('v3.19.4+g1234')")
    assert toolchain.ensure([TOOL], cache)["helm"].origin == "installed"
    assert (cache / "bin" / "helm").readlink() == tmp_path / "path" / "helm"


def test_an_installed_tool_that_is_too_old_is_ignored(cache: Path, tmp_path: Path) -> None:
    seed(cache, TOOL)
    program(tmp_path / "path" / "helm", "print('v3.9.0')")
    assert toolchain.ensure([TOOL], cache)["helm"].origin == "built here"


def test_a_link_of_the_cache_on_path_is_not_an_installed_tool(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seed(cache, TOOL)
    toolchain.ensure([TOOL], cache)
    monkeypatch.setenv("PATH", str(cache / "bin"))
    assert toolchain.ensure([TOOL], cache)["helm"].origin == "built here"


def test_without_go_and_internet_the_options_are_named(cache: Path, golden: Golden) -> None:
    with pytest.raises(SandboxError) as refused:
        toolchain.ensure([TOOL], cache)
    assert str(refused.value) == golden


FAKE_GO = """
import pathlib, sys
if sys.argv[1] == "build":
    if pathlib.Path(__file__).with_name("broken").exists():
        pathlib.Path(sys.argv[5]).write_text("half")
        sys.exit("undefined: Helm")
    pathlib.Path(sys.argv[5]).write_text("whole")
"""


def test_a_failed_build_leaves_nothing_in_the_cache(cache: Path, tmp_path: Path) -> None:
    program(tmp_path / "path" / "go", FAKE_GO)
    broken = tmp_path / "path" / "broken"
    broken.touch()
    with pytest.raises(SandboxError, match="undefined: Helm"):
        toolchain.ensure([TOOL], cache)
    assert not list((cache / "tools").iterdir())
    broken.unlink()
    found = toolchain.ensure([TOOL], cache)["helm"]
    assert found.origin == "built here"
    assert Path(found.path).read_text() == "whole"


def published(content: bytes, sums: str) -> dict[str, bytes]:
    return {"https://x/helm": content, "https://x/sums": sums.encode()}


def serve(files: dict[str, bytes], monkeypatch: pytest.MonkeyPatch) -> None:
    def opened(url: str, timeout: float) -> IO[bytes]:
        if url not in files:
            raise urllib.error.HTTPError(url, 404, "not found", Message(), io.BytesIO())
        return io.BytesIO(files[url])

    monkeypatch.setattr(tool_sources, "internet_available", lambda: True)
    monkeypatch.setattr(tool_sources, "_open", opened)


def test_an_official_download_with_the_published_checksum_is_used(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sums = f"{'0' * 64}  helm-other\n{hashlib.sha256(b'official').hexdigest()}  helm\n"
    serve(published(b"official", sums), monkeypatch)
    found = toolchain.ensure([TOOL], cache)["helm"]
    assert found.origin == "official download"
    assert Path(found.path).read_bytes() == b"official"


def test_a_download_with_another_checksum_is_refused(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    serve(published(b"tampered", "0" * 64), monkeypatch)
    with pytest.raises(SandboxError, match="wrong checksum"):
        toolchain.ensure([TOOL], cache)
    assert not list((cache / "tools").iterdir())


def test_a_tool_without_a_download_for_this_machine_is_built(
    cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    serve({}, monkeypatch)
    program(tmp_path / "path" / "go", FAKE_GO)
    assert toolchain.ensure([TOOL], cache)["helm"].origin == "built here"


def test_the_cache_is_outside_the_checkout_and_can_be_moved(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AIRFLOW_STACK_CACHE", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    assert toolchain.cache_folder() == Path.home() / ".cache" / "airflow-stack"
    monkeypatch.setenv("XDG_CACHE_HOME", "/elsewhere")
    assert toolchain.cache_folder() == Path("/elsewhere/airflow-stack")
    monkeypatch.setenv("AIRFLOW_STACK_CACHE", "/mine")
    assert toolchain.cache_folder() == Path("/mine")


@pytest.mark.parametrize("tool", [tool for tool in ALL if tool.url], ids=lambda tool: tool.name)
def test_every_official_download_has_published_checksums(tool: Tool) -> None:
    assert tool.url.startswith("https://")
    assert "sum" in tool.checksums.lower() or tool.checksums.endswith(".sha256")
