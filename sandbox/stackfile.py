"""The settings that a stack has in the sandbox: a copy of its file, never the file itself."""

import os
import secrets
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from components import stack_config
from components.stack_config import PROJECT
from sandbox import SandboxError

_CHART = f"{PROJECT}:chart"
_ENCRYPTION = ("encryptionsalt", "encryptedkey", "secretsprovider")


def copy(source: Path, target: Path, *, throwaway: bool, chart: str | None) -> None:
    """Write the stack's settings to `target`, with another chart if one is given.

    On a throwaway cluster secrets that nobody here can decrypt are left out. Those that the sandbox
    supplied before (see `missing_secrets`) are kept, so that a second `up` changes nothing.
    """
    if not source.exists():
        known = ", ".join(sorted(file.name[7:-5] for file in source.parent.glob("Pulumi.*.yaml")))
        raise SandboxError(f"there is no {source.name}; the stacks are: {known}")
    content: dict[str, Any] = yaml.safe_load(source.read_text()) or {}
    before: dict[str, Any] = yaml.safe_load(target.read_text()) if target.exists() else {}
    config = content.setdefault("config", {})
    if not has_own_passphrase():
        sealed = [key for key, value in config.items() if "secure" in _mapping(value)]
        if sealed and not throwaway:
            raise SandboxError(
                f"{source.name} holds encrypted {', '.join(sealed)}; "
                "set PULUMI_CONFIG_PASSPHRASE or PULUMI_CONFIG_PASSPHRASE_FILE to read them"
            )
        content["config"] = config = {key: value for key, value in config.items() if key not in sealed}
        encryption = {key: before[key] for key in _ENCRYPTION if key in before}
        content = {key: value for key, value in content.items() if key not in _ENCRYPTION} | encryption
    source_of_chart = _mapping(config.get(_CHART))
    if chart and "path" not in source_of_chart:
        config[_CHART] = {**source_of_chart, "path": chart}
    if throwaway:
        config |= {key: before["config"][key] for key in _missing(config) if key in before.get("config", {})}
    target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    target.touch(mode=0o600)
    target.write_text(yaml.safe_dump(content, sort_keys=False))


def has_own_passphrase() -> bool:
    """Whether the user has set a passphrase, with which the secrets of the file itself can be read."""
    return any(f"PULUMI_CONFIG_PASSPHRASE{end}" in os.environ for end in ("", "_FILE"))


def missing_secrets(target: Path) -> dict[str, str]:
    """Make throwaway values for the secrets that the stack needs and has not got."""
    return {key: _throwaway(key) for key in _missing(settings(target))}


def supplied_secrets(source: Path, target: Path) -> list[str]:
    """Name the secrets in `target` that are not those of the stack's own file."""
    theirs = settings(source)
    return [key for key, value in settings(target).items() if "secure" in _mapping(value) and value != theirs.get(key)]


def settings(file: Path) -> dict[str, Any]:
    """Read the settings in a stack's file."""
    config: dict[str, Any] = (yaml.safe_load(file.read_text()) or {}).get("config", {})
    return config


def _missing(config: Mapping[str, object]) -> list[str]:
    ours = {key.removeprefix(f"{PROJECT}:"): config[key] for key in config if ":" in key}
    return [f"{PROJECT}:{key}" for key in stack_config.missing_secrets(ours)]


def _throwaway(key: str) -> str:
    if not key.endswith("gitSshKey"):
        return secrets.token_urlsafe(24)
    private = Ed25519PrivateKey.generate()
    return private.private_bytes(Encoding.PEM, PrivateFormat.OpenSSH, NoEncryption()).decode()


def _mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}
