"""Arbitrary configurations end in settings that the whole program can use, or in an error that says what is wrong.

`make fuzz` runs ten thousand of them. Most examples begin as a stack that is in order, and are then spoilt in a place or two: what is
wholly arbitrary is refused at the door and tests only the door.
"""

import json
from collections.abc import Iterator
from typing import Any

import hypothesis
import yaml
from hypothesis import event, example, given
from hypothesis import strategies as st
from jsonschema import Draft7Validator

from components.settings import Settings
from components.stack_config import SECRETS, SettingsError, load, missing_secrets
from components.values import chart_values
from tests.cases import AUTHENTICATIONS, CONTRACT_CHART, HTTPS, SSH, Config, closed_schema

CANARY = "hunter2canary"
# Ten times as fast where libyaml is at hand.
DUMPER, LOADER = getattr(yaml, "CSafeDumper", yaml.SafeDumper), getattr(yaml, "CSafeLoader", yaml.SafeLoader)
CONTRACT = Draft7Validator(closed_schema(CONTRACT_CHART))

texts = st.one_of(
    st.text(max_size=30),
    st.text(st.characters(), min_size=200, max_size=400),
    st.sampled_from(["", " ", "\0", "\n", "\u202e", "\ud800", "[", "{", "{}", "null", "0", "-1", "1e400", "main", "../..", "a" * 300]),
)
scalars = st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), texts, st.integers(10**20, 10**30))
junk = st.recursive(
    scalars, lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(texts, inner, max_size=3)), max_leaves=8
)


def some(**parts: st.SearchStrategy[Any]) -> st.SearchStrategy[Config]:
    """An object with some of its parts."""
    return st.fixed_dictionaries({}, optional=parts)


def one(**parts: st.SearchStrategy[Any]) -> st.SearchStrategy[Config]:
    """An object with one of its parts."""
    return st.one_of(*(st.fixed_dictionaries({name: part}) for name, part in parts.items()))


names = st.text("abyz019", min_size=1, max_size=20)
quantities = st.builds(lambda n, unit: f"{n}{unit}", st.integers(1, 4096), st.sampled_from(["", "m", "Ki", "Mi", "Gi"]))
lines = st.text(st.characters(exclude_categories=["C"]), min_size=1, max_size=20)
labels = st.dictionaries(st.one_of(names, names.map("example.com/{}".format)), names, max_size=3)
component = some(replicas=st.integers(1, 9), cpu=quantities, memory=quantities)
image = some(repository=st.sampled_from(["acme/it", "registry.example.com:5000/it"]), tag=st.sampled_from(["3.2.2", "3.1.0-x"]))
dags = st.builds(
    lambda git, ref, more: {**git, **ref, **more},
    st.sampled_from([SSH, HTTPS, *({k: v for k, v in a.items() if k not in ("branch", "tag", "commit")} for a in AUTHENTICATIONS.values())]),
    st.one_of(st.just({}), one(branch=names, tag=names, commit=st.just("0123456789abcdef" * 4))),
    some(path=names, depth=st.integers(1, 99), visibleWithinSeconds=st.integers(20, 3600), username=lines, knownHosts=lines.filter(str.strip)),
)  # fmt: skip
in_order = st.builds(
    lambda needed, more: {**needed, **more},
    st.fixed_dictionaries({"dags": dags}),
    some(
        executor=st.sampled_from(["KubernetesExecutor", "LocalExecutor", "CeleryExecutor"]),
        size=st.sampled_from(["small", "medium", "large"]),
        components=some(**dict.fromkeys(("apiServer", "scheduler", "dagProcessor", "triggerer", "workers"), component)),
        database=one(
            inCluster=some(storage=quantities, storageClass=names),
            external=st.builds(
                lambda needed, more: {**needed, **more},
                st.fixed_dictionaries({"host": names}),
                some(port=st.integers(1, 65535), name=lines, user=lines, sslMode=st.sampled_from(["disable", "verify-full"])),
            ),
            cloudNativePg=some(instances=st.integers(1, 9), storage=quantities),
        ),
        ingress=st.builds(
            lambda needed, more: {**needed, **more},
            st.fixed_dictionaries({"host": names, "controllerNamespace": names}),
            some(className=names, tlsSecret=names, annotations=labels),
        ),
        admin=some(create=st.booleans(), username=lines, email=st.just("a@example.com"), firstName=lines, lastName=lines),
        logs=one(volume=st.fixed_dictionaries({"size": quantities}), remote=st.just({"folder": "s3://a/b", "connection": "c"})),
        images=some(registry=names, pullSecrets=st.lists(names, max_size=2), airflow=image, redis=image),
        chart=some(version=st.just("1.22.0"), timeoutSeconds=st.integers(60, 7200)),
        namespace=names,
        quota=st.dictionaries(names, quantities, max_size=2),
        labels=labels,
        serviceAccountAnnotations=st.dictionaries(names, lines, max_size=2),
        environment=st.dictionaries(st.text("ABC_", min_size=1, max_size=9), lines, max_size=3),
        environmentFrom=st.dictionaries(
            st.text("XYZ", min_size=1, max_size=9), st.fixed_dictionaries({"secret": names, "key": names}), max_size=2
        ),
        rotation=some(jwt=st.integers(1, 3), fernet=st.integers(1, 3), gitSshKey=st.integers(1, 3)),
        protect=st.booleans(),
    ),
)


def paths(config: object, path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    if isinstance(config, dict):
        for key, inner in config.items():
            yield (*path, key)
            yield from paths(inner, (*path, key))


KEYS = sorted({key for field in [Settings] for key in [f.alias or n for n, f in field.model_fields.items()]} | SECRETS.keys())
keys = st.one_of(st.sampled_from(KEYS), st.sampled_from(KEYS).map(lambda k: k[:-1]), st.sampled_from(["repository", "host", "x.y"]), texts)


@st.composite
def spoilt(draw: st.DrawFn) -> Config:
    """A stack in order with a value replaced, or a key added, here and there."""
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
    """The settings, or None when they were refused in words."""
    try:
        return load("fuzz", config, secret_keys)
    except SettingsError as error:
        assert error.problems
        for problem in error.problems:
            assert problem.key.startswith("airflow:")
            assert problem.reason
            assert problem.way_out
        message = str(error)
        assert CANARY not in message
        assert not [word for word in ("pydantic", "Input should", "instance of", "Traceback") if word in message]
        message.encode("ascii", "backslashreplace")
        return None


def usable(settings: Settings) -> None:
    """The rest of the program can live with the settings."""
    values = chart_values(settings)
    assert yaml.load(yaml.dump(values, Dumper=DUMPER), Loader=LOADER) == values
    wrong = [e.json_path for e in CONTRACT.iter_errors(values) if e.absolute_path[0] not in settings.values]
    assert wrong == []


few = hypothesis.settings(max_examples=hypothesis.settings.default.max_examples // 3)


def with_secrets(config: Config) -> Config:
    return {**config, **dict.fromkeys(missing_secrets(config), CANARY)}


@few
@given(config=in_order)
def test_a_stack_in_order_is_taken(config: Config) -> None:
    settings = load("fuzz", with_secrets(config), set(SECRETS))
    usable(settings)


@given(config=spoilt(), encrypted=st.sets(st.sampled_from(KEYS), max_size=1))
@example(config={"dags": SSH, "values": '{"a":' * 990 + "1" + "}" * 990}, encrypted=set())
@example(config={"dags": SSH, "values": "[" + "9" * 5000 + "]"}, encrypted=set())
def test_a_spoilt_stack_is_taken_or_refused_in_words(config: Config, encrypted: set[str]) -> None:
    secret_keys = (SECRETS.keys() & config.keys()) | (encrypted & config.keys())
    for key in secret_keys:
        config[key] = CANARY  # what the engine has decrypted
    settings = taken(with_secrets(config), {*secret_keys, *SECRETS})
    event("taken" if settings else "refused")
    if settings:
        usable(settings)


@few
@given(config=st.dictionaries(keys, junk, max_size=6), secret_keys=st.sets(keys, max_size=3))
def test_a_wholly_arbitrary_stack_is_taken_or_refused_in_words(config: Config, secret_keys: set[str]) -> None:
    settings = taken(config, secret_keys & config.keys())
    if settings:
        usable(settings)
