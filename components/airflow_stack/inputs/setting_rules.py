"""What must hold between settings other than those of `dags`. Each rule yields at most one problem for one cause."""

import re
from collections.abc import Callable, Iterator

from pydantic.alias_generators import to_camel

from airflow_stack import credentials
from airflow_stack.chart.delivery import IMAGE_FOLDER
from airflow_stack.chart.managed import managed, variables_of
from airflow_stack.choices import DagDelivery, Executor, GitAuthentication
from airflow_stack.git.url import GitUrl
from airflow_stack.names import GIT_CONNECTION
from airflow_stack.settings.images import OFFICIAL, AirflowImage
from airflow_stack.settings.models import MANAGED_ENVIRONMENT, Settings, shadowed_by
from airflow_stack.settings.problem import Problem, Remove, Set, at_most_one
from airflow_stack.versions import AIRFLOW_VERSION, TESTED, airflow_in, order

from . import dag_rules, login_rules, security_rules, volume_rules, web_rules
from .installed_packages import missing_deploy_key_package

Rule = Callable[[Settings], Iterator[Problem]]


def airflow_version(settings: Settings) -> Iterator[Problem]:
    """Airflow's version in the image is known."""
    image = settings.images.airflow
    path, allowed = "images.airflow", f"Airflow 3; tested are {' and '.join(row.airflow for row in TESTED)}"
    official = image.repository == OFFICIAL or image.repository.endswith(f"/{OFFICIAL}")
    if image.version is None and airflow_in(image.tag) is None:
        reason = f"does not begin with an Airflow 3 version such as {AIRFLOW_VERSION}"
        otherwise = "if the image holds Airflow 3, give its version in images.airflow.version"
        yield Problem(f"{path}.tag", reason, (Set(f"{path}.tag", AIRFLOW_VERSION),), otherwise, allowed)
    elif image.digest and image.version is None and "tag" not in image.model_fields_set:
        reason = "names an image but not its Airflow version, and the tag is left out"
        yield Problem(f"{path}.digest", reason, (Set(f"{path}.tag", AIRFLOW_VERSION),), f"set {path}.version", allowed)
    elif image.version and official and order(image.tag)[:3] not in ((), order(image.version)[:3]):
        reason = f"is not the version of the official image's tag, {image.tag!r}"
        yield Problem(f"{path}.version", reason, (Remove(f"{path}.version"),), allowed=allowed)


def one_database(settings: Settings) -> Iterator[Problem]:
    """There is one database."""
    each = settings.database
    yield from at_most_one(
        "database", inCluster=each.in_cluster, external=each.external, cloudNativePg=each.cloud_native_pg
    )


def one_log_storage(settings: Settings) -> Iterator[Problem]:
    """Task logs have one place."""
    yield from at_most_one("logs", volume=settings.logs.volume, remote=settings.logs.remote)


def keeps_a_deploy_key(settings: Settings) -> Iterator[Problem]:
    """Not every generation of the deploy key is dropped."""
    newest, dropped = settings.rotation.git_ssh_key, settings.rotation.git_ssh_key_dropped
    if dropped >= newest:
        reason = f"gitSshKeyDropped {dropped} leaves no deploy key: it must be less than gitSshKey, which is {newest}"
        raise_first = Set("rotation.gitSshKey", str(dropped + 1))
        yield Problem("rotation", reason, (raise_first, "add the new key to the repository"))


def one_value_for_a_variable(settings: Settings) -> Iterator[Problem]:
    """An environment variable is given once."""
    if twice := sorted(settings.environment.keys() & settings.environment_from.keys()):
        reason = f"{', '.join(twice)}: give a variable in environment or in environmentFrom, not in both"
        yield Problem("environmentFrom", reason, tuple(Remove(f"environmentFrom.{name}") for name in twice))


def variables_of_the_program(settings: Settings) -> Iterator[Problem]:
    """A variable that the program sets itself, or that would lose against one, is left out."""
    connection = f"AIRFLOW_CONN_{GIT_CONNECTION.upper()}"
    for field in ("environment", "environment_from"):
        for name in getattr(settings, field):
            path = f"{to_camel(field)}.{name}"
            if name in MANAGED_ENVIRONMENT or name.startswith(connection):
                yield Problem(path, "is set by the program from its own Secrets", (Remove(path),))
            elif option := shadowed_by(name):
                yield Problem(path, f"has no effect: the program sets {option}, which wins", (Remove(path),))


def variables_of_settings(settings: Settings) -> Iterator[Problem]:
    """A variable does not replace an option that another setting decides."""
    for name, row in variables_of(managed(settings)).items():
        for field in ("environment", "environment_from"):
            if name in getattr(settings, field):
                path = f"{to_camel(field)}.{name}"
                yield Problem(path, f"would replace an option that {row.reason}", (Remove(path), row.step))


def image_with_dags(settings: Settings) -> Iterator[Problem]:
    """With `dags.delivery: image` the image holds DAGs."""
    image = settings.images.airflow
    if settings.dags.delivery is DagDelivery.IMAGE and image.repository == AirflowImage().repository:
        dockerfile = f"`FROM {image.repository}:{image.tag}` and `COPY dags {IMAGE_FOLDER}/dags`"
        yield Problem(
            "images.airflow.repository",
            "is the official image, which holds no DAGs, and dags.delivery is 'image'",
            (
                f"build and push an image whose Dockerfile is {dockerfile}",
                Set("images.airflow.repository"),
                Set("images.airflow.tag"),
            ),
            value=image.repository,
        )


def registration_package(settings: Settings) -> Iterator[Problem]:
    """The package that registers deploy keys is installed."""
    dags = settings.dags
    if dags.register_deploy_key and (extra := missing_deploy_key_package(GitUrl.parse(dags.repository), dags.git_host)):
        reason = f"needs the package pulumi-{extra}, which is not installed"
        yield Problem("dags.registerDeployKey", reason, (f"pip install '.[{extra}]'",), otherwise="leave it out")


def git_sync_for_github_apps(settings: Settings) -> Iterator[Problem]:
    """git-sync is new enough for a GitHub App."""
    tag = settings.images.git_sync.tag
    version = re.match(r"v?(\d+)\.(\d+)", tag)
    if settings.dags.github_app and version and (4, 0) <= (int(version[1]), int(version[2])) < (4, 3):
        reason = "is older than git-sync 4.3, the first with support for GitHub Apps"
        yield Problem("images.gitSync.tag", reason, (Remove("images.gitSync.tag"),), value=tag)


def git_sync_4(settings: Settings) -> Iterator[Problem]:
    """git-sync reads the variables that the chart sets for it.

    git-sync 3 (main.go, `envString`) reads neither GITSYNC_REF nor GITSYNC_PERIOD: it would follow `master`, and poll each second.
    """
    tag = settings.images.git_sync.tag
    version = re.match(r"v?(\d+)\.", tag)
    if settings.dags.delivery is DagDelivery.GIT_SYNC and version and int(version[1]) < 4:
        reason = (
            "is older than git-sync 4, and would ignore dags.branch, dags.tag, dags.commit and the interval of polls"
        )
        yield Problem("images.gitSync.tag", reason, (Remove("images.gitSync.tag"),), allowed="git-sync 4", value=tag)


def quota_of_own_namespace(settings: Settings) -> Iterator[Problem]:
    """A quota goes with a namespace that the stack creates."""
    if not settings.create_namespace and settings.quota:
        reason = "belongs to the creator of the namespace, which is not this stack: createNamespace is false"
        yield Problem("quota", reason, (Remove("quota"),))


def existing_connection_alone(settings: Settings) -> Iterator[Problem]:
    """An existing metadata connection is the only address of the database."""
    if settings.existing_secrets.metadata_connection and settings.database != type(settings.database)():
        reason = "is named twice: existingSecrets.metadataConnection has the address of a database already"
        yield Problem("database", reason, (Remove("database"),))


def broker_url_with_password(settings: Settings) -> Iterator[Problem]:
    """An existing Redis password comes with the URL that contains it."""
    if settings.existing_secrets.redis_password and not settings.existing_secrets.broker_url:
        reason = (
            "is needed with existingSecrets.redisPassword: the URL contains that password, which Pulumi does not know"
        )
        yield Problem("existingSecrets.brokerUrl", reason, (Set("existingSecrets.brokerUrl", "<name>"),))


def existing_secrets_are_read(settings: Settings) -> Iterator[Problem]:
    """Every existing Secret that is named has a reader."""
    read = _read(settings)
    for each in credentials.CREDENTIALS:
        if each.existing and getattr(settings.existing_secrets, each.name) and each not in read:
            path, reason = f"existingSecrets.{each.setting}", "is read by nothing with the stack's other settings"
            if each is credentials.GIT_TOKEN and settings.dags.delivery is DagDelivery.GIT_BUNDLE:
                reason = f"is for git-sync; a git bundle has the token in its connection: set the secret airflow:{each.setting}"
            yield Problem(path, reason, (Remove(path),))


def existing_secrets_are_not_rotated(settings: Settings) -> Iterator[Problem]:
    """A generation belongs to a generated credential."""
    for each in credentials.CREDENTIALS:
        # A higher generation of the admin user's password has a meaning: apply the existing Secret again.
        if not each.existing or not each.rotation or each is credentials.ADMIN_PASSWORD:
            continue
        if getattr(settings.existing_secrets, each.name) and getattr(settings.rotation, each.rotation) != 1:
            path = f"rotation.{to_camel(each.rotation)}"
            reason = (
                f"is for a generated key, and existingSecrets.{each.setting} names one that is rotated at its source"
            )
            yield Problem(path, reason, (Remove(path),))


def _read(settings: Settings) -> list[credentials.Credential]:
    """The existing Secrets that the stack's pods would read."""
    dags = settings.dags
    read = [credentials.METADATA_CONNECTION, credentials.FERNET_KEY, credentials.API_SECRET_KEY, credentials.JWT_SECRET]
    if settings.existing_secrets.metadata_connection:
        read.append(credentials.ASYNC_METADATA_CONNECTION)
    if settings.admin.create:
        read.append(credentials.ADMIN_PASSWORD)
    if settings.access.login:
        read.append(credentials.LOGIN_CLIENT_SECRET)
    if settings.executor is Executor.CELERY:
        read += [credentials.BROKER_URL, credentials.REDIS_PASSWORD, credentials.RESULT_BACKEND]
    if dags.delivery is DagDelivery.GIT_SYNC or dags.authentication is not GitAuthentication.TOKEN:
        read += credentials.needed_by(dags.authentication)
    return read


WITHIN: dict[str, tuple[Rule, ...]] = {
    "access": (
        login_rules.complete,
        login_rules.fields_of_the_provider,
        login_rules.limited,
        login_rules.not_all_admins,
    ),
    "dags": dag_rules.RULES,
    "images": (airflow_version,),
    "database": (one_database, volume_rules.usable_ca_bundle),
    "volumes": (volume_rules.one_source, volume_rules.free_mount_path),
    "logs": (one_log_storage,),
    "web": web_rules.RULES,
    "rotation": (keeps_a_deploy_key,),
    "security": (security_rules.limits_of_isolated_tasks, security_rules.link_local_networks),
}
"""Rules within one setting, in order. The first that fails ends the check of that setting."""
BETWEEN: dict[Rule, frozenset[str]] = {
    one_value_for_a_variable: frozenset({"environment", "environment_from"}),
    variables_of_the_program: frozenset({"environment", "environment_from"}),
    variables_of_settings: frozenset({"dags", "environment", "environment_from", "placement", "security"}),
    volume_rules.ca_variable_once: frozenset({"database", "environment", "environment_from"}),
    volume_rules.known_authorities: frozenset(
        {"database", "environment", "environment_from", "images", "values", "volumes"}
    ),
    volume_rules.no_credential_of_airflow: frozenset({"existing_secrets", "security", "volumes"}),
    volume_rules.beside_dags: frozenset({"dags", "volumes"}),
    web_rules.one_address: frozenset({"ingress", "web"}),
    image_with_dags: frozenset({"dags", "images"}),
    login_rules.https_address: frozenset({"access", "ingress", "values", "web"}),
    login_rules.image_with_authlib: frozenset({"access", "images"}),
    login_rules.free_username: frozenset({"access", "admin"}),
    login_rules.one_login_file: frozenset({"access", "volumes"}),
    login_rules.login_needed: frozenset({"access", "environment", "environment_from", "values"}),
    registration_package: frozenset({"dags"}),
    git_sync_4: frozenset({"dags", "images"}),
    git_sync_for_github_apps: frozenset({"dags", "images"}),
    quota_of_own_namespace: frozenset({"create_namespace", "quota"}),
    existing_connection_alone: frozenset({"existing_secrets", "database"}),
    broker_url_with_password: frozenset({"existing_secrets"}),
    existing_secrets_are_read: frozenset({"access", "existing_secrets", "admin", "executor", "dags"}),
    existing_secrets_are_not_rotated: frozenset({"existing_secrets", "rotation"}),
    security_rules.tasks_of_their_own: frozenset({"security", "executor"}),
    security_rules.other_namespaces_for_pods: frozenset({"security", "namespace"}),
    security_rules.metadata_for_identities: frozenset({"security", "service_account_annotations"}),
    security_rules.results_without_the_database: frozenset({"security", "existing_secrets", "executor"}),
}
"""Rules between settings, and those that each reads: it runs where they are right by themselves."""
