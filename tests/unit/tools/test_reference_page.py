"""The reference has a valid example of every setting, and its links work."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from jsonschema import Draft202012Validator
from pydantic.alias_generators import to_camel

from airflow_stack.airflow import Airflow
from airflow_stack.credentials import SECRETS
from airflow_stack.inputs import installed_packages
from airflow_stack.names import PROJECT
from airflow_stack.settings.fields import models
from airflow_stack.settings.models import Settings
from tests.support.cases import CONTRACT_CHART, ROOT, Config, settings
from tools.generate import REFERENCE, stack_schema
from tools.markdown import anchor, table
from tools.reference_inputs import Example, examples, headings

PAGE = (ROOT / REFERENCE).read_text()
HEADINGS = re.findall(r"^#+ (.*)$", re.sub(r"```.*?```", "", PAGE, flags=re.DOTALL), re.MULTILINE)


def config(example: Example) -> Config:
    """The settings of an example, under the names of a program."""
    given: Config = yaml.safe_load(example.text)
    assert all(key.startswith(f"{PROJECT}:") for key in given)
    return {key.removeprefix(f"{PROJECT}:"): value for key, value in given.items()}


def test_no_example_is_lost_and_each_is_shown_once() -> None:
    assert len(examples()) == (ROOT / "docs" / "reference-examples.yaml").read_text().count("\n---")
    assert [
        example.caption
        for example in examples()
        if PAGE.count(f"\n{example.caption}:\n\n```yaml\n{example.text}```") != 1
    ] == []


@pytest.mark.parametrize("example", examples(), ids=lambda example: example.caption)
def test_the_program_and_editors_accept_every_example(
    example: Example, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(installed_packages, "find_spec", lambda _: True)
    (tmp_path / "charts").mkdir()
    (tmp_path / "charts" / "airflow-1.22.0.tgz").symlink_to(CONTRACT_CHART)
    settings(**config(example))
    Draft202012Validator(stack_schema()).validate({"config": yaml.safe_load(example.text)})


def given(value: object, path: str = "") -> Iterator[str]:
    """The settings that a part of an example gives, by path; names of the user's own as `<name>`."""
    yield path
    if isinstance(value, dict):
        for key, inner in value.items():
            step = "<name>" if f"{path}.<name>" in headings() else key
            yield from given(inner, f"{path}.{step}".lstrip("."))


def test_every_setting_is_in_an_example_or_set_by_a_command() -> None:
    every = {
        f"{path}.{field.alias}".lstrip(".") for path, model in models(Settings) for field in model.model_fields.values()
    }
    assert len(every) > 130
    shown = {path for example in examples() for path in given(config(example))}
    components = {
        path for path in every if path.count(".") == 2 and path.startswith("components.")
    }  # one kind in five places
    assert {path.rpartition(".")[2] for path in components} == {path.rpartition(".")[2] for path in components & shown}
    assert every - components - shown == set()
    assert [key for key, each in SECRETS.items() if f"| `{key}` | `{each.command}` |" not in PAGE] == []


def test_every_input_and_output_has_a_row() -> None:
    rows = set(re.findall(r"^\| \[?`(.*?)`", PAGE, re.MULTILINE))
    assert {field.alias for _, model in models(Settings) for field in model.model_fields.values()} <= rows
    assert {*SECRETS, *map(to_camel, Airflow.__annotations__)} <= rows


def test_every_link_leads_to_one_heading_or_file() -> None:
    anchors = [anchor(heading) for heading in HEADINGS]
    assert len(anchors) == len(set(anchors))
    links = set(re.findall(r"\]\((.*?)\)", PAGE))
    assert len(links) > 25
    assert {link for link in links if link[0] == "#"} <= {f"#{name}" for name in anchors}
    assert [
        link for link in links if link[0] != "#" and "://" not in link and not (ROOT / "docs" / link).is_file()
    ] == []


def test_bars_and_line_breaks_do_not_end_a_cell() -> None:
    assert table(("a",), [["`str | None`\nor so"]]) == "| a |\n| --- |\n| `str \\| None` or so |\n"


def test_only_settings_that_accept_outputs_are_marked() -> None:
    outputs = set(re.findall(r"^\| `(\w+)` \| [^|]* or output \|", PAGE, re.MULTILINE))
    assert outputs == {"namespace", "host", "port", "name", "user"}


def test_the_page_has_a_row_for_every_setting() -> None:
    rows: dict[str, set[str]] = {}
    for line in PAGE.splitlines():
        if heading := re.match(r"#+ `?([^`]*)`?$", line):
            section = rows.setdefault(heading[1], set())
        elif row := re.match(r"\| (?:\[)?`(\w+)`", line):
            section.add(row[1])
    for path, model in models(Settings):
        names = {to_camel(name) for name in model.model_fields}
        assert names - rows[headings()[path]] == set(), path
    assert rows["Secrets"] >= SECRETS.keys()
