"""Programs of the stand-in images, and the configuration of each image, which is that of the official one."""

import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path

from airflow_stack.settings.images import Images
from sandbox.oci import OciImage

PAUSE = "localhost/stand-in/pause:1"
_INSTALLED = {
    "entrypoint": "airflow_entrypoint.py",
    "clean-logs": "clean-logs.sh",
    "git-sync": "git_sync.py",
    "usr/local/bin/statsd_exporter": "statsd.py",
    "usr/local/bin/docker-entrypoint.sh": "postgres-entrypoint.sh",
}
# Writable folders, with user and group.
_FOLDERS = {
    "opt/airflow": (50000, 0), "opt/airflow/dags": (50000, 0), "opt/airflow/logs": (50000, 0), "home/airflow": (50000, 0),
    "data": (999, 999), "run/postgresql": (999, 999), "var/lib/postgresql/data": (999, 999),
    "docker-entrypoint-initdb.d": (0, 0),
}  # fmt: skip
_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
_PROGRAMS = Path(__file__).parent


def program_files() -> list[Path]:
    """Files that decide the content of the layer."""
    return sorted(file for file in _PROGRAMS.iterdir() if file.is_file())


def install_programs(root: Path) -> None:
    """Install programs and folders below a root: a layer of all images."""
    for target, program in _INSTALLED.items():
        (root / target).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(_PROGRAMS / program, root / target)
        (root / target).chmod(0o755)
    (root / "usr" / "local" / "bin" / "python").symlink_to("/usr/bin/python3")
    for name, (user, group) in _FOLDERS.items():
        (root / name).mkdir(parents=True, exist_ok=True)
        (root / name).chmod(0o775)
        shutil.chown(root / name, user, group)


def oci_images(images: Images) -> Iterator[OciImage]:
    """Images that a stack with these settings uses, and the pause image of the node."""
    airflow = images.airflow.airflow_version
    yield _image(
        images.reference(images.airflow),
        f"Airflow {airflow} from PyPI on Debian, not the official image",
        {"Entrypoint": ["/usr/bin/dumb-init", "--", "/entrypoint"], "User": "50000", "WorkingDir": "/opt/airflow"},
        {
            "HOME": "/home/airflow",
            "AIRFLOW_HOME": "/opt/airflow",
            "AIRFLOW_USER_HOME_DIR": "/home/airflow",
            "AIRFLOW_VERSION": airflow,
            "AIRFLOW__CORE__LOAD_EXAMPLES": "false",
            "DUMB_INIT_SETSID": "1",
            "GUNICORN_CMD_ARGS": "--worker-tmp-dir /dev/shm",
        },
        "airflow",
    )
    yield _image(
        images.reference(images.git_sync),
        "program of this project with the variables of git-sync",
        {"Entrypoint": ["/git-sync"], "User": "65533:65533", "WorkingDir": "/tmp"},  # noqa: S108  as in the official one
        {"HOME": "/tmp", "GITSYNC_ROOT": "/tmp/git"},  # noqa: S108
    )
    yield _image(
        images.reference(images.statsd),
        "program of this project that counts the packets that statsd-exporter would map",
        {"Entrypoint": ["statsd_exporter"], "User": "65534:65534"},
    )
    yield _image(
        images.reference(images.redis),
        "Debian's Redis",
        {"Cmd": ["redis-server"], "User": "999:999", "WorkingDir": "/data", "Volumes": {"/data": {}}},
    )
    yield _image(
        images.reference(images.postgres),
        "Debian's PostgreSQL 15",
        {
            "Entrypoint": ["docker-entrypoint.sh"],
            "Cmd": ["postgres"],
            "User": "999:999",
            "StopSignal": "SIGINT",
            "Volumes": {"/var/lib/postgresql/data": {}},
        },
        {"PATH": f"{_PATH}:/usr/lib/postgresql/15/bin", "PGDATA": "/var/lib/postgresql/data"},
    )
    yield _image(
        PAUSE,
        "sleeps and holds the namespaces of a pod",
        {"Entrypoint": ["/usr/bin/dumb-init", "--", "sleep", "infinity"], "User": "65534:65534"},
    )


def _image(
    name: str,
    description: str,
    config: Mapping[str, object],
    environment: Mapping[str, str] | None = None,
    *more: str,
) -> OciImage:
    variables = {"PATH": _PATH, "LANG": "C.UTF-8", **(environment or {})}
    labels = {
        "org.opencontainers.image.title": f"stand-in for {name.removeprefix('localhost/stand-in/')}",
        "org.opencontainers.image.description": f"Stand-in of the airflow-stack sandbox: {description}.",
    }
    own = {"Env": [f"{key}={value}" for key, value in variables.items()], "Labels": labels}
    return OciImage(name, ("base", "programs", *more), {**config, **own})
