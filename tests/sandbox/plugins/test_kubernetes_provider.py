"""The stand-in for kubernetes: its types and settings."""

import os

import pytest

from sandbox.plugins.kubernetes_provider import PROVIDER
from sandbox.plugins.protocol import InvalidInputError


@pytest.mark.parametrize(
    ("type_", "served"),
    [
        ("kubernetes:core/v1:Secret", True),
        ("kubernetes:postgresql.cnpg.io/v1:Cluster", True),
        ("kubernetes:helm.sh/v3:Release", True),
        ("kubernetes:core/v1:Pod", False),
        ("kubernetes:helm.sh/v4:Chart", False),
        ("kubernetes:yaml/v2:ConfigGroup", False),
    ],
)
def test_only_the_types_of_this_project_are_implemented(type_: str, served: bool) -> None:
    PROVIDER.configure({})
    assert (type_ in PROVIDER.resources) is served


def test_an_unknown_provider_setting_is_refused() -> None:
    with pytest.raises(
        InvalidInputError,
        match=r"does not implement renderYamlToDirectory\. It accepts: enableSecretMutable, kubeconfig",
    ):
        PROVIDER.configure({"renderYamlToDirectory": "out"})


def test_an_explicit_provider_uses_the_cluster_of_its_kubeconfig(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KUBECONFIG", "mine")
    PROVIDER.configure({"kubeconfig": "theirs"})
    assert os.environ["KUBECONFIG"] == "theirs"
