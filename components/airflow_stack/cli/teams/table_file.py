"""Reads the table, with the line of each entry."""

from pathlib import Path

import yaml

from airflow_stack.cli import given_yaml
from airflow_stack.cli.fast_yaml import LOADER
from airflow_stack.inputs.paths import joined

from .model import TeamStack, read_table


def read(file: Path) -> list[TeamStack]:
    """The Airflows of a table.

    Raises:
        UserError: the file is missing or not YAML.
        TableError: entries are wrong; the message names all of them.
    """
    text = given_yaml.text_of(file)
    return read_table(given_yaml.load(text, str(file)), file.name, _lines(text))


def _lines(text: str) -> dict[str, int]:
    lines: dict[str, int] = {}
    waiting: list[tuple[list[str], yaml.Node | None]] = [([], yaml.compose(text, LOADER))]
    while waiting:
        steps, node = waiting.pop()
        for key, value in node.value if isinstance(node, yaml.MappingNode) else ():
            if isinstance(key, yaml.ScalarNode):
                below = [*steps, key.value]
                lines[joined(below)] = key.start_mark.line + 1
                waiting.append((below, value))
    return lines
