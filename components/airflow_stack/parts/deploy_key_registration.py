"""Deploy keys added to the repository by code: read-only, on GitHub or GitLab, removed with the stack.

The packages of the two hosts are extras of this project and are imported only where a stack asks for them.
"""

from collections.abc import Mapping
from importlib import import_module

import pulumi

from airflow_stack.choices import GitHost
from airflow_stack.git.hosts import DEPLOY_KEY_PACKAGES, github_api, gitlab_api, kind_of
from airflow_stack.git.url import GitUrl


def register(
    name: str,
    url: GitUrl,
    told: GitHost | None,
    keys: Mapping[str, pulumi.Input[str]],
    token: pulumi.Input[str],
    parent: pulumi.Resource,
) -> list[pulumi.Resource]:
    """One deploy key for each public key.

    Args:
        name: Prefix of the resources' names.
        url: The repository.
        told: What runs on its host, where its name does not say.
        keys: Public keys by generation.
        token: Token of the host that may add deploy keys.
        parent: The component that they belong to.
    """
    child = pulumi.ResourceOptions(parent=parent)
    secret, path = pulumi.Output.secret(token), url.path.strip("/").removesuffix(".git")
    kind = kind_of(url, told)
    if kind is GitHost.GITHUB:
        owner, _, repository = path.partition("/")
        package = import_module(DEPLOY_KEY_PACKAGES[kind])
        # The provider adds the path of GitHub Enterprise's API itself.
        address = github_api(url).removesuffix("api/v3/")
        provider = package.Provider(f"{name}-github", token=secret, owner=owner, base_url=address, opts=child)
        resource, place = package.RepositoryDeployKey, {"repository": repository, "read_only": True}
    else:
        package = import_module(DEPLOY_KEY_PACKAGES[GitHost.GITLAB])
        provider = package.Provider(f"{name}-gitlab", token=secret, base_url=gitlab_api(url), opts=child)
        resource, place = package.DeployKey, {"project": path, "can_push": False}
    # A host takes a key once: its successor, for another repository or under another title, has to wait until it is gone.
    opts = pulumi.ResourceOptions(parent=parent, provider=provider, delete_before_replace=True)
    title = f"airflow {pulumi.get_stack()}"
    return [
        resource(f"{name}-deploy-key-{generation}", title=f"{title} {generation}", key=key, **place, opts=opts)
        for generation, key in keys.items()
    ]
