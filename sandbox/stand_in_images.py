"""Stand-ins for the images of a stack, for where no registry is reached, in one archive that containerd imports.

Airflow comes from PyPI, PostgreSQL and Redis from Debian, the rest are programs in `image_programs/`. They
are made once for each version of Airflow, in the cache, and again when something that they hold changes.
"""

import hashlib
import os
import platform
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from airflow_stack.cli.console import Progress
from airflow_stack.cli.dags.airflow_installation import published_before
from airflow_stack.settings.images import Images
from airflow_stack.versions import TESTED
from sandbox import SandboxError, debian, oci, toolchain
from sandbox.image_programs import PAUSE, install_programs, oci_images, program_files

__all__ = ["PAUSE", "ensure_archive", "remaining_steps"]

_AIRFLOW_STEP, _PACK_STEP = {"Airflow": 120}, {"images": 20}
_EXTRAS = "standard,postgres,cncf-kubernetes,fab,git,celery,statsd"
_COMPILE = """
import compileall, py_compile, sys
compileall.compile_dir(sys.argv[1], quiet=2, workers=0, invalidation_mode=py_compile.PycInvalidationMode.UNCHECKED_HASH)
"""


def remaining_steps(cache: Path, images: Images) -> dict[str, int]:
    """The steps of `stand_ins` that are still to do, with about how many seconds each takes."""
    if _archive(cache, images).exists():
        return {}
    made = debian.tree_folder(cache).exists(), _airflow_folder(cache, images).exists()
    return ({} if made[0] else debian.BUILD_SECONDS) | ({} if made[1] else _AIRFLOW_STEP) | _PACK_STEP


def ensure_archive(cache: Path, images: Images, shown: Progress) -> Path:
    """Make the archive of every image that a stack of these settings names, where it is missing."""
    archive = _archive(cache, images)
    if not archive.exists():
        base = debian.ensure_tree(cache, shown)
        with toolchain.locked(cache), _readable():
            if not archive.exists():
                _pack(archive, images, base, _airflow(cache, images, base, shown), shown)
    return archive


@contextmanager
def _readable() -> Iterator[None]:
    """Let every user of the images read what is made, whatever this user's umask is."""
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
    return (
        cache
        / "node"
        / f"stand-ins-{images.airflow.airflow_version}-{_digest(folders, debian.NOT_IN_IMAGES, list(oci_images(images)), own)}.tar"
    )


def _airflow_folder(cache: Path, images: Images) -> Path:
    version = images.airflow.airflow_version
    digest = _digest(debian.tree_folder(cache).name, _requirements(version), _COMPILE)
    return cache / "node" / f"airflow-{version}-{digest}"


def _make_room(folder: Path, kind: str, version: str) -> None:
    """Remove what was made of a version before, and of those that are no longer tested; the others stay, for upgrades go from one to the other."""
    others = tuple(f"{kind}-{row.airflow}-" for row in TESTED if row.airflow != version)
    for path in debian.matching(folder, (f"{kind}-*", ".*")):
        if not path.name.startswith(others):
            debian.delete(path)


def _requirements(version: str) -> list[str]:
    return [*published_before(version), f"apache-airflow[{_EXTRAS}]=={version}", "asyncpg", "psycopg2-binary"]


def _airflow(cache: Path, images: Images, base: Path, shown: Progress) -> Path:
    """Install Airflow for the tree's Python from the outside, where that Python finds it by itself."""
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
        command = [
            *(
                str(Path(sys.executable).with_name("uv")),
                "pip",
                "install",
                "--python",
                sys.executable,
                "--link-mode=copy",
            ),
            *(
                "--python-version",
                python.removeprefix("python"),
                "--python-platform",
                f"{platform.machine()}-manylinux_2_28",
            ),
            *("--target", str(packages), *_requirements(version)),
        ]
        try:
            toolchain.run(command, final.parent, dict(os.environ), log, shown)
        except SandboxError:
            needed = "Airflow needs PyPI, or a mirror of it in UV_DEFAULT_INDEX, and 1 GB of disk: uv failed"
            raise SandboxError.from_log(needed, log) from None
        (packages / "bin").rename(local / "bin")
        for script in (local / "bin").iterdir():
            _run_by(f"/usr/bin/{python}", script)
        _compile(base, local, f"/{packages.relative_to(made)}", log, shown)
    shown.finish(f"{version} from PyPI")
    return final


def _run_by(python: str, script: Path) -> None:
    """Let a script be run by the tree's Python and not by the one that installed it."""
    first, newline, rest = script.read_bytes().partition(b"\n")
    if first.startswith(b"#!") and b"python" in first:
        script.write_bytes(f"#!{python}".encode() + newline + rest)


def _compile(base: Path, local: Path, packages: str, log: Path, shown: Progress) -> None:
    """Compile by the tree's own Python: a pod cannot keep what it compiles, and would do it at every start."""
    inside = 'mount --bind "$1" "$2/usr/local"; mount --rbind /dev "$2/dev"; shift; exec chroot "$@"'
    command = ["unshare", "--mount", "sh", "-ec", inside, "sh", str(local), str(base)]
    toolchain.run([*command, "python3", "-c", _COMPILE, packages], base, dict(os.environ), log, shown)


def _pack(archive: Path, images: Images, base: Path, airflow: Path, shown: Progress) -> None:
    shown.start("images")
    _make_room(archive.parent, "stand-ins", images.airflow.airflow_version)
    try:
        with tempfile.TemporaryDirectory(dir=archive.parent, prefix=".") as name:
            aside = Path(name)
            install_programs(aside / "programs")
            layers = {
                "base": oci.OciLayer(base, frozenset(debian.matching(base, debian.NOT_IN_IMAGES))),
                "programs": oci.OciLayer(aside / "programs"),
                "airflow": oci.OciLayer(airflow),
            }
            oci.write(aside / "new", layers, list(oci_images(images)), shown.tick)
            (aside / "new").rename(archive)
    except OSError as error:
        raise SandboxError(f"the images were not packed: {error}; it needs 1 GB of disk in {archive.parent}") from error
    shown.finish(f"{archive.stat().st_size >> 20} MB, stand-ins")
