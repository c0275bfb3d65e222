"""A stack's configuration read into `Settings`, with every error at once and in the user's words.

Takes plain mappings, so that the program, the command line and the tests read a stack in the same way. It never prints a secret.
"""

import json
import re
from collections.abc import Collection, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from difflib import get_close_matches
from functools import cache
from typing import Any, cast, get_args, get_origin

import pulumi
from pydantic import BaseModel, TypeAdapter, ValidationError
from pydantic.alias_generators import to_camel, to_snake
from pydantic.fields import FieldInfo
from pydantic_core import PydanticSerializationError

from airflow_stack.arguments import AirflowArgs
from airflow_stack.chart.check import ValueProblem, check_values
from airflow_stack.chart.delivery import IMAGE_FOLDER
from airflow_stack.choices import DagDelivery, GitAuthentication
from airflow_stack.errors import UserError
from airflow_stack.fernet_key import usable_fernet_keys
from airflow_stack.git.private_key import UnusableKeyError, usable, usable_for_github_app
from airflow_stack.git.url import GitUrl
from airflow_stack.inputs.installed_packages import missing_deploy_key_package
from airflow_stack.inputs.version_check import refused_chart
from airflow_stack.settings.existing_secrets import disagreements
from airflow_stack.settings.images import AirflowImage
from airflow_stack.settings.models import Dags, Settings

PROJECT = "airflow"

# Secret keys of a stack, and how each is set; a secret is never part of a model.
SECRETS = {
    "gitSshKey": "pulumi config set --secret airflow:gitSshKey < path/to/private-key",
    "gitToken": "pulumi config set --secret airflow:gitToken",
    "githubAppPrivateKey": "pulumi config set --secret airflow:githubAppPrivateKey < path/to/app.private-key.pem",
    "gitHostToken": "pulumi config set --secret airflow:gitHostToken",
    "databasePassword": "pulumi config set --secret airflow:databasePassword",
    "fernetKey": "pulumi config set --secret airflow:fernetKey",
}
# Of the secrets that can be checked, what raises `UnusableKeyError` or gives the key as it is to be used.
KEY_CHECKS = {"gitSshKey": usable, "githubAppPrivateKey": usable_for_github_app, "fernetKey": usable_fernet_keys}
_NO_DAGS = Dags(repository="https://no.invalid/dags")
_KEYS = [field.alias or name for name, field in Settings.model_fields.items()]
_LOOKS_SECRET = re.compile(r"pass|secret|token|key|credential", re.IGNORECASE)
_HIDDEN = "[hidden]"
# pydantic's types of errors, in the user's words
_REASONS = {
    "string_type": "must be text; put it in quotes",
    "string_unicode": "must be text without half characters",
    **dict.fromkeys(("model_type", "dict_type"), "must be an object with a key for each part"),
    **dict.fromkeys(("int_type", "int_parsing", "int_parsing_size", "int_from_float"), "must be a whole number"),
    **dict.fromkeys(("bool_type", "bool_parsing"), "must be true or false"),
    "tuple_type": "must be a list",
    "invalid_key": "has a key that is not text; put it in quotes",
}


@dataclass(frozen=True)
class Problem:
    """One wrong setting."""

    key: str
    reason: str
    way_out: str
    value: str | None = None
    allowed: str | None = None

    def __str__(self) -> str:
        """Key and value, what is wrong, what is allowed, the way out: a line each."""
        lines = [f"  {self.key}" + (f" = {self.value}" if self.value is not None else ""), f"    {self.reason}"]
        more = {"allowed": self.allowed, "fix": self.way_out}
        return "\n".join([*lines, *(f"    {what}: {text}" for what, text in more.items() if text)])


class SettingsError(UserError, pulumi.RunError, ValueError):  # Pulumi prints a RunError as its message alone
    """A stack whose settings are wrong; `problems` holds all of them."""

    def __init__(self, name: str, problems: list[Problem], *, of: str = "stack", each: str = "setting") -> None:
        self.problems = problems
        count = f"1 {each}" if len(problems) == 1 else f"{len(problems)} {each}s"
        super().__init__(f"{of} {name!r} has {count} to correct\n\n" + "\n\n".join(map(str, problems)) + "\n")


def load(
    stack: str,
    config: Mapping[str, object],
    secret_keys: Collection[str],
    *,
    by_name: bool = False,
    secrets_required: bool = True,
) -> Settings:
    """Read a stack's configuration.

    Args:
        stack: Name of the stack, for the messages.
        config: Values by key without the `airflow:` prefix; objects as mappings or as Pulumi's JSON. Values of secrets may be
            anything; a private key that is plain text here is checked.
        secret_keys: The keys that are encrypted in the stack.
        by_name: Whether nested names are snake_case, as in a program, and not camelCase, as in a stack file.
        secrets_required: Whether a missing secret is an error.

    Raises:
        SettingsError: one or more settings are wrong; it names all of them.
    """
    parsed = {key: value if key in secret_keys else _parsed(value) for key, value in config.items()}
    given = {key: value for key, value in parsed.items() if value not in ("", None, {})}
    problems = [*_secrets_in_the_open(given, secret_keys), *_unknown_keys(given, secret_keys)]
    read: dict[str, Any] = {}
    for name, field in Settings.model_fields.items():
        key = field.alias or name
        if key in secret_keys or (key not in given and not field.is_required()):
            continue
        try:
            adapter = _adapter(name)
            checked = adapter.validate_python(given.get(key, {}), by_alias=not by_name, by_name=by_name)
            adapter.dump_json(checked, fallback=lambda _: None)
            if late := list(_outputs(key, checked)):
                problems += map(_output_problem, late)
            else:
                read[name] = checked
        except ValidationError as error:
            problems += [_explained(key, field, dict(e), by_name=by_name) for e in error.errors()]
        except PydanticSerializationError:
            problems.append(
                _problem(key, given[key], "cannot be sent to the engine: too deep, or half a character", "correct it")
            )
    whole = {"dags": _NO_DAGS, **read}  # with a stand-in for wrong dags: what does not depend on them is reported too
    try:
        settings = Settings(**whole)
    except ValidationError as error:  # each is right, but not together: `Settings` has one such rule
        reasons = [str(e["ctx"]["error"]) for e in error.errors()]
        problems += [
            Problem(f"{PROJECT}:environmentFrom", reason, "take it out of one of the two") for reason in reasons
        ]
        settings = Settings.model_construct(**whole)
    settings = _with_authentication(settings, given.keys())
    if "dags" in read and ("database" in read or "database" not in given):
        problems += _unused_secrets(settings, given)
        problems += _image_without_dags(settings)
        problems += _missing(settings, given) if secrets_required else []
        problems += _unusable_keys(settings, given, secret_keys)
        problems += _unmet_needs(settings)
        problems += [Problem(f"{PROJECT}:{key}", *told) for key, *told in disagreements(settings)]
    of_chart = list(check_values(settings))
    if not any(found.path == "chart.path" for found in of_chart):  # else it is told already that it cannot be read
        of_chart += refused_chart(settings.chart)
    problems += map(_value_problem, of_chart)
    if problems:
        raise SettingsError(stack, problems)
    return settings


def arguments(settings: Settings, secrets: Mapping[str, pulumi.Input[str]]) -> AirflowArgs:
    """The settings of a stack and its secrets as arguments of `Airflow`."""
    given = {to_snake(key): secret for key, secret in secrets.items()}
    return cast(AirflowArgs, {**settings.model_dump(exclude_none=True, exclude_defaults=True), **given})


def missing_secrets(config: Mapping[str, object]) -> list[str]:
    """The secrets that a stack needs and has not got; empty when the stack is wrong in other ways."""
    try:
        settings = load("", config, SECRETS.keys() & config.keys(), secrets_required=False)
    except SettingsError:
        return []
    return [key for key in required_secrets(settings) if config.get(key) in (None, "")]


def required_secrets(settings: Settings) -> list[str]:
    """The secrets without which the settings cannot work."""
    wanted = {
        GitAuthentication.SSH_KEY: ["gitSshKey"],
        GitAuthentication.TOKEN: ["gitToken"],
        GitAuthentication.GITHUB_APP: ["githubAppPrivateKey"],
    }
    authentication = settings.dags.authentication
    git = wanted.get(authentication, []) if authentication else []
    git = git + (["gitHostToken"] if settings.dags.register_deploy_key else [])
    wanted_here = git + (["databasePassword"] if settings.database.external else [])
    if settings.rotation.fernet_given and settings.rotation.fernet < 3:  # the newest two are used
        wanted_here += ["fernetKey"]
    return [key for key in wanted_here if not getattr(settings.existing_secrets, to_snake(key), None)]


def _with_authentication(settings: Settings, given: Collection[str]) -> Settings:
    """Settle how git-sync authenticates where the stack leaves it open."""
    if settings.dags.authentication is not None or settings.dags.delivery is DagDelivery.IMAGE:
        return settings
    given = {*given, *map(to_camel, settings.existing_secrets.model_dump(exclude_none=True))}
    if GitUrl.parse(settings.dags.repository).is_ssh:
        given_key = "gitSshKey" in given and not settings.dags.register_deploy_key
        chosen = GitAuthentication.SSH_KEY if given_key else GitAuthentication.GENERATED_SSH_KEY
    elif settings.dags.github_app:
        chosen = GitAuthentication.GITHUB_APP
    else:
        chosen = GitAuthentication.TOKEN if "gitToken" in given else GitAuthentication.NONE
    return settings.model_copy(update={"dags": settings.dags.model_copy(update={"authentication": chosen})})


def _secrets_in_the_open(given: Mapping[str, object], secret_keys: Collection[str]) -> Iterator[Problem]:
    for key in sorted(given):
        if key in SECRETS and key not in secret_keys:
            yield Problem(
                f"{PROJECT}:{key}", "is a secret and stands in plain text", f"{SECRETS[key]}   (and replace the secret)"
            )
        elif key in _KEYS and key in secret_keys:
            yield Problem(
                f"{PROJECT}:{key}",
                "holds an encrypted value, which would be shown once it reaches the chart",
                "keep it in a Secret of the namespace and name that in environmentFrom, or use a secret setting",
                allowed="secrets are " + ", ".join(SECRETS),
            )


def _missing(settings: Settings, given: Mapping[str, object]) -> list[Problem]:
    reason = "is a secret that this stack needs and has not got"
    return [Problem(f"{PROJECT}:{key}", reason, SECRETS[key]) for key in required_secrets(settings) if key not in given]


def _image_without_dags(settings: Settings) -> Iterator[Problem]:
    image = settings.images.airflow
    if settings.dags.delivery is DagDelivery.IMAGE and image.repository == AirflowImage().repository:
        yield Problem(
            f"{PROJECT}:images.airflow.repository",
            "is the official image, which holds no DAGs, and dags.delivery is 'image'",
            f"build one, `FROM {image.repository}:{image.tag}` and `COPY dags {IMAGE_FOLDER}/dags` are all of its Dockerfile, push it, and set "
            "airflow:images.airflow.repository and airflow:images.airflow.tag",
            repr(image.repository),
        )


def _unusable_keys(settings: Settings, given: Mapping[str, object], secret_keys: Collection[str]) -> Iterator[Problem]:
    """Keys whose text is at hand: not in a stack file, where it is encrypted, and not where it comes from another resource."""
    for key in sorted(KEY_CHECKS.keys() & secret_keys & set(required_secrets(settings))):
        if isinstance(text := given.get(key), str):
            try:
                KEY_CHECKS[key](text)
            except UnusableKeyError as error:
                yield Problem(f"{PROJECT}:{key}", error.reason, f"{error.way_out}, then {SECRETS[key]}")


def _unmet_needs(settings: Settings) -> Iterator[Problem]:
    """What a setting needs from elsewhere: a package, a version."""
    dags, tag = settings.dags, settings.images.git_sync.tag
    if dags.register_deploy_key and (extra := missing_deploy_key_package(GitUrl.parse(dags.repository), dags.git_host)):
        reason = f"needs the package pulumi-{extra}, which is not installed"
        yield Problem(f"{PROJECT}:dags.registerDeployKey", reason, f"pip install '.[{extra}]', or leave it out")
    version = re.match(r"v?(\d+)\.(\d+)", tag)
    if dags.github_app and version and (int(version[1]), int(version[2])) < (4, 3):
        reason = "is older than git-sync 4.3, the first that knows GitHub Apps"
        yield _problem("images.gitSync.tag", tag, reason, f"pulumi config rm --path '{PROJECT}:images.gitSync.tag'")


def _unused_secrets(settings: Settings, given: Mapping[str, object]) -> Iterator[Problem]:
    for key in sorted(SECRETS.keys() & given.keys() - {*required_secrets(settings)}):
        reason = "is set, but nothing uses it with the stack's other settings"
        way_out = f"pulumi config rm {PROJECT}:{key}, or correct dags.repository, dags.authentication or database"
        if key == "fernetKey" and not settings.rotation.fernet_given:
            reason = "is set without rotation.fernetGiven, by which it is missed if it is taken away too early"
            way_out = f"pulumi config set --path '{PROJECT}:rotation.fernetGiven' true"
        elif key == "fernetKey" and not settings.existing_secrets.fernet_key:
            way_out = f"pulumi config rm {PROJECT}:{key}, if `airflow rotate-fernet-key` ran with rotation.fernet 2"
        yield Problem(f"{PROJECT}:{key}", reason, way_out)


def _unknown_keys(given: Mapping[str, object], secret_keys: Collection[str]) -> Iterator[Problem]:
    known = [*_KEYS, *SECRETS]
    for key in sorted(given.keys() - set(known)):
        yield _unknown(key, _HIDDEN if key in secret_keys else given[key], known)


def _unknown(path: str, value: object, known: Collection[str]) -> Problem:
    if (first := path.split(".")[0]) in known and "." in path:
        way_out = f"pulumi config rm '{PROJECT}:{path}', then pulumi config set --path '{PROJECT}:{path}' <value>"
        return _problem(path, value, f"is one key with a dot in it, not a part of {first!r}", way_out)
    parent, _, key = path.rpartition(".")
    nearest = get_close_matches(key, known, n=1, cutoff=0.5)
    if get_close_matches(key, SECRETS, n=1, cutoff=0.7):
        value = _HIDDEN  # a misspelt secret is one all the same
    hint = f"; did you mean {nearest[0]!r}?" if nearest else ""
    way_out = f"pulumi config rm --path '{PROJECT}:{path}'"
    if nearest and nearest[0] in SECRETS:
        way_out += f", then {SECRETS[nearest[0]]}"
    elif nearest:
        way_out += f", then pulumi config set --path '{PROJECT}:{f'{parent}.' if parent else ''}{nearest[0]}' <value>"
    return _problem(path, value, f"is not a setting{hint}", way_out, ", ".join(sorted(known)))


def _explained(key: str, field: FieldInfo, error: Mapping[str, Any], *, by_name: bool) -> Problem:
    steps, value = [key, *(str(step) for step in error["loc"] if step != "[key]")], error["input"]
    if error["type"] == "field":  # see forms.wrong
        inner = error["ctx"]["field"].split(".")
        steps += inner if by_name else [to_camel(step) if "_" in step else step for step in inner]
        for step in steps[-len(inner) :]:
            value = value.get(step, {}) if isinstance(value, Mapping) else value
    path = ".".join(steps)
    way_out = f"pulumi config set --path '{PROJECT}:{path}' <value>"
    if isinstance(error["input"], pulumi.Output):
        return _output_problem(path)
    missing = error["type"] == "missing" or error.get("ctx") == {"field": "repository", "reason": "is required"}
    match "missing" if missing else error["type"]:
        case "missing":
            sandbox = path == "dags.repository" and not by_name
            but = "; without it only `make up` works, and serves this project's own dags/" if sandbox else ""
            return Problem(f"{PROJECT}:{path}", f"is required{but}", way_out)
        case "extra_forbidden":
            return _unknown(path, error["input"], _keys_at(field, steps[1:-1], by_name=by_name))
        case "enum":
            allowed = error["ctx"]["expected"].replace("'", "")
            nearest = get_close_matches(_shown(error["input"]), re.split(r", | or ", allowed), n=1, cutoff=0.4)
            if nearest:
                way_out = way_out.replace("<value>", nearest[0])
            return _problem(path, error["input"], "is not one of the allowed values", way_out, allowed)
        case "value_error":
            reason = str(error["ctx"]["error"])
        case "field":
            reason = error["msg"]
            allowed = error["ctx"].get("allowed")
            if reason.endswith("leave it out"):
                way_out = f"pulumi config rm --path '{PROJECT}:{path}'"
            return _problem(path, value, reason, way_out, allowed)
        case kind:
            reason = _REASONS.get(kind) or error["msg"].replace("Input should", "must")
    return _problem(path, value, reason, way_out)


@cache
def _adapter(name: str) -> TypeAdapter[Any]:
    return TypeAdapter(Settings.model_fields[name].rebuild_annotation())


def _keys_at(field: FieldInfo, steps: list[str], *, by_name: bool) -> list[str]:
    """The setting names that are valid where `steps` leads."""
    annotation: Any = field.annotation
    for step in steps:
        if get_origin(annotation) is dict:
            annotation = get_args(annotation)[1]
        else:
            fields = _fields_in(annotation)
            annotation = next((f.annotation for n, f in fields.items() if step in (n, f.alias)), None)
    return [n if by_name else f.alias or n for n, f in _fields_in(annotation).items()]


def _fields_in(annotation: object) -> dict[str, FieldInfo]:
    """The fields of a model, or of the model in `Model | None`."""
    models = (annotation, *get_args(annotation))
    return next((m.model_fields for m in models if isinstance(m, type) and issubclass(m, BaseModel)), {})


def _outputs(path: str, value: object) -> Iterator[str]:
    """Where outputs are in a value of any form, such as chart values."""
    if isinstance(value, pulumi.Output):
        yield path
    elif isinstance(value, Mapping):
        for key, inner in value.items():
            yield from _outputs(f"{path}.{key}", inner)
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            yield from _outputs(f"{path}.{index}", inner)


def _output_problem(path: str) -> Problem:
    reason = "is a secret or known only once its resource is there, and decides what is made"
    return Problem(f"{PROJECT}:{path}", reason, "give a plain value, such as one of the program's configuration")


def _value_problem(found: ValueProblem) -> Problem:
    return _problem(found.path, found.value, found.reason, found.way_out, found.allowed)


def _problem(path: str, value: object, reason: str, way_out: str, allowed: str | None = None) -> Problem:
    plain = isinstance(value, bool) or (path.startswith("rotation.") and isinstance(value, float | int))
    shown = _HIDDEN if _LOOKS_SECRET.search(path) and not plain else _shown(value)
    return Problem(f"{PROJECT}:{path}", _redacted(reason), way_out, shown, allowed)


def _shown(value: object) -> str:
    """The value on one line, without passwords in URLs, private keys and what a name like `password` stands before."""
    try:
        text = value if isinstance(value, str) else json.dumps(_without_secrets(value), default=str)
    except (TypeError, ValueError, RecursionError):  # keys that are no text, a number of 5000 digits, no end of nesting
        text = f"something of type {type(value).__name__}"
    text = _redacted(text)
    return text if text == _HIDDEN else repr(text if len(text) <= 80 else f"{text[:77]}…")


def _without_secrets(value: object) -> object:
    if isinstance(value, Mapping):
        return {k: _HIDDEN if _LOOKS_SECRET.search(str(k)) else _without_secrets(v) for k, v in value.items()}
    return [_without_secrets(inner) for inner in value] if isinstance(value, list | tuple) else value


def _redacted(text: str) -> str:
    """The text without passwords in URLs, tokens that stand as their user, and private keys."""
    text = re.sub(r"(^|://|')[^/@\s'\"{]*:(?!\d{1,5}/)[^/].*@", rf"\1{_HIDDEN}@", text, flags=re.DOTALL)
    text = re.sub(r"(https?://)[^/@\s]+@", rf"\1{_HIDDEN}@", text)
    return _HIDDEN if "PRIVATE KEY" in text else text


def _parsed(value: object) -> object:
    """Pulumi hands objects over as JSON; a text that is no object stays as it is."""
    if isinstance(value, str) and value[:1] in ("{", "["):
        with suppress(ValueError, RecursionError):
            return json.loads(value)
    return value
