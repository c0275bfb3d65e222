"""Deploy keys in the repository's settings on GitHub or GitLab: read-only, and removed with the stack.

The Pulumi packages of the two hosts are extras of this project, so they are imported only for a stack that registers keys.
"""

from collections.abc import Mapping
from importlib import import_module
from typing import NotRequired, TypedDict

import pulumi

from airflow_stack.choices import GitHost
from airflow_stack.git.hosts import DEPLOY_KEY_PACKAGES, github_api, gitlab_api, kind_of
from airflow_stack.git.url import GitUrl


class DeployKeysArgs(TypedDict):
    """Arguments of `register_deploy_keys`."""

    repository: str
    """URL of the repository."""
    keys: Mapping[str, pulumi.Input[str]]
    """Public keys by generation."""
    token: pulumi.Input[str]
    """Token of the git host that may add deploy keys. Secret."""
    git_host: NotRequired[GitHost | None]
    """Software of the git host, if its name does not tell."""


def register_deploy_keys(name: str, args: DeployKeysArgs, opts: pulumi.ResourceOptions) -> list[pulumi.Resource]:
    """Add each public key to the repository, and return the resources that do."""
    url = GitUrl.parse(args["repository"])
    token, path = pulumi.Output.secret(args["token"]), url.path.strip("/").removesuffix(".git")
    kind = kind_of(url, args.get("git_host"))
    if kind is GitHost.GITHUB:
        owner, _, repository = path.partition("/")
        package = import_module(DEPLOY_KEY_PACKAGES[kind])
        # The provider adds the path of GitHub Enterprise's API itself.
        address = github_api(url).removesuffix("api/v3/")
        provider = package.Provider(f"{name}-github", token=token, owner=owner, base_url=address, opts=opts)
        resource, place = package.RepositoryDeployKey, {"repository": repository, "read_only": True}
    else:
        package = import_module(DEPLOY_KEY_PACKAGES[GitHost.GITLAB])
        provider = package.Provider(f"{name}-gitlab", token=token, base_url=gitlab_api(url), opts=opts)
        resource, place = package.DeployKey, {"project": path, "can_push": False}
    # A host takes a key once. Its replacement, for another repository or title, must wait until it is deleted.
    opts = pulumi.ResourceOptions(parent=opts.parent, provider=provider, delete_before_replace=True)
    title = f"airflow {pulumi.get_stack()}"
    return [
        resource(f"{name}-deploy-key-{generation}", title=f"{title} {generation}", key=key, **place, opts=opts)
        for generation, key in args["keys"].items()
    ]
