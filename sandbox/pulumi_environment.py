"""Environment of Pulumi in the sandbox: state, passphrase, and official plugins or stand-ins."""

import os
import secrets
import shlex
import shutil
import sys
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path

from sandbox import config_copy, tool_sources

PLUGINS = ("kubernetes", "random", "tls")
OFFICIAL, STAND_INS = "the official plugins", "stand-ins for the official plugins"


def environment(root: Path, home: Path, kubeconfig: str, cache: Path) -> dict[str, str]:
    """Environment variables for Pulumi. Creates the folders and files that they name."""
    home = home.resolve()
    (home / "pulumi").mkdir(mode=0o700, parents=True, exist_ok=True)
    # The virtual environment comes first: the Python language host starts the first Python on PATH.
    path = [str(Path(sys.prefix) / "bin"), str(cache / "bin"), os.environ.get("PATH", os.defpath)]
    plugins = official_plugins(cache)
    ours = {
        "KUBECONFIG": kubeconfig,
        # Without sidecar files of the state: a kill can truncate them, and then Pulumi cannot read its state.
        "PULUMI_BACKEND_URL": f"file://{home / 'pulumi'}?metadata=skip",
        "PULUMI_HOME": str(_pulumi_home(root, home, plugins)),
        "PULUMI_SKIP_UPDATE_CHECK": "true",
        "PULUMI_DEBUG_COMMANDS": "true",  # offers --event-log
        "PULUMI_DIY_BACKEND_DISABLE_CHECKPOINT_BACKUPS": "true",
        "PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION": "false" if plugins else "true",
    }
    if not config_copy.has_own_passphrase():
        ours["PULUMI_CONFIG_PASSPHRASE_FILE"] = str(_passphrase(home / "passphrase"))
    return {**os.environ, **ours, "PATH": os.pathsep.join(path)}


def plugins(env: Mapping[str, str]) -> str:
    """Plugins in an environment made by `environment`: `OFFICIAL` or `STAND_INS`."""
    return OFFICIAL if (Path(env["PULUMI_HOME"]) / "plugins").is_symlink() else STAND_INS


def official_plugins(cache: Path) -> Path | None:
    """Folder of the official resource plugins. None if they are neither installed nor downloadable."""
    user = Path(os.environ.get("PULUMI_HOME") or Path.home() / ".pulumi") / "plugins"
    for folder in (user, cache / "plugins"):
        if all((folder / _plugin(name)).exists() for name in PLUGINS):
            return folder
    return cache / "plugins" if tool_sources.internet_available() else None  # Pulumi downloads them


def _plugin(name: str) -> str:
    """Folder name of a plugin, in the version of its SDK."""
    return f"resource-{name}-v{version(f'pulumi-{name}')}"


def _pulumi_home(root: Path, home: Path, plugins: Path | None) -> Path:
    """Create PULUMI_HOME with a link to the official plugins, or with the stand-ins."""
    folder = home / "pulumi-home"
    shutil.rmtree(folder / "plugins", ignore_errors=True)
    (folder / "plugins").unlink(missing_ok=True)
    folder.mkdir(exist_ok=True)
    if plugins:
        plugins.mkdir(parents=True, exist_ok=True)
        (folder / "plugins").symlink_to(plugins)
    for name in [] if plugins else PLUGINS:
        start = folder / "plugins" / _plugin(name) / f"pulumi-resource-{name}"
        start.parent.mkdir(parents=True)
        command = (
            f'PYTHONPATH={shlex.quote(str(root))} exec {shlex.quote(sys.executable)} -P -m sandbox.plugins {name} "$@"'
        )
        start.write_text(f"#!/bin/sh\n{command}\n")
        start.chmod(0o755)
    return folder


def _passphrase(file: Path) -> Path:
    if not file.exists():
        file.touch(mode=0o600)
        file.write_text(secrets.token_urlsafe(32))
    return file
