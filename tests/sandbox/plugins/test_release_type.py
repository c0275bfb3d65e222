"""Helm releases of the stand-in for kubernetes, as far as they need no cluster."""

from typing import Any

import pytest

from sandbox.plugins.helm_cli import HelmCli, HelmError
from sandbox.plugins.property_values import Properties, is_secret, secret
from sandbox.plugins.protocol import InvalidInputError, NotReadyError, PluginError, Request
from sandbox.plugins.release_type import ReleaseType


class Recorded(HelmCli):
    """Helm with recorded revisions, and optionally a failing command."""

    def __init__(self, *revisions: Properties | None, failure: str = "") -> None:
        super().__init__()
        self._revisions, self._failure = iter(revisions), failure

    def run(self, *arguments: str, stdin: str = "") -> str:
        if self._failure and arguments[0] in ("install", "upgrade"):
            raise HelmError(self._failure)
        return "version: 1.2.3\n"

    def release(self, name: str, namespace: str) -> Properties | None:
        return next(self._revisions)


PLACE = {"chart": "x", "name": "app", "namespace": "n"}


def revision(number: int, **config: Any) -> Properties:
    manifest = "{apiVersion: v1, kind: Secret, metadata: {name: s, namespace: n}}\n---\n"
    status: Properties = {"name": "app", "namespace": "n", "version": number, "info": {"status": "deployed"}}
    metadata = {"chart": "x", "version": "1.2.3", "appVersion": "9"}
    return {"status": status | {"config": config, "manifest": manifest}, "metadata": metadata}


def checked(**inputs: Any) -> Properties:
    return ReleaseType(Recorded()).check(Request(inputs=PLACE | inputs))


@pytest.mark.parametrize(
    ("inputs", "named"),
    [
        ({"postrender": "./hook"}, "does not implement postrender"),
        ({"atomic": True}, "does not implement atomic. It accepts: chart,"),
        ({"repositoryOpts": {"repo": "https://x", "password": "p"}}, "does not implement password. It accepts: repo"),
        ({"namespace": ""}, "requires namespace"),
    ],
)
def test_an_input_that_is_not_implemented_is_refused(inputs: Properties, named: str) -> None:
    with pytest.raises(InvalidInputError, match=named):
        checked(**inputs)


def test_a_release_has_all_inputs_with_defaults_and_the_version_of_its_chart() -> None:
    inputs = checked(compat="true", values={"a": 1})
    assert {
        "atomic": False,
        "keyring": "",
        "timeout": 300,
        "version": "1.2.3",
        "values": {"a": 1},
    }.items() <= inputs.items()
    assert "compat" not in inputs


def test_the_state_of_a_release_lists_its_objects_and_encrypts_its_inputs() -> None:
    inputs = checked(values={"a": secret("x"), "b": [secret("y")]})
    _, outputs = ReleaseType(Recorded(None, revision(1, a="x", b=["y"]))).create(Request(inputs=inputs))
    assert outputs["resourceNames"] == {"Secret/v1": ["n/s"]}
    assert outputs["status"]["revision"] == 1
    assert outputs["values"] == {"a": secret("x"), "b": secret(["y"])}
    assert is_secret(outputs["__inputs"])


def test_only_a_former_input_of_a_release_can_be_deleted() -> None:
    old, new = checked(values={"a": 1, "b": 2}, maxHistory=5), checked(values={"a": 3})
    outputs = old | {"status": {}, "__inputs": secret(old), "values": {"a": 1, "b": 2, "foreign": 0}}
    found = ReleaseType(Recorded()).diff(Request(inputs=new, outputs=outputs))
    assert found.paths == {
        "maxHistory": ("DELETE", True),
        "values.a": ("UPDATE", False),
        "values.b": ("DELETE", True),
    }


def test_a_failed_release_has_the_message_of_the_official_provider() -> None:
    late = Recorded(revision(1), revision(2), failure="context deadline exceeded")
    with pytest.raises(NotReadyError) as failed:
        ReleaseType(late).update(Request(inputs=checked()))
    assert failed.value.reasons == [
        'Helm release "n/app" failed to initialize completely. Use Helm CLI to investigate: failed to become available '
        "within allocated timeout. Error: Helm Release n/app: context deadline exceeded"
    ]


def test_an_upgrade_that_helm_refused_changes_no_state() -> None:
    refused = Recorded(revision(1), revision(1), failure="another operation is in progress")
    with pytest.raises(PluginError, match=r"^another operation is in progress$"):
        ReleaseType(refused).update(Request(inputs=checked()))
