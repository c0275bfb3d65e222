"""The stack file that `adopt` writes, and the texts that it prints."""

from collections.abc import Iterable, Mapping
from typing import Any

import yaml

from airflow_stack.credentials import SECRETS
from airflow_stack.inputs.validation import load
from airflow_stack.inputs.wording import SettingsError, fix_in_stack_file
from airflow_stack.names import PROJECT

from .first_update import FirstUpdate
from .model import Adoption


class _Dumper(yaml.SafeDumper):
    """Writes texts of several lines, such as host keys, as blocks."""


def _text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style="|" if "\n" in text else None)


_Dumper.add_representer(str, _text)


def stack_file(settings: Mapping[str, Any], source: str) -> str:
    """The stack file. `source` are the options that the settings come from."""
    config = {f"{PROJECT}:{key}": value for key, value in settings.items()}
    return f"# written by `airflow-stack adopt {source}`\n" + yaml.dump(
        {"config": config}, Dumper=_Dumper, sort_keys=False, width=140
    )


def settings_problems(adoption: Adoption) -> list[str]:
    """Problems of the settings, found by the validation of stack files."""
    secrets = dict.fromkeys(adoption.secrets.keys() & SECRETS.keys(), "")
    try:
        load("", {**adoption.settings, **secrets}, secrets.keys(), secrets_required=False)
    except SettingsError as error:
        return [f"{PROJECT}:{each.path}: {each.reason}; {fix_in_stack_file(each)}" for each in error.problems]
    return []


def titled_list(title: str, lines: Iterable[str]) -> str:
    """A list under a title; empty without lines."""
    found = [f"  - {line}" for line in lines]
    return "\n".join([f"{title}:", *found, "", ""]) if found else ""


def numbered_steps(steps: Iterable[tuple[str, str]]) -> str:
    """Numbered steps: reason and command of each."""
    return "".join(f"{number}. {reason}:\n     {command}\n" for number, (reason, command) in enumerate(steps, 1))


def first_update_list(update: FirstUpdate, kept_secrets: Iterable[str]) -> str:
    """The effects of the first `up` on the release's objects."""
    kept = {("Secret", name) for name in kept_secrets}
    kept |= {each for each in update.removed if each[0] == "PersistentVolumeClaim"}
    removed = [f"Helm deletes {kind} {name}" for kind, name in update.removed if (kind, name) not in kept]
    created = [f"Helm creates {kind} {name}" for kind, name in update.created]
    left = [
        f"volumes {claim} stay, with their data; delete them by hand when they are no longer needed"
        for claim in update.left_behind
    ]
    return titled_list("The first `pulumi up` changes the release in place", [*removed, *created, *left])
