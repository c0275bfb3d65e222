"""What the stand-in for kubernetes decides without a cluster."""

import base64
import os
import threading
from typing import Any

import pytest

from sandbox.plugins import awaits
from sandbox.plugins.api import Api, ApiError
from sandbox.plugins.helm import Helm
from sandbox.plugins.kubernetes import PROVIDER
from sandbox.plugins.objects import Objects
from sandbox.plugins.protocol import InvalidInputError, Subject
from sandbox.plugins.release import Release
from sandbox.plugins.wire import UNKNOWN, Path, Properties, is_secret, plain, secret


class Cluster(Api):
    """A cluster of one object, whose server undoes whatever was changed before it answers."""

    def __init__(self, live: Properties) -> None:
        super().__init__()
        self.live = live

    def get(self, api_version: str, kind: str, namespace: str, name: str) -> Properties | None:
        return self.live or None

    def apply(self, manifest: Properties, *, dry_run: bool = False) -> Properties:
        if not self.live:
            raise ApiError(404, "namespaces not found")
        return {**self.live, **manifest}


def objects(kind: str, live: Properties | None = None, *, mutable: bool = False) -> Objects:
    return Objects(Cluster(live or {}), threading.Event(), "v1", kind, mutable)


def named(**inputs: Any) -> Subject:
    metadata = {"metadata": {"name": "name", "namespace": "space"}}
    return Subject("space/name", {**metadata, **inputs}, {**metadata, **inputs})


@pytest.mark.parametrize(
    ("kind", "path", "replaced"),
    [
        ("Job", ("spec", "template", "spec", "containers", 0, "image"), True),
        ("Job", ("spec", "backoffLimit"), False),
        ("StatefulSet", ("spec", "volumeClaimTemplates", 0), True),
        ("StatefulSet", ("spec", "template", "spec"), False),
        ("PersistentVolumeClaim", ("spec", "storageClassName"), True),
        ("PersistentVolumeClaim", ("spec", "resources", "requests", "storage"), False),
        ("Namespace", ("metadata", "name"), True),
        ("Namespace", ("metadata", "labels", "a"), False),
        ("Secret", ("data", "key"), True),
        ("Secret", ("type",), True),
        ("Service", ("spec", "ports", 0), False),
    ],
)
def test_a_new_object_is_needed_where_the_official_provider_needs_one(kind: str, path: Path, replaced: bool) -> None:
    assert objects(kind).replaced_by(path) is replaced


def test_a_secret_made_mutable_is_updated_in_place() -> None:
    mutable = objects("Secret", mutable=True)
    assert not mutable.replaced_by(("data", "key"))
    assert mutable.replaced_by(("type",))


def test_only_the_same_name_makes_the_old_object_go_first() -> None:
    assert objects("Secret").delete_before_replace(named())
    renamed = {"metadata": {"name": "other", "namespace": "space"}}
    assert not objects("Secret").delete_before_replace(Subject(inputs=renamed, old_inputs=named().inputs))


def test_an_object_without_a_name_is_refused() -> None:
    with pytest.raises(InvalidInputError, match=r"metadata\.name is needed"):
        objects("Service").check(Subject(inputs={"metadata": {"namespace": "space"}}))


def test_the_data_of_a_secret_is_secret_whoever_gave_it_and_an_unknown_stays_one() -> None:
    checked = objects("Secret").check(named(stringData={"key": "text", "later": UNKNOWN}, type="Opaque"))
    assert checked["data"] == secret({"key": base64.b64encode(b"text").decode(), "later": UNKNOWN})
    assert checked["type"] == "Opaque"


def test_texts_that_no_preview_knows_yet_are_data_that_it_does_not_know() -> None:
    assert plain(objects("Secret").check(named(stringData=secret(UNKNOWN)))["data"]) == UNKNOWN


def test_drift_is_found_in_the_text_of_a_secret_and_stays_secret() -> None:
    drifted = base64.b64encode(b"drifted").decode()
    live = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "name", "namespace": "space"}}
    live |= {"data": {"key": drifted, "foreign": "eA=="}}
    checked = objects("Secret").check(named(stringData={"key": "text"}))
    found = objects("Secret", live).read(Subject("space/name", checked, outputs={"kind": "Secret"}))
    assert found
    assert found[1]["data"] == secret({"key": drifted})
    assert is_secret(found[2]["data"])


def test_a_preview_without_its_namespace_is_no_error() -> None:
    subject = Subject(inputs=named(apiVersion="v1", kind="Service").inputs, preview=True)
    assert objects("Service").create(subject) == ("", subject.inputs)


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
def test_only_the_types_of_this_project_are_served(type_: str, served: bool) -> None:
    PROVIDER.configure({})
    assert (type_ in PROVIDER.resources) is served


def test_a_provider_setting_that_is_not_honoured_is_refused() -> None:
    with pytest.raises(
        InvalidInputError, match=r"takes only enableSecretMutable, kubeconfig, not renderYamlToDirectory"
    ):
        PROVIDER.configure({"renderYamlToDirectory": "out"})


def test_a_provider_of_its_own_has_the_cluster_of_its_kubeconfig(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KUBECONFIG", "mine")
    PROVIDER.configure({"kubeconfig": "theirs"})
    assert os.environ["KUBECONFIG"] == "theirs"


def live(api_version: str, kind: str, status: Properties, **spec: Any) -> Properties:
    metadata = {"name": "name", "generation": 2}
    return {"apiVersion": api_version, "kind": kind, "metadata": metadata, "spec": spec, "status": status}


DONE = {"observedGeneration": 2, "replicas": 1, "updatedReplicas": 1, "availableReplicas": 1, "readyReplicas": 1}


@pytest.mark.parametrize(
    ("thing", "lacking"),
    [
        (live("apps/v1", "Deployment", DONE), None),
        (live("apps/v1", "Deployment", {**DONE, "observedGeneration": 1}), "its controller has not seen"),
        (live("apps/v1", "StatefulSet", {**DONE, "readyReplicas": 0}), "readyReplicas 0 of 1"),
        (live("batch/v1", "Job", {"active": 1}), "1 active, 0 succeeded"),
        (live("batch/v1", "Job", {"conditions": [{"type": "Complete", "status": "True"}]}), None),
        (live("v1", "PersistentVolumeClaim", {"phase": "Pending"}), "the volume is not bound"),
        (live("v1", "ConfigMap", {}), None),
    ],
)
def test_an_object_is_awaited_by_its_kind(thing: Properties, lacking: str | None) -> None:
    found = awaits.missing(thing)
    assert (found is None) if lacking is None else (found is not None and lacking in found)


def test_a_custom_resource_waits_for_the_condition_that_its_annotation_names() -> None:
    cluster = live("postgresql.cnpg.io/v1", "Cluster", {})
    cluster["metadata"]["annotations"] = {"pulumi.com/waitFor": "condition=Ready"}
    assert awaits.missing(cluster) == "its condition Ready is not met"
    cluster["status"] = {"conditions": [{"type": "Ready", "status": "True"}]}
    assert awaits.missing(cluster) is None


@pytest.mark.parametrize(
    ("inputs", "named"),
    [
        ({"postrender": "./hook"}, "takes only"),
        ({"repositoryOpts": {"repo": "https://x", "password": "p"}}, "takes only repo, not password"),
        ({"namespace": ""}, "needs its namespace"),
    ],
)
def test_an_input_that_the_release_cannot_honour_is_refused(inputs: Properties, named: str) -> None:
    place = {"chart": "x", "name": "x", "namespace": "n"}
    with pytest.raises(InvalidInputError, match=named):
        Release(Cluster({}), Helm()).check(Subject(inputs=place | inputs))
