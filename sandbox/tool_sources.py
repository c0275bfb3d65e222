"""Sources of a tool: the official download, or a build from its published Go module."""

import hashlib
import json
import os
import platform
import re
import shutil
import subprocess
import tarfile
import urllib.error
import urllib.request
from collections.abc import Callable
from functools import cache
from http import HTTPStatus
from pathlib import Path
from typing import IO

from sandbox import SandboxError
from sandbox.pins import DOCKER_HUB, PULUMI_CHECKSUMS, Tool

_PROBE_SECONDS = 3
_DOWNLOAD_SECONDS = 60
_ARCH = {"x86_64": "amd64", "aarch64": "arm64"}.get(platform.machine(), platform.machine())
_HERE = {"os": platform.system().lower(), "arch": _ARCH, "x64": {"amd64": "x64"}.get(_ARCH, _ARCH)}
_GO = {"GOFLAGS": "-buildvcs=false -mod=mod", "CGO_ENABLED": "0", "GOWORK": "off"}


def _open(url: str, timeout: float) -> IO[bytes]:
    opened: IO[bytes] = urllib.request.urlopen(url, timeout=timeout)  # noqa: S310  (https, from pins.py)
    return opened


@cache
def internet_available() -> bool:
    """Whether official downloads are reachable. Checked once per run."""
    try:
        with _open(PULUMI_CHECKSUMS, _PROBE_SECONDS):
            return True
    except OSError:
        return False


@cache
def docker_hub_available() -> bool:
    """Whether images can be pulled: Docker Hub answers, if only with a request to log in."""
    try:
        with _open(DOCKER_HUB, _PROBE_SECONDS):
            return True
    except urllib.error.HTTPError as answer:
        return answer.code == HTTPStatus.UNAUTHORIZED
    except OSError:
        return False


def download(tool: Tool, folder: Path) -> bool:
    """Download the official files of a tool into the folder.

    Returns:
        False if there is no official download.

    Raises:
        SandboxError: The download broke off, or its checksum is wrong.
    """
    if not tool.url:
        return False
    url = tool.url.format(**_HERE)
    target = folder / url.rsplit("/", 1)[1]
    try:
        with _open(url, _DOWNLOAD_SECONDS) as body, target.open("wb") as file:
            shutil.copyfileobj(body, file)
        published = _checksum(tool.checksums.format(url=url), target.name)
    except urllib.error.HTTPError:
        target.unlink(missing_ok=True)
        return False
    except OSError as error:
        raise SandboxError(f"download of {url} failed: {error}. Run the command again") from error
    with target.open("rb") as file:
        found = hashlib.file_digest(file, "sha256").hexdigest()
    if found != published:
        raise SandboxError(f"{url} has a wrong checksum: {found} instead of {published}. The file was not used")
    if target.name.endswith((".tar.gz", ".tgz")):
        _unpack(target, tool, folder)
    else:
        target.rename(folder / tool.name).chmod(0o755)
    return True


def _checksum(url: str, name: str) -> str:
    with _open(url, _DOWNLOAD_SECONDS) as body:
        lines = body.read().decode().splitlines()
    for line in lines:
        if len(lines) == 1 or line.split()[-1].endswith(name):
            return line.split()[0]
    raise SandboxError(f"{url} has no checksum of {name}. The file was not used")


def _unpack(target: Path, tool: Tool, folder: Path) -> None:
    with tarfile.open(target) as archive:
        for member in archive:
            name = Path(member.name).name
            if member.isfile() and name in tool.files:
                member.name = name
                archive.extract(member, folder, filter="data")
    target.unlink()


def build(tool: Tool, folder: Path, run: Callable[[list[str], Path, dict[str, str]], None]) -> None:
    """Build a tool from its Go module.

    Args:
        tool: Tool to build.
        folder: Folder for its files.
        run: Runs a command in a folder with an environment.

    Raises:
        SandboxError: Go is missing.
    """
    if shutil.which("go") is None:
        raise SandboxError(
            f"{tool.name} is not installed, and its official download is not reachable. Do one of:\n"
            "- connect to the internet\n"
            f"- install {tool.name} {tool.minimum or tool.version} or newer on PATH\n"
            f"- install Go 1.24 or newer, which builds {tool.name} from its published module"
        )
    environment = {**os.environ, **_GO}
    version = tool.module_version or tool.version
    source = folder / "src"
    source.mkdir()
    flags, requirements = "-s -w", ""
    if tool.package.startswith("k8s.io/kubernetes/"):
        requirements = _staging_modules(version, source, environment)
        for package in ("k8s.io/component-base/version", "k8s.io/client-go/pkg/version"):
            flags += f" -X {package}.gitVersion=v{version}"
    (source / "go.mod").write_text(f"module sandbox\n\ngo 1.24\n\n{requirements}")
    run(["go", "get", f"{tool.package}@v{version}"], source, environment)
    run(["go", "build", "-ldflags", flags, "-o", str(folder / tool.name), tool.package], source, environment)
    if tool.script:
        where = ["go", "list", "-f", "{{.Dir}}", tool.package]
        package = subprocess.check_output(where, cwd=source, env=environment, text=True).strip()
        shutil.copyfile(Path(package).parent / tool.script, folder / tool.script)
        (folder / tool.script).chmod(0o755)
    shutil.rmtree(source)


def _staging_modules(version: str, source: Path, environment: dict[str, str]) -> str:
    """Requirements on the published modules of Kubernetes, whose go.mod requires v0.0.0 of them and replaces them by folders."""
    command = ["go", "mod", "download", "-json", f"k8s.io/kubernetes@v{version}"]
    answer = json.loads(subprocess.check_output(command, cwd=source, env=environment))
    text = Path(answer["GoMod"]).read_text()
    published = "v0." + version.split(".", 1)[1]
    lines = [f"require k8s.io/kubernetes v{version}"]
    for module in re.findall(r"^\s*(k8s\.io/[\w\-/]+) v0\.0\.0$", text, re.MULTILINE):
        lines += [f"require {module} {published}", f"replace {module} => {module} {published}"]
    return "\n".join(lines) + "\n"
