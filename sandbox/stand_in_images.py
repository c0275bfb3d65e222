"""Stand-ins for a stack's images, in one archive that containerd imports. Used where no registry is reachable.

Airflow comes from PyPI, PostgreSQL and Redis from Debian, the other programs from `image_programs/`. The archive is cached: it is built once
per version of Airflow, and again when its content changes.
"""

import hashlib
import os
import platform
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from airflow_stack.cli.dags.airflow_installation import published_before
from airflow_stack.settings.images import Images
from airflow_stack.versions import TESTED
from sandbox import SandboxError, debian, oci, toolchain
from sandbox.image_programs import PAUSE, install_programs, oci_images, program_files
from sandbox.step_progress import StepProgress

__all__ = ["PAUSE", "ensure_archive", "remaining_steps"]

_AIRFLOW_SECONDS, _PACK_SECONDS = {"Airflow": 120}, {"images": 20}
_EXTRAS = "standard,postgres,cncf-kubernetes,fab,git,celery,statsd"
_COMPILE = """
import compileall, py_compile, sys
compileall.compile_dir(sys.argv[1], quiet=2, workers=0, invalidation_mode=py_compile.PycInvalidationMode.UNCHECKED_HASH)
"""


def remaining_steps(cache: Path, images: Images) -> dict[str, int]:
    """Steps that `ensure_archive` still has to do, each with its estimated seconds."""
    if _archive(cache, images).exists():
        return {}
    debian_seconds = {} if debian.tree_folder(cache).exists() else debian.BUILD_SECONDS
    airflow_seconds = {} if _airflow_folder(cache, images).exists() else _AIRFLOW_SECONDS
    return debian_seconds | airflow_seconds | _PACK_SECONDS


def ensure_archive(cache: Path, images: Images, shown: StepProgress) -> Path:
    """Build the archive of a stack's images unless it is cached. Returns its path."""
    archive = _archive(cache, images)
    if not archive.exists():
        base = debian.ensure_tree(cache, shown)
        with toolchain.locked(cache), _readable():
            if not archive.exists():
                _pack(archive, images, base, _airflow(cache, images, base, shown), shown)
    return archive


@contextmanager
def _readable() -> Iterator[None]:
    """Create files that all users of the images can read."""
    before = os.umask(0o022)
    try:
        yield
    finally:
        os.umask(before)


def _digest(*parts: object) -> str:
    return hashlib.sha256(repr(parts).encode()).hexdigest()[:12]


def _archive(cache: Path, images: Images) -> Path:
    own = [(file.name, file.read_bytes()) for file in (*program_files(), Path(oci.__file__))]
    folders = debian.tree_folder(cache).name, _airflow_folder(cache, images).name
    digest = _digest(folders, debian.NOT_IN_IMAGES, list(oci_images(images)), own)
    return cache / "node" / f"stand-ins-{images.airflow.airflow_version}-{digest}.tar"


def _airflow_folder(cache: Path, images: Images) -> Path:
    version = images.airflow.airflow_version
    digest = _digest(debian.tree_folder(cache).name, _requirements(version), _COMPILE)
    return cache / "node" / f"airflow-{version}-{digest}"


def _make_room(folder: Path, kind: str, version: str) -> None:
    """Remove earlier builds of a version, and versions that are no longer tested. The others stay for upgrades."""
    others = tuple(f"{kind}-{row.airflow}-" for row in TESTED if row.airflow != version)
    for path in debian.matching(folder, (f"{kind}-*", ".*")):
        if not path.name.startswith(others):
            debian.delete(path)


def _requirements(version: str) -> list[str]:
    return [*published_before(version), f"apache-airflow[{_EXTRAS}]=={version}", "asyncpg", "psycopg2-binary"]


def _airflow(cache: Path, images: Images, base: Path, shown: StepProgress) -> Path:
    """Install Airflow into a layer, for the Python of the Debian tree."""
    final, version = _airflow_folder(cache, images), images.airflow.airflow_version
    if final.exists():
        return final
    shown.start("Airflow")
    _make_room(final.parent, "airflow", version)
    log = cache / "airflow-install.log"
    log.unlink(missing_ok=True)
    python = (base / "usr" / "bin" / "python3").readlink().name
    with toolchain.atomic_folder(final) as made:
        local = made / "usr" / "local"
        packages = local / "lib" / python / "dist-packages"
        command = [str(Path(sys.executable).with_name("uv")), "pip", "install", "--link-mode=copy"]
        command += [f"--python={sys.executable}", f"--python-version={python.removeprefix('python')}"]
        command += [f"--python-platform={platform.machine()}-manylinux_2_28", f"--target={packages}"]
        command += _requirements(version)
        try:
            toolchain.run(command, final.parent, dict(os.environ), log, shown)
        except SandboxError:
            failure = "uv could not install Airflow. It needs PyPI, or a mirror in UV_DEFAULT_INDEX, and 1 GB of disk"
            raise SandboxError.from_log(failure, log) from None
        (packages / "bin").rename(local / "bin")
        for script in (local / "bin").iterdir():
            _set_interpreter(script, f"/usr/bin/{python}")
        _compile(base, local, f"/{packages.relative_to(made)}", log, shown)
    shown.finish(f"{version} from PyPI")
    return final


def _set_interpreter(script: Path, python: str) -> None:
    """Make a script start with the tree's Python instead of the one that installed it."""
    first, newline, rest = script.read_bytes().partition(b"\n")
    if first.startswith(b"#!") and b"python" in first:
        script.write_bytes(f"#!{python}".encode() + newline + rest)


def _compile(base: Path, local: Path, packages: str, log: Path, shown: StepProgress) -> None:
    """Compile with the tree's Python. A pod cannot save bytecode, and would compile at each start."""
    inside = 'mount --bind "$1" "$2/usr/local"; mount --rbind /dev "$2/dev"; shift; exec chroot "$@"'
    command = ["unshare", "--mount", "sh", "-ec", inside, "sh", str(local), str(base)]
    toolchain.run([*command, "python3", "-c", _COMPILE, packages], base, dict(os.environ), log, shown)


def _pack(archive: Path, images: Images, base: Path, airflow: Path, shown: StepProgress) -> None:
    shown.start("images")
    _make_room(archive.parent, "stand-ins", images.airflow.airflow_version)
    try:
        with tempfile.TemporaryDirectory(dir=archive.parent, prefix=".") as name:
            folder = Path(name)
            install_programs(folder / "programs")
            layers = {
                "base": oci.OciLayer(base, frozenset(debian.matching(base, debian.NOT_IN_IMAGES))),
                "programs": oci.OciLayer(folder / "programs"),
                "airflow": oci.OciLayer(airflow),
            }
            oci.write(folder / "new", layers, list(oci_images(images)), shown.tick)
            (folder / "new").rename(archive)
    except OSError as error:
        raise SandboxError(f"images were not packed: {error}. {archive.parent} needs 1 GB of free disk") from error
    shown.finish(f"{archive.stat().st_size >> 20} MB, stand-ins")
