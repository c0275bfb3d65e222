"""What `adopt` writes and says."""

from collections.abc import Iterable, Mapping
from typing import Any

import yaml

from airflow_stack.cli.adopt.first_update import Changes
from airflow_stack.cli.adopt.model import Adoption
from airflow_stack.credentials import SECRETS
from airflow_stack.inputs.validation import load
from airflow_stack.inputs.wording import SettingsError, fix_in_stack_file
from airflow_stack.names import PROJECT


class _Dumper(yaml.SafeDumper):
    """Host keys stand line by line."""


def _text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style="|" if "\n" in text else None)


_Dumper.add_representer(str, _text)


def stack_file(settings: Mapping[str, Any], source: str) -> str:
    """The stack file."""
    config = {f"{PROJECT}:{key}": value for key, value in settings.items()}
    return f"# written by `airflow-stack adopt {source}`\n" + yaml.dump(
        {"config": config}, Dumper=_Dumper, sort_keys=False, width=140
    )


def to_correct(adoption: Adoption) -> list[str]:
    """What the program itself says of the settings."""
    secrets = dict.fromkeys(adoption.secrets.keys() & SECRETS.keys(), "")
    try:
        load("", {**adoption.settings, **secrets}, secrets.keys(), secrets_required=False)
    except SettingsError as error:
        return [f"{PROJECT}:{each.path}: {each.reason}; {fix_in_stack_file(each)}" for each in error.problems]
    return []


def told(title: str, lines: Iterable[str]) -> str:
    """A titled list; empty without lines."""
    found = [f"  - {line}" for line in lines]
    return "\n".join([f"{title}:", *found, "", ""]) if found else ""


def steps(commands: Iterable[tuple[str, str]]) -> str:
    """Numbered steps, each with the command to copy."""
    return "".join(f"{number}. {why}:\n     {command}\n" for number, (why, command) in enumerate(commands, 1))


def first_up(changes: Changes, kept: Iterable[str]) -> str:
    """What happens to the release's objects."""
    spared = {("Secret", name) for name in kept} | {
        each for each in changes.removed if each[0] == "PersistentVolumeClaim"
    }
    removed = [f"Helm deletes {kind} {name}" for kind, name in changes.removed if (kind, name) not in spared]
    made = [f"Helm makes {kind} {name}" for kind, name in changes.made]
    left = [
        f"volumes {claim} stay behind with what is on them; delete them by hand when nobody needs it"
        for claim in changes.left_behind
    ]
    return told("The first up changes the release in place", [*removed, *made, *left])
