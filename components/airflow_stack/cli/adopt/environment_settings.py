"""Environment variables of the official chart as settings: `env`, `secret`, and `extraEnv`, a text with YAML and templates."""

import json

import yaml

from airflow_stack import credentials
from airflow_stack.chart.managed import MANAGED, Managed, variables_of
from airflow_stack.cli import fast_yaml
from airflow_stack.names import AUTH_MANAGER
from airflow_stack.secret_forms import looks_secret, secret_text
from airflow_stack.settings.models import MANAGED_ENVIRONMENT, shadowed_by

from .credential_settings import credential_of, instead_of
from .model import Adoption, ChartValues, InstalledRelease, Values, mapping, plain_data

_AUTH_MANAGER = "AIRFLOW__CORE__AUTH_MANAGER"
_CONFIG_OF_IT = "config.core.auth_manager"
_DECIDED = variables_of(MANAGED)


def convert_environment(values: ChartValues, adoption: Adoption, release: InstalledRelease | None) -> None:
    """Environment variables of every container. Possible secrets are not written."""
    kept: list[Values] = []
    for number, each in enumerate(values.take_objects("env")):
        if "$(" in str(each.get("value")) and each.get("name") not in MANAGED_ENVIRONMENT:
            kept.append(each.remaining())
            adoption.reach(f"env[{number}]")
        else:
            _variable(each, f"env[{number}]", f"env.{each.get('name')}", adoption, release)
    _extra_env(values, kept, adoption, release)
    for number, each in enumerate(values.take_objects("secret", "envName")):
        adoption.reach(f"secret[{number}]")
        name, secret, key = (each.take_text(part) for part in ("envName", "secretName", "secretKey"))
        _from_secret(name, secret, key, adoption, release)
    for name in sorted(MANAGED_ENVIRONMENT):
        path = f"enableBuiltInSecretEnvVars.{name}"
        if values.take(path) is False:
            adoption.note(
                path,
                "is left out; the program always sets this variable, from its own Secrets or those of airflow:existingSecrets",
            )
        adoption.reach(path)
    for section in [each for each in mapping(values.get("config")) if str(each).startswith("AIRFLOW__")]:
        values.take(f"config.{section}")
        adoption.note(
            f"config.{section}",
            "is the name of a variable, not of a section, so it never had an effect; see airflow:environment",
        )
    convert_auth_manager(values, adoption)


def convert_auth_manager(values: ChartValues, adoption: Adoption) -> None:
    """The auth manager; only FAB has users that the program can create."""
    given = values.take_text(_CONFIG_OF_IT)
    adoption.set(f"values.{_CONFIG_OF_IT}", given, _CONFIG_OF_IT)
    manager = adoption.settings.get("values", {}).get("config", {}).get("core", {}).get("auth_manager", AUTH_MANAGER)
    if manager != AUTH_MANAGER:
        adoption.settings["admin"] = {"create": False}
        adoption.note(
            "airflow:admin.create", f"is false, because {manager.rpartition('.')[2]} has no users in Airflow's database"
        )


def _variable(each: ChartValues, place: str, path: str, adoption: Adoption, release: InstalledRelease | None) -> None:
    """One variable with a value, or with a reference to a Secret."""
    adoption.reach(f"{place}.name", f"{place}.value")
    name, value = each.take_text("name"), each.take("value")
    reference = ChartValues(each.take_object("valueFrom.secretKeyRef"))
    if secret := reference.take_text("name"):
        adoption.reach(f"{place}.valueFrom.secretKeyRef.name", f"{place}.valueFrom.secretKeyRef.key")
        _from_secret(name, secret, reference.take_text("key"), adoption, release)
    elif name in MANAGED_ENVIRONMENT:
        _managed(name, value, path, adoption, release)
    elif row := _DECIDED.get(name):
        _decided(name, value, row, adoption)
    elif option := shadowed_by(name):
        adoption.stop(f"env {name}", f"would have no effect: the program sets {option}; {instead_of(option)}")
    elif looks_secret(name, value):
        adoption.stop(f"env {name}", f"looks like a secret in plain text; {instead_of(name)}")
    elif isinstance(value, str | int | float):
        # Also an empty text, which differs from no variable.
        adoption.settings.setdefault("environment", {})[name] = value if isinstance(value, str) else json.dumps(value)
    else:
        adoption.stop(f"env {name}", "is neither text nor from a Secret; set it in airflow:values.extraEnv")
        adoption.reach(place)


def _from_secret(name: str, secret: str, key: str, adoption: Adoption, release: InstalledRelease | None) -> None:
    if name not in MANAGED_ENVIRONMENT:
        adoption.set(f"environmentFrom.{name}", {"secret": secret, "key": key})
        return
    if release or name == _AUTH_MANAGER:
        _conflict(name, adoption)
        return
    credential = credential_of(name)
    if not credential:  # pragma: no cover  every other managed variable has one
        raise KeyError(name)
    setting = f"existingSecrets.{credential.setting}"
    if key == credential.key:
        adoption.set(setting, secret)
    elif credential is credentials.FERNET_KEY:
        adoption.secrets[credential.setting] = f"Secret {secret}, key {key}"
        adoption.set("rotation.fernetGiven", True)
    elif credential in (credentials.METADATA_CONNECTION, credentials.ASYNC_METADATA_CONNECTION, credentials.BROKER_URL):
        instead = [f"airflow:{setting}"]
        if credential is not credentials.BROKER_URL:
            instead = ["airflow:existingSecrets.metadataConnection", "airflow:database.external"]
        adoption.stop(
            f"env {name}",
            f"is from Secret {secret}, key {key}, and the program reads the key {credential.key}: make a Secret with that key, and name it in "
            + ", or set ".join(instead),
            *(each.removeprefix("airflow:") for each in instead),
        )
    else:
        adoption.note(
            f"env {name}",
            f"is from Secret {secret}, key {key}; the program generates it, or reads the key {credential.key} of the Secret in airflow:{setting}",
        )


def _managed(name: str, value: object, path: str, adoption: Adoption, release: InstalledRelease | None) -> None:
    """A variable that the program sets itself, with a value in the file. The value must not get lost."""
    if name == _AUTH_MANAGER and isinstance(value, str):
        adoption.set(f"values.{_CONFIG_OF_IT}", value)
        adoption.note(f"env {name}", f"becomes airflow:values.{_CONFIG_OF_IT}")
    elif release or name == _AUTH_MANAGER:
        _conflict(name, adoption)
    elif name in credentials.FERNET_KEY.variables:
        adoption.secrets[credentials.FERNET_KEY.setting] = path
        adoption.set("rotation.fernetGiven", True)
    elif name in (*credentials.METADATA_CONNECTION.variables, *credentials.ASYNC_METADATA_CONNECTION.variables):
        adoption.stop(
            f"env {name}",
            "is the connection to the database in plain text; set airflow:database.external and the secret airflow:databasePassword",
            "database.external",
            "existingSecrets.metadataConnection",
        )
    elif name in credentials.BROKER_URL.variables:
        adoption.stop(
            f"env {name}", "is the broker in plain text; name a Secret with it in airflow:existingSecrets.brokerUrl", "existingSecrets.brokerUrl"
        )  # fmt: skip
    else:
        adoption.note(f"env {name}", "the program sets it from its own Secrets")


def _decided(name: str, value: object, row: Managed, adoption: Adoption) -> None:
    """A variable of an option that a setting decides."""
    setting = row.use.removeprefix("airflow:")
    if value == adoption.settings.get(setting):
        adoption.note(f"env {name}", f"follows from airflow:{setting}")
    else:
        adoption.stop(f"env {name}", f"would replace an option that {row.reason}; {row.step}", setting)


def _conflict(name: str, adoption: Adoption) -> None:
    if name == _AUTH_MANAGER:
        adoption.stop(
            f"env {name}",
            f"is from a Secret; set the class in airflow:values.{_CONFIG_OF_IT}",
            f"values.{_CONFIG_OF_IT}",
        )
        return
    adoption.stop(
        f"env {name}",
        "wins over the chart's own value, and the program sets it from the Secret in airflow:existingSecrets. Put the same value into "
        "the chart's Secret, and remove the variable from the release",
    )


def _extra_env(values: ChartValues, kept: list[Values], adoption: Adoption, release: InstalledRelease | None) -> None:
    """The chart's `extraEnv`. What only the chart can express stays there: templates, fields of the pod, optional references.

    Args:
        values: The values.
        kept: Variables of `env` that stand before it.
        adoption: What becomes of them.
        release: The release with these values, if any.
    """
    adoption.reach("extraEnv")
    text = values.take_text("extraEnv")
    try:
        found = fast_yaml.load(text) or []
    except (yaml.YAMLError, ValueError, TypeError, RecursionError):
        found = None
    if not isinstance(found, list):
        _template("\n".join([*([yaml.safe_dump(kept, sort_keys=False, width=1000)] if kept else []), text]), adoption)
        return
    for item in plain_data(found, "extraEnv"):
        if _stays(item):
            kept.append(item)
        else:
            (each,) = ChartValues({"extraEnv": [item]}).take_objects("extraEnv")
            _variable(each, "extraEnv", f"extraEnv.{each.get('name')}", adoption, release)
    if kept:
        adoption.set("values.extraEnv", yaml.safe_dump(kept, sort_keys=False, width=1000))


def _stays(item: object) -> bool:
    """Whether only `extraEnv` can express a variable. It keeps the order, which `$(NAME)` needs: that variable must stand before."""
    if not isinstance(item, dict) or item.get("name") in MANAGED_ENVIRONMENT:
        return False
    source = mapping(item.get("valueFrom"))
    is_plain = set(item) <= {"name", "value"} or (
        set(source) == {"secretKeyRef"} and mapping(source["secretKeyRef"]).keys() == {"name", "key"}
    )
    return not is_plain or any(mark in json.dumps(item) for mark in ("{{", "$("))


def _template(text: str, adoption: Adoption) -> None:
    """A text that becomes YAML only when Helm renders it."""
    if taken := sorted(name for name in MANAGED_ENVIRONMENT if name in text):
        adoption.stop(
            "extraEnv",
            f"is a template that sets {', '.join(taken)}, which the program sets; leave it out of the template",
        )
    elif secret_text(text):
        adoption.stop(
            "extraEnv",
            "is a template with what looks like a secret in plain text; put it into a Secret and name that there",
        )
    else:
        adoption.set("values.extraEnv", text)
        adoption.note("extraEnv", "is a template, and stays one in airflow:values.extraEnv")
