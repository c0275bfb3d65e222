"""Settings of a stack in the sandbox: a copy of its file, which itself is never changed."""

import os
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from airflow_stack.cli import given_yaml
from airflow_stack.cli.stack_names import short_name, stack_names
from airflow_stack.inputs import validation
from airflow_stack.names import PROJECT
from sandbox import SandboxError, git_repository

_CHART, _DAGS, _IMAGES, _GIT_KEY = (f"{PROJECT}:{key}" for key in ("chart", "dags", "images", "gitSshKey"))
_ENCRYPTION = ("encryptionsalt", "encryptedkey", "secretsprovider")


@dataclass(frozen=True)
class ServedRepository:
    """DAG repository that the sandbox serves to a stack without one."""

    url: str
    known_hosts: str
    deploy_key: str = field(repr=False)


def write(
    source: Path,
    target: Path,
    *,
    throwaway: bool,
    chart: str | None = None,
    registry: str | None = None,
    served: ServedRepository | None = None,
) -> None:
    """Write the stack's settings to `target`, and add chart and image registry unless they are set.

    On a throwaway cluster, a stack without a repository gets the served one, and secrets that cannot be decrypted are left out.
    Earlier throwaway secrets (`missing_secrets`) are kept, so that a second `up` changes nothing.

    Raises:
        SandboxError: The secrets of the file cannot be decrypted, and the cluster is the user's.
    """
    content: dict[str, Any] = given_yaml.document(source) or {}
    before: dict[str, Any] = (yaml.safe_load(target.read_text()) or {}) if target.exists() else {}
    config = content["config"] = content.get("config") or {}
    if not has_own_passphrase():
        sealed = [key for key, value in config.items() if "secure" in _mapping(value)]
        if sealed and not throwaway:
            raise SandboxError(
                f"{', '.join(sealed)} in {source.name} cannot be decrypted. "
                "Set PULUMI_CONFIG_PASSPHRASE or PULUMI_CONFIG_PASSPHRASE_FILE"
            )
        content["config"] = config = {key: value for key, value in config.items() if key not in sealed}
        content = {key: value for key, value in content.items() if key not in _ENCRYPTION}
    if not _encryption(content):
        content |= _encryption(before)
    if chart and "path" not in _mapping(config.get(_CHART)):
        config[_CHART] = {**_mapping(config.get(_CHART)), "path": chart}
    if registry:
        config[_IMAGES] = {"registry": registry, **_mapping(config.get(_IMAGES))}
    if throwaway and served and not _names_repository(config):
        dags = {"repository": served.url, "authentication": "sshKey", "knownHosts": served.known_hosts}
        config[_DAGS] = {**_mapping(config.get(_DAGS)), **dags}
        config.pop(_GIT_KEY, None)  # the key is for another repository
    if throwaway and _encryption(content) == _encryption(before):
        config |= _kept(config, before.get("config", {}))
    target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    target.touch(mode=0o600)
    target.write_text(yaml.safe_dump(content, sort_keys=False))


def stack_file(folder: Path, stack: str) -> Path:
    """The stack's own file.

    Raises:
        SandboxError: There is no such file.
    """
    file = folder / f"Pulumi.{short_name(stack)}.yaml"
    if not file.exists():
        known = ", ".join(stack_names(folder))
        raise SandboxError(f"STACK={stack}: {file.name} does not exist. Stacks: {known}")
    return file


def names_repository(source: Path) -> bool:
    """Whether the stack has a repository of its own."""
    return _names_repository(settings(source))


def has_own_passphrase() -> bool:
    """Whether the user has set a passphrase, which decrypts the secrets in the stack's file."""
    return any(f"PULUMI_CONFIG_PASSPHRASE{end}" in os.environ for end in ("", "_FILE"))


def missing_secrets(target: Path, served: ServedRepository | None = None) -> dict[str, str]:
    """Throwaway values of the required secrets that the stack lacks. For the served repository, the git key is its deploy key."""
    config = settings(target)
    made = {key: _throwaway(key) for key in _missing(config)}
    if served and _GIT_KEY in made and _repository(config) == served.url:
        made[_GIT_KEY] = served.deploy_key
    return made


def supplied_secrets(source: Path, target: Path) -> list[str]:
    """Keys of the secrets in `target` that the stack's own file lacks, and that the user must set for a real deployment."""
    theirs, ours = settings(source), settings(target)
    supplied = [key for key, value in ours.items() if "secure" in _mapping(value) and value != theirs.get(key)]
    return [key for key in supplied if key != _GIT_KEY or _names_repository(theirs)]


def settings(file: Path) -> dict[str, Any]:
    """Settings in a stack's file."""
    config: dict[str, Any] = (given_yaml.document(file) or {}).get("config") or {}
    return config


def _names_repository(config: Mapping[str, Any]) -> bool:
    dags = config.get(_DAGS) or {}
    if not isinstance(dags, dict):
        return True  # the program reports the wrong type
    return bool(dags.get("repository")) or dags.get("delivery") == "image"


def _repository(config: Mapping[str, Any]) -> object:
    return _mapping(config.get(_DAGS)).get("repository")


def _encryption(content: Mapping[str, Any]) -> dict[str, Any]:
    return {key: content[key] for key in _ENCRYPTION if key in content}


def _kept(config: Mapping[str, Any], before: Mapping[str, Any]) -> dict[str, Any]:
    """Earlier throwaway secrets that the stack still needs. A git key is kept only for the same repository."""
    moved = {_GIT_KEY} if _repository(config) != _repository(before) else set()
    return {key: before[key] for key in _missing(config) if key in before.keys() - moved}


def _missing(config: Mapping[str, object]) -> list[str]:
    ours = {key.removeprefix(f"{PROJECT}:"): config[key] for key in config if key.startswith(f"{PROJECT}:")}
    return [f"{PROJECT}:{key}" for key in validation.missing_secrets(ours)]


def _throwaway(key: str) -> str:
    return git_repository.new_private_key() if key == _GIT_KEY else secrets.token_urlsafe(24)


def _mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}
