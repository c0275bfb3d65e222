"""The DAG repository as a stack sees it: how pods get in, by which delivery, and what the stack tells of it.

It puts `GitAccess` and `GitBundle` together; what each delivery means to the chart is in `delivery.py`.
"""

import pulumi

from airflow_stack.arguments import AirflowArgs
from airflow_stack.chart.delivery import bundles, known_hosts, polls_per_hour
from airflow_stack.choices import DagDelivery, GitAuthentication, GitRefKind
from airflow_stack.git.hosts import deploy_key_page
from airflow_stack.git.url import GitUrl
from airflow_stack.parts.git_access import GitAccess, GitAccessArgs
from airflow_stack.parts.git_bundle import GitBundle
from airflow_stack.parts.kubernetes import PlacedArgs
from airflow_stack.settings.models import Settings


class DagSource:
    """What pods need to read the DAGs, made."""

    resources: list[pulumi.Resource]
    """What must be there before any pod."""
    digests: dict[str, pulumi.Output[str]]
    """Digest of each Secret's content, by its name."""
    deploy_keys: dict[str, pulumi.Output[str]] | None = None
    """Where more than one generated key is kept, all of them by generation."""
    deploy_key: pulumi.Output[str] | None = None
    """The newest of them."""
    deploy_key_page: str | None = None
    """Page on which it is added."""
    repository_deploy_keys: dict[str, pulumi.Output[str]] | None = None
    """The generated key of each further repository."""
    followed: tuple[str | None, str | None, GitRefKind | None] = (None, None, None)
    """Repository, ref, and what kind of ref that is."""
    polls_per_hour: int | None = None
    """Logins on git hosts in an hour."""

    def __init__(
        self,
        name: str,
        settings: Settings,
        args: AirflowArgs,
        placed: PlacedArgs,
        salt: pulumi.Input[str],
        opts: pulumi.ResourceOptions,
    ) -> None:
        dags, access = settings.dags, _access(settings, args, placed, salt)
        bundled, existing = dags.delivery is DagDelivery.GIT_BUNDLE, settings.existing_secrets
        # With git bundles a token is part of the connection and has no Secret of its own.
        in_connection = bundled and access["authentication"] is GitAuthentication.TOKEN
        if in_connection or existing.git_ssh_key or existing.git_token or existing.github_app_private_key:
            git = GitAccess(name, {**access, "authentication": GitAuthentication.NONE}, opts)
        else:
            git = GitAccess(name, access, opts)
        self.resources, self.digests = [git], dict(git.digests)
        if bundled:
            hosts = known_hosts(dags)
            connections = GitBundle(
                f"{name}-bundle",
                {**placed, "bundles": bundles(dags, settings.secret_names), "access": access, "known_hosts": hosts},
                opts,
            )
            self.resources.append(connections)
            self.digests |= connections.digests
            self.repository_deploy_keys = connections.deploy_keys or None
        if keys := git.deploy_keys:
            self.deploy_key = [*keys.values()][-1]
            self.deploy_keys = keys if len(keys) > 1 else None
            self.deploy_key_page = deploy_key_page(GitUrl.parse(dags.repository), dags.git_host)
        if dags.delivery is not DagDelivery.IMAGE:
            self.followed = (dags.repository, dags.ref, dags.ref_kind)
            self.polls_per_hour = sum(polls_per_hour(settings).values())


def _access(settings: Settings, args: AirflowArgs, placed: PlacedArgs, salt: pulumi.Input[str]) -> GitAccessArgs:
    access: GitAccessArgs = {
        "namespace": placed["namespace"],
        "labels": placed.get("labels", {}),
        "salt": salt,
        "authentication": settings.dags.authentication or GitAuthentication.NONE,
        "repository": settings.dags.repository,
        "username": settings.dags.username,
        "generation": settings.rotation.git_ssh_key,
        "dropped": settings.rotation.git_ssh_key_dropped,
        "git_host": settings.dags.git_host,
    }
    if "git_ssh_key" in args:
        access["ssh_key"] = args["git_ssh_key"]
    if "git_token" in args:
        access["token"] = args["git_token"]
    if "github_app_private_key" in args:
        access["github_app_private_key"] = args["github_app_private_key"]
    if "git_host_token" in args:
        access["git_host_token"] = args["git_host_token"]
    return access
