"""The table of credentials is complete: what a new credential lacks fails here, by its name and with the place to add it."""

from typing import Any

import pytest
from cryptography.fernet import Fernet

from airflow_stack.arguments import AirflowArgs
from airflow_stack.cli import placeholder_secrets
from airflow_stack.cli.adopt import inline_secrets, official_chart
from airflow_stack.cli.adopt.model import InstalledRelease, merge
from airflow_stack.cli.diff.model import Effect, RenderedStack, Severity
from airflow_stack.cli.diff.setting_changes import setting_effects
from airflow_stack.cli.manifests import record_stack
from airflow_stack.credentials import (
    CHART_SECRETS,
    CREDENTIALS,
    GIT_SSH_KEY,
    GIT_TOKEN,
    POSTGRESQL,
    SECRETS,
    ChartSecret,
    Credential,
)
from airflow_stack.policies.model import RELEASE, Resource
from airflow_stack.policies.plaintext_rules import RULES
from airflow_stack.settings.models import Settings
from airflow_stack.settings.secrets import ExistingSecrets, Rotation
from tests.support.cases import (
    AUTHENTICATIONS,
    BUNDLES,
    DATABASES,
    HTTPS,
    SSH,
    Config,
    deployed,
    in_python,
    problems,
    settings,
)

TABLE = "components/airflow_stack/credentials.py"
SECRET = "kubernetes:core/v1:Secret"
CANARY = "canary-5e0c"
QUALIFIERS = {"fernet_given": "fernet", "git_ssh_key_dropped": "git_ssh_key"}
"""Fields of `Rotation` that qualify the generation of another field."""
NO_SOURCE = {
    "git_host_token": "no chart reads it",
    "git_token": "the chart reads it from a Secret only",
    "git_connections": "the bundles of a release stop an adoption",
    "github_app_private_key": "the chart has no value for it",
    "async_metadata_connection": "a step of the adoption derives it from the other connection",
    "database_password": "it is a part of the metadata connection",
    "login_client_secret": "a webserver_config.py of the user reads it, under any name",
}
"""Credentials that no chart value can hold, each with the reason."""
EXISTING = [each for each in CREDENTIALS if each.existing]
INLINE = [pytest.param(each, path, id=path) for each in CHART_SECRETS for path in each.plain_text]


BASE: dict[str, Any] = {
    "postgresql": {"enabled": False},
    "dags": {"gitSync": {"enabled": True, "repo": SSH["repository"]}},
}
"""Values of a chart that reads its database and its repository from elsewhere."""


def by_name(credential: ChartSecret) -> str:
    return credential.name


def nested(path: str, value: object) -> dict[str, Any]:
    first, _, rest = path.partition(".")
    return {first: nested(rest, value) if rest else value}


# -- a row for each credential


def test_every_field_of_existing_secrets_has_a_row() -> None:
    rows = {each.name for each in EXISTING}
    assert ExistingSecrets.model_fields.keys() - rows == set(), f"no row with `existing` in {TABLE}"
    assert rows - ExistingSecrets.model_fields.keys() == set(), "no field of `ExistingSecrets`"


def test_every_field_of_rotation_has_a_row() -> None:
    rows = {each.rotation for each in CREDENTIALS if each.rotation}
    assert Rotation.model_fields.keys() - QUALIFIERS.keys() - rows == set(), f"no row with `rotation` in {TABLE}"
    assert rows | {*QUALIFIERS.values()} <= Rotation.model_fields.keys(), "no field of `Rotation`"


def test_every_secret_argument_has_a_row() -> None:
    rows = {each.name for each in SECRETS.values()}
    secret = AirflowArgs.__annotations__.keys() - Settings.model_fields.keys()
    assert secret - rows == set(), f"no row with `given` in {TABLE}"
    assert rows - secret == set(), "no argument of `AirflowArgs`"


STACKS: dict[str, Config] = {
    **{f"git: {name}": {"dags": dags} for name, dags in {**AUTHENTICATIONS, **BUNDLES}.items()},
    **{f"database: {name}": {"database": database} for name, database in DATABASES.items()},
    "celery": {"executor": "CeleryExecutor"},
}


@pytest.mark.parametrize("stack", STACKS)
def test_every_secret_that_a_stack_makes_has_a_row_with_its_keys(stack: str) -> None:
    for made in record_stack(settings(**STACKS[stack]), "test").of_type(SECRET):
        name, keys = made.inputs["metadata"]["name"], made.inputs["stringData"].keys()
        of_repository = name.startswith(f"{GIT_SSH_KEY.secret}-")  # a generated key of one more repository
        rows = [each for each in CREDENTIALS if each.secret == (GIT_SSH_KEY.secret if of_repository else name)]
        assert rows, f"no row with the Secret {name} in {TABLE}"
        known = {key for each in rows for key in each.keys}
        assert not known or keys == known, f"other keys of the Secret {name} in {TABLE}"


ROTATED: dict[str, Config] = {
    **{each.rotation: {each.rotation: 2} for each in CREDENTIALS if each.rotation},
    "git_ssh_key": {"git_ssh_key": 2, "git_ssh_key_dropped": 1},  # until then the old key stays in use
}
PASSWORDS, FERNET_KEYS = ("one", "other"), tuple(Fernet.generate_key().decode() for _ in range(2))
GIVEN: dict[str, tuple[tuple[str, ...], list[Config], set[str]]] = {
    "git_token": (
        PASSWORDS,
        [{"dags": AUTHENTICATIONS["token"]}, {"dags": BUNDLES["bundle, token"]}],
        {"airflow-git-credentials", "airflow-git-connections"},
    ),
    "database_password": (PASSWORDS, [{"database": {"external": {"host": "db"}}}], {"airflow-metadata"}),
    "fernet_key": (FERNET_KEYS, [{"rotation": {"fernetGiven": True}}], {"airflow-fernet-key"}),
}
"""Two values of a given secret, the stacks that use it, and the Secrets that it is in."""


def changed(*args: Config) -> set[str]:
    """The Secrets that differ between two programs."""
    old, new = (
        {each.inputs["metadata"]["name"]: each.inputs["stringData"] for each in deployed(**config).of_type(SECRET)}
        for config in args
    )
    return {name for name in old.keys() | new.keys() if old.get(name) != new.get(name)}


@pytest.mark.parametrize("credential", [each for each in CREDENTIALS if each.rotation], ids=by_name)
def test_a_new_generation_changes_the_secret_and_its_copies_alone(credential: Credential) -> None:
    celery: Config = {"executor": "CeleryExecutor"}
    found = changed(celery, {**celery, "rotation": ROTATED[credential.rotation]})
    assert found == {credential.secret, *credential.copies}, f"`secret` and `copies` in {TABLE}"


@pytest.mark.parametrize("name", GIVEN)
def test_another_given_secret_changes_its_secrets_alone(name: str) -> None:
    values, stacks, secrets = GIVEN[name]
    (credential,) = [each for each in SECRETS.values() if each.name == name]
    found = set[str]().union(*(changed(*({**in_python(stack), name: value} for value in values)) for stack in stacks))
    assert found == secrets
    assert found <= {credential.secret, *credential.copies}, f"`secret` and `copies` in {TABLE}"


def test_the_names_of_rows_settings_and_values_are_unique() -> None:
    for names in (
        [each.name for each in CHART_SECRETS],
        [each.rotation for each in CREDENTIALS if each.rotation],
        [each.chart_value for each in CHART_SECRETS if each.chart_value],
        [path for each in CHART_SECRETS for path in each.inline],
        [(each.secret, key) for each in CREDENTIALS for key in each.keys],
        [variable for each in CREDENTIALS for variable in each.variables],
    ):
        assert len(names) == len(set(names))


# -- what each command says of it


def findings(key: str, field: str, old: object, new: object) -> list[Effect]:
    """What `diff` says of a credential when one part of a setting changes."""
    whole = settings().model_dump(mode="json", by_alias=True)
    sides = [RenderedStack({**whole, key: {**whole[key], field: value}}, {}) for value in (old, new)]
    return [each for each in setting_effects(*sides) if each.kind in ("secret", "database moves")]


@pytest.mark.parametrize("field", Rotation.model_fields)
def test_diff_says_what_every_rotation_means(field: str) -> None:
    alias = Rotation.model_fields[field].alias or field
    old = Rotation.model_fields[field].default
    (found,) = findings("rotation", alias, old, not old if isinstance(old, bool) else old + 1)
    assert found.text, f"no `rotated` in {TABLE}"


@pytest.mark.parametrize("credential", EXISTING, ids=by_name)
def test_diff_says_what_every_secret_of_others_means(credential: Credential) -> None:
    there = findings("existingSecrets", credential.setting, None, "theirs")
    back = findings("existingSecrets", credential.setting, "theirs", None)
    assert [("theirs" in each.text) for each in (*there, *back)] == [True, True], f"no `moved` in {TABLE}"
    assert there[0].severity == back[0].severity


def test_what_fails_running_tasks_or_loses_rows_is_dangerous_in_diff() -> None:
    moved = {each.name for each in CREDENTIALS if each.moved.dangerous}
    assert moved == {"fernet_key", "jwt_secret", "broker_url"}
    assert {each.name for each in CREDENTIALS if each.rotated.dangerous} == {"jwt_secret"}
    assert findings("existingSecrets", "metadataConnection", None, "theirs")[0].severity is Severity.DANGEROUS


def test_every_credential_has_a_source_in_adopt_or_a_reason_why_not() -> None:
    without = {each.name for each in CREDENTIALS if not each.inline}
    assert without == NO_SOURCE.keys(), f"`inline` in {TABLE}, or a reason in NO_SOURCE here"


@pytest.mark.parametrize("credential", [each for each in EXISTING if each.chart_value], ids=by_name)
def test_a_secret_that_a_release_names_is_kept(credential: Credential) -> None:
    values = merge(BASE, nested(credential.chart_value, "theirs"))
    if credential is GIT_TOKEN:
        values["dags"]["gitSync"]["repo"] = HTTPS["repository"]
    adoption = official_chart.convert(values, running(values))
    assert adoption.settings["existingSecrets"][credential.setting] == "theirs"
    assert not [stop for stop in adoption.blockers if "theirs" in stop]


@pytest.mark.parametrize(("credential", "path"), INLINE)
def test_a_secret_in_the_values_of_a_release_is_replaced_by_a_name_or_removed(
    credential: ChartSecret, path: str
) -> None:
    values = nested(path, CANARY)
    found = inline_secrets.replacements(running(values))
    if credential in inline_secrets.FIXED:
        assert found == {}
    else:
        assert "null" in found.values()
        assert (credential.chart_value in found) == bool(credential.chart_value)
        assert CANARY not in str(found)


@pytest.mark.parametrize("path", [path for each in CHART_SECRETS for path in each.plain_text if each is not POSTGRESQL])
def test_a_secret_in_a_values_file_becomes_a_secret_of_the_stack_or_is_reported(path: str) -> None:
    def said(values: dict[str, Any]) -> set[str]:
        adoption = official_chart.convert(merge(BASE, values))
        assert CANARY not in str(adoption)
        return {*adoption.secrets.values(), *adoption.notes, *adoption.blockers}

    found = said(nested(path, {"mine": {"data": CANARY}} if path == "extraSecrets" else CANARY))
    assert found - said({}), f"no source in adopt for {path}: a rule in cli/adopt, or `dropped` in {TABLE}"


@pytest.mark.parametrize(("credential", "path"), INLINE)
def test_a_secret_in_the_values_of_a_stack_or_of_any_release_is_refused(credential: ChartSecret, path: str) -> None:
    values = nested(path, {"mine": {"data": CANARY}} if path == "extraSecrets" else CANARY)
    error = problems({"dags": SSH, "values": values})
    (refused,) = [each for each in credential.inline if path.startswith(each)]
    assert f"values.{refused}" in {problem.path for problem in error.problems}
    assert CANARY not in str(error)
    (rule,) = RULES
    assert list(rule.check(Resource(RELEASE, "airflow", {"values": values})))


@pytest.mark.parametrize("credential", SECRETS.values(), ids=by_name)
def test_a_placeholder_passes_the_check_of_its_secret(credential: Credential) -> None:
    text = placeholder_secrets.placeholder(credential.setting)
    assert text
    if credential.check:
        assert credential.check(text)


def running(values: dict[str, Any]) -> InstalledRelease:
    """A release with every Secret that the chart can make, and one that holds all keys."""
    keys = {each.secret: frozenset(each.keys) for each in CREDENTIALS}
    return InstalledRelease(
        name="airflow",
        namespace="data",
        revision=1,
        chart="airflow",
        chart_version="1.22.0",
        airflow_version="3.3.2",
        values=values,
        manifest=[],
        secrets={**keys, "theirs": frozenset().union(*keys.values())},
    )
