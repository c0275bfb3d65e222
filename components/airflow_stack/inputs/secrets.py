"""Secrets of a stack: which are needed, unused, unusable or in plain text. No message holds a part of one."""

from collections.abc import Collection, Iterator, Mapping

from pydantic.alias_generators import to_camel

from airflow_stack import credentials
from airflow_stack.choices import DagDelivery, GitAuthentication
from airflow_stack.git.private_key import UnusableKeyError
from airflow_stack.git.url import GitUrl
from airflow_stack.settings.models import Settings
from airflow_stack.settings.problem import Problem, Remove, Set, SetSecret

NEEDED = frozenset({"access", "dags", "database", "rotation", "existing_secrets"})
"""Settings that decide which secrets are needed."""


def required_secrets(settings: Settings) -> list[str]:
    """The secrets without which the settings cannot work."""
    dags, rotation = settings.dags, settings.rotation
    required = credentials.needed_by(dags.authentication)
    if dags.register_deploy_key:
        required.append(credentials.GIT_HOST_TOKEN)
    if settings.database.external:
        required.append(credentials.DATABASE_PASSWORD)
    if rotation.fernet_given and rotation.fernet < 3:  # the newest two are used
        required.append(credentials.FERNET_KEY)
    if settings.access.login:
        required.append(credentials.LOGIN_CLIENT_SECRET)
    return [each.setting for each in required if not getattr(settings.existing_secrets, each.name, None)]


def with_authentication(settings: Settings, secrets: Collection[str]) -> Settings:
    """The settings with `dags.authentication` derived from the repository's URL and the secrets, where it is left out."""
    if settings.dags.authentication is not None or settings.dags.delivery is DagDelivery.IMAGE:
        return settings
    at_hand = {*secrets, *map(to_camel, settings.existing_secrets.model_dump(exclude_none=True))}
    if GitUrl.parse(settings.dags.repository).is_ssh:
        uses_key = credentials.GIT_SSH_KEY.setting in at_hand and not settings.dags.register_deploy_key
        chosen = GitAuthentication.SSH_KEY if uses_key else GitAuthentication.GENERATED_SSH_KEY
    elif settings.dags.github_app:
        chosen = GitAuthentication.GITHUB_APP
    else:
        chosen = GitAuthentication.TOKEN if credentials.GIT_TOKEN.setting in at_hand else GitAuthentication.NONE
    return settings.model_copy(update={"dags": settings.dags.model_copy(update={"authentication": chosen})})


def plain_text_secrets(given: Collection[str], encrypted: Collection[str]) -> Iterator[Problem]:
    """Secrets in plain text, and encrypted values of settings that are not secret."""
    for key in sorted(given):
        if key in credentials.SECRETS and key not in encrypted:
            yield Problem(
                key, "is a secret in plain text", (SetSecret(key), "replace the secret at its source: it was readable")
            )
        elif key in map(to_camel, Settings.model_fields) and key in encrypted:
            yield Problem(
                key,
                "holds an encrypted value, which would be readable in the chart's values",
                ("put it into a Secret of the namespace and name that in environmentFrom",),
                otherwise="use a secret setting",
                allowed="secrets are " + ", ".join(credentials.SECRETS),
            )


def missing_secrets(settings: Settings, given: Collection[str]) -> Iterator[Problem]:
    """Secrets that the settings need and the stack lacks."""
    for key in required_secrets(settings):
        if key not in given:
            yield Problem(key, "is a secret that this stack needs and does not have", (SetSecret(key),))


def unused_secrets(settings: Settings, given: Collection[str]) -> Iterator[Problem]:
    """Secrets that nothing reads."""
    for key in sorted(credentials.SECRETS.keys() & set(given) - {*required_secrets(settings)}):
        reason = "is set, but nothing uses it with the stack's other settings"
        if key == credentials.FERNET_KEY.setting and not settings.rotation.fernet_given:
            reason = "is set without rotation.fernetGiven, which keeps it from being removed too early"
            yield Problem(key, reason, (Set("rotation.fernetGiven", "true"),))
        elif key == credentials.FERNET_KEY.setting and not settings.existing_secrets.fernet_key:
            rotated = "check that `airflow rotate-fernet-key` ran with rotation.fernet 2"
            yield Problem(key, reason, (rotated, Remove(key)))
        else:
            reader = (
                "access.login"
                if key == credentials.LOGIN_CLIENT_SECRET.setting
                else "dags.repository, dags.authentication or database"
            )
            yield Problem(key, reason, (Remove(key),), otherwise=f"correct {reader}")


def unusable_secrets(settings: Settings, given: Mapping[str, object]) -> Iterator[Problem]:
    """Keys of a wrong form, as far as their text is known: not in a stack file, where it is encrypted, and not as an output."""
    for key in sorted(given.keys() & {*required_secrets(settings)}):
        if isinstance(text := given[key], str):
            try:
                credentials.SECRETS[key].usable(text)
            except UnusableKeyError as error:
                yield Problem(key, error.reason, (error.way_out, SetSecret(key)))
