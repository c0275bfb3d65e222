"""Stand-ins for the optional packages pulumi-github and pulumi-gitlab: provider and deploy key of each, as seen by the engine."""

import sys
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any

import pulumi
import pytest
from pydantic.alias_generators import to_camel

GITHUB_KEY = "github:index/repositoryDeployKey:RepositoryDeployKey"
GITLAB_KEY = "gitlab:index/deployKey:DeployKey"


def install(patch: pytest.MonkeyPatch) -> None:
    """Make both packages importable."""
    for package, type_ in (("github", GITHUB_KEY), ("gitlab", GITLAB_KEY)):
        module = ModuleType(f"pulumi_{package}")
        module.__spec__ = ModuleSpec(module.__name__, None)
        setattr(module, "Provider", _provider(package))  # noqa: B010  mypy does not know the module's attributes
        setattr(module, type_.rpartition(":")[2], _resource(type_))
        patch.setitem(sys.modules, module.__name__, module)


def _provider(package: str) -> type:
    class Provider(pulumi.ProviderResource):
        def __init__(self, name: str, opts: pulumi.ResourceOptions, **inputs: Any) -> None:
            super().__init__(package, name, {to_camel(key): value for key, value in inputs.items()}, opts)

    return Provider


def _resource(type_: str) -> type:
    class Resource(pulumi.CustomResource):
        def __init__(self, name: str, opts: pulumi.ResourceOptions, **inputs: Any) -> None:
            super().__init__(type_, name, {to_camel(key): value for key, value in inputs.items()}, opts)

    return Resource
