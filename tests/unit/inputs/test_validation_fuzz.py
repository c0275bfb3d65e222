"""Arbitrary configurations give settings that the whole program can use, or an error with the reason.

`make fuzz` runs ten thousand of them. Most examples are valid stacks with one or two damaged values: completely arbitrary configurations fail at
the first check.
"""

import json
from collections.abc import Iterator
from typing import Any

import hypothesis
import yaml
from hypothesis import event, example, given
from hypothesis import strategies as st
from jsonschema import Draft7Validator
from pydantic.alias_generators import to_camel

from airflow_stack.chart import delivery
from airflow_stack.chart.delivery import followed, poll_warnings
from airflow_stack.chart.values import chart_values
from airflow_stack.credentials import SECRETS
from airflow_stack.git.host_keys import refusal
from airflow_stack.git.url import GitUrl
from airflow_stack.inputs.validation import arguments, load, missing_secrets
from airflow_stack.inputs.version_check import version_warnings
from airflow_stack.inputs.wording import SettingsError, fix_in_stack_file
from airflow_stack.settings.models import Settings
from tests.support import hostile_strategies
from tests.support.cases import CONTRACT_CHART, GIVEN, SSH, Config, closed_schema
from tests.support.strategies import in_order, junk, texts

CANARY = "hunter2canary"
# Ten times as fast with libyaml.
DUMPER, LOADER = getattr(yaml, "CSafeDumper", yaml.SafeDumper), getattr(yaml, "CSafeLoader", yaml.SafeLoader)
CONTRACT = Draft7Validator(closed_schema(CONTRACT_CHART))


def paths(config: object, path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    if isinstance(config, dict):
        for key, inner in config.items():
            yield (*path, key)
            yield from paths(inner, (*path, key))


KEYS = sorted(
    {key for field in [Settings] for key in [f.alias or n for n, f in field.model_fields.items()]} | SECRETS.keys()
)
keys = st.one_of(
    st.sampled_from(KEYS),
    st.sampled_from(KEYS).map(lambda k: k[:-1]),
    st.sampled_from(["repository", "host", "x.y"]),
    texts,
)


@st.composite
def spoilt(draw: st.DrawFn) -> Config:
    """A valid stack with some replaced values and added keys."""
    config: Config = json.loads(json.dumps(draw(in_order)))
    for _ in range(draw(st.integers(0, 3))):
        *parents, key = draw(st.sampled_from(sorted(paths(config))))
        place = config
        for step in parents:
            place = place[step]
        if draw(st.booleans()):
            key = draw(keys)
        place[key] = draw(junk)
        if draw(st.booleans()) and isinstance(config.get(key), dict | list):
            config[key] = json.dumps(config[key])  # as the engine hands objects over
    return config


def taken(config: Config, secret_keys: set[str]) -> Settings | None:
    """The settings, or None if they were refused with messages."""
    try:
        return load("fuzz", config, secret_keys)
    except SettingsError as error:
        assert error.problems
        for problem in error.problems:
            assert problem.path or "" in config
            assert problem.reason
            assert fix_in_stack_file(problem)
            assert not [
                word for word in ("pydantic", "Input should", "a valid", "dictionary") if word in problem.reason
            ]
        assert CANARY not in str(error)
        return None


def usable(settings: Settings) -> None:
    """The rest of the program works with the settings."""
    values = chart_values(settings)
    assert yaml.load(yaml.dump(values, Dumper=DUMPER), Loader=LOADER) == values  # noqa: S506  a safe one
    wrong = [e.json_path for e in CONTRACT.iter_errors(values) if e.absolute_path[0] not in settings.values]
    assert wrong == []
    # What `check` accepts, the program accepts: it validates its arguments once more.
    program = {to_camel(key): value for key, value in arguments(settings, {}).items()}
    again = load("fuzz", program, (), by_name=True, secrets_required=False)
    assert again == settings
    assert followed(settings)
    assert all([*poll_warnings(settings), *version_warnings(settings)])
    for source in (settings.dags, *settings.dags.more_repositories.values()):
        if source.repository and (url := GitUrl.parse(source.repository)).is_ssh:
            assert refusal(delivery.known_hosts(settings.dags), url.host, url.port) is None


few = hypothesis.settings(max_examples=hypothesis.settings().max_examples // 3)


def with_secrets(config: Config) -> Config:
    return {**config, **{key: GIVEN[key] for key in missing_secrets(config)}}


@few
@given(config=in_order)
def test_a_valid_stack_is_accepted(config: Config) -> None:
    settings = load("fuzz", with_secrets(config), set(SECRETS))
    usable(settings)


hostile = st.sampled_from(
    [
        ("dags", "repository", hostile_strategies.git_urls),
        ("dags", "branch", hostile_strategies.refs),
        ("dags", "tag", hostile_strategies.refs),
        ("dags", "knownHosts", hostile_strategies.known_hosts),
        (
            "dags",
            "path",
            st.lists(st.sampled_from(["dags", ".", "..", "", "a b", "\\", "{{x}}", "%"]), max_size=4).map("/".join),
        ),
        ("dags", "depth", st.integers(-1, 2)),
        ("chart", "repository", hostile_strategies.git_urls),
        ("chart", "version", st.sampled_from(["1.15.0", "1.19.0", "1.22.0", "1.99.0", "2.0.0", "latest"])),
        ("ingress", "tlsSecret", st.text(st.sampled_from("aA1.-_/"), max_size=9)),
        ("ingress", "className", st.text(st.sampled_from("aA1.-_/"), max_size=9)),
        ("existingSecrets", "fernetKey", st.text(st.sampled_from("a1.-"), max_size=260)),
    ]
).flatmap(lambda place: place[2].map(lambda value: (*place[:2], value)))


@given(config=in_order, values=st.lists(hostile, min_size=1, max_size=3))
def test_a_stack_with_hostile_values_is_accepted_and_works_or_is_refused(config: Config, values: list[Any]) -> None:
    config = json.loads(json.dumps(config))
    for setting, key, value in values:
        config.setdefault(setting, {"host": "a", "controllerNamespace": "b"} if setting == "ingress" else {})[key] = (
            value
        )
    settings = taken(with_secrets(config), set(SECRETS))
    event("taken" if settings else "refused")
    if settings:
        assert CANARY not in settings.model_dump_json()
        usable(settings)


@given(config=spoilt(), encrypted=st.sets(st.sampled_from(KEYS), max_size=1))
@example(config={"dags": SSH, "values": '{"a":' * 990 + "1" + "}" * 990}, encrypted=set())
@example(config={"dags": SSH, "values": "[" + "9" * 5000 + "]"}, encrypted=set())
def test_a_damaged_stack_is_accepted_or_refused_with_messages(config: Config, encrypted: set[str]) -> None:
    secret_keys = (SECRETS.keys() & config.keys()) | (encrypted & config.keys())
    for key in secret_keys:
        config[key] = CANARY  # what the engine has decrypted
    settings = taken(with_secrets(config), {*secret_keys, *SECRETS})
    event("taken" if settings else "refused")
    if settings:
        usable(settings)


@few
@given(config=st.dictionaries(keys, junk, max_size=6), secret_keys=st.sets(keys, max_size=3))
def test_an_arbitrary_stack_is_accepted_or_refused_with_messages(config: Config, secret_keys: set[str]) -> None:
    settings = taken(config, secret_keys & config.keys())
    if settings:
        usable(settings)
