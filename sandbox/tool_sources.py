"""Gets one tool into a folder: the official download, or a build from its published Go module."""

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
    """Whether official downloads can be had. Asked once a run; a refusal is final."""
    try:
        with _open(PULUMI_CHECKSUMS, _PROBE_SECONDS):
            return True
    except OSError:
        return False


@cache
def docker_hub_available() -> bool:
    """Whether images can be pulled: Docker Hub answers, be it that it wants to know who asks."""
    try:
        with _open(DOCKER_HUB, _PROBE_SECONDS):
            return True
    except urllib.error.HTTPError as answer:
        return answer.code == HTTPStatus.UNAUTHORIZED
    except OSError:
        return False


def download(tool: Tool, folder: Path) -> bool:
    """Put the official files of a tool into the folder; False when none are published."""
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
        raise SandboxError(f"the download of {url} broke off ({error}); run it again") from error
    with target.open("rb") as file:
        found = hashlib.file_digest(file, "sha256").hexdigest()
    if found != published:
        raise SandboxError(f"{url} has the checksum {found}, published is {published}: not used")
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
    raise SandboxError(f"{url} does not list {name}")


def _unpack(target: Path, tool: Tool, folder: Path) -> None:
    with tarfile.open(target) as archive:
        for member in archive:
            name = Path(member.name).name
            if member.isfile() and name in tool.files:
                member.name = name
                archive.extract(member, folder, filter="data")
    target.unlink()


def build(tool: Tool, folder: Path, run: Callable[[list[str], Path, dict[str, str]], None]) -> None:
    """Build a tool from its Go module; `run` runs one command in a folder with an environment."""
    if shutil.which("go") is None:
        raise SandboxError(
            f"{tool.name} is not installed, and its official download cannot be reached.\n"
            "Either install Go (1.24 or newer), and it is built here from its published module;\n"
            f"or install {tool.name} {tool.minimum or tool.version} or newer and put it on PATH;\n"
            "or try again with the internet."
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
    """Kubernetes names its own modules v0.0.0 and replaces them by folders: name the published."""
    command = ["go", "mod", "download", "-json", f"k8s.io/kubernetes@v{version}"]
    answer = json.loads(subprocess.check_output(command, cwd=source, env=environment))
    text = Path(answer["GoMod"]).read_text()
    published = "v0." + version.split(".", 1)[1]
    lines = [f"require k8s.io/kubernetes v{version}"]
    for module in re.findall(r"^\s*(k8s\.io/[\w\-/]+) v0\.0\.0$", text, re.MULTILINE):
        lines += [f"require {module} {published}", f"replace {module} => {module} {published}"]
    return "\n".join(lines) + "\n"
