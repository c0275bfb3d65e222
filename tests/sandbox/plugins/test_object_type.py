"""Objects of the stand-in for kubernetes, as far as it needs no cluster."""

import base64
import threading
from typing import Any

import pytest

from sandbox.plugins.await_logic import AwaitLogic
from sandbox.plugins.checkpoint import checkpoint, pruned
from sandbox.plugins.engine_log import OperationLog
from sandbox.plugins.kubernetes_api import KubernetesApi, KubernetesApiError
from sandbox.plugins.object_type import ObjectType
from sandbox.plugins.property_values import UNKNOWN, Properties, is_secret, plain, secret
from sandbox.plugins.protocol import InvalidInputError, PluginError, Request, ResourceDiff


class Cluster(KubernetesApi):
    """A cluster with at most one object, which may refuse to create another."""

    def __init__(self, live: Properties | None = None, refusal: KubernetesApiError | None = None) -> None:
        super().__init__()
        self.live, self.refusal = live, refusal

    def get(self, api_version: str, kind: str, namespace: str, name: str) -> Properties:
        if self.live is None:
            raise KubernetesApiError(404, "not found", "NotFound")
        return self.live

    def create(self, manifest: Properties, *, dry_run: bool = False) -> Properties:
        if self.refusal:
            raise self.refusal
        return {**manifest, "status": {"phase": "new"}}


GROUPS = {"Job": "batch/v1", "StatefulSet": "apps/v1", "NetworkPolicy": "networking.k8s.io/v1"}


def objects(kind: str, cluster: KubernetesApi | None = None, *, mutable: bool = False) -> ObjectType:
    api, cancelled = cluster or Cluster(), threading.Event()
    return ObjectType(api, AwaitLogic(api, cancelled), cancelled, GROUPS.get(kind, "v1"), kind, mutable)


def named(kind: str = "Secret", **inputs: Any) -> Properties:
    base = {"apiVersion": GROUPS.get(kind, "v1"), "kind": kind, "metadata": {"name": "name", "namespace": "space"}}
    return base | inputs


def state(inputs: Properties, **live: Any) -> Properties:
    return checkpoint(plain(inputs), plain(inputs) | live, inputs, inputs["apiVersion"], "manager")


def difference(old: Properties, new: Properties, *, mutable: bool = False) -> ResourceDiff:
    return objects(new["kind"], mutable=mutable).diff(Request("space/name", new, outputs=state(old)))


def under(path: str, value: Any) -> Properties:
    first, _, rest = path.partition(".")
    return {first: under(rest, value) if rest else value}


@pytest.mark.parametrize(
    ("kind", "path", "replaced"),
    [
        ("Job", "spec.template.spec.restartPolicy", True),
        ("Job", "spec.backoffLimit", False),
        ("StatefulSet", "spec.volumeClaimTemplates", True),
        ("StatefulSet", "spec.template.spec.dnsPolicy", False),
        ("PersistentVolumeClaim", "spec.storageClassName", True),
        ("PersistentVolumeClaim", "spec.resources.requests.storage", False),
        ("Namespace", "metadata.labels.a", False),
        ("Secret", "data.key", True),
        ("Secret", "type", True),
        ("Service", "spec.clusterIP", True),
        ("Service", "spec.type", False),
        ("ResourceQuota", "spec.scopes", True),
    ],
)
def test_an_object_is_replaced_where_the_official_provider_replaces_it(kind: str, path: str, replaced: bool) -> None:
    old, new = (merged(named(kind), under(path, value)) for value in ("1", "2"))
    found = difference(old, new)
    assert found.paths == {path: ("UPDATE", False)}
    assert found.replaces == ([path] if replaced else [])
    added = difference(named(kind), new)
    assert bool(added.replaces) is replaced, "also if the whole branch is new"


def merged(one: Properties, other: Properties) -> Properties:
    inner = {key: merged(one[key], other[key]) for key in one.keys() & other.keys() if isinstance(one[key], dict)}
    return one | other | inner


def test_a_mutable_secret_is_updated_in_place() -> None:
    old, new = named(data={"a": "MQ=="}), named(data={"a": "Mg=="})
    assert not difference(old, new, mutable=True).replaces
    assert difference(old, named(data={"a": "MQ=="}, type="x"), mutable=True).replaces == ["type"]


def test_the_old_object_is_deleted_first_only_if_the_names_are_equal() -> None:
    assert difference(named(data={"a": "MQ=="}), named(data={"a": "Mg=="})).delete_first
    renamed = named() | {"metadata": {"name": "other", "namespace": "space"}}
    found = difference(named(), renamed)
    assert found.replaces == ["metadata.name"]
    assert not found.delete_first


def test_a_field_that_the_cluster_added_is_no_change_but_a_dropped_one_is() -> None:
    old = merged(named(), {"metadata": {"labels": {}}})
    live = merged(named(), {"metadata": {"uid": "1"}, "status": {}})
    found = objects("Secret").diff(Request("space/name", old, outputs=checkpoint(old, live, old, "v1", "manager")))
    assert found.paths == {"metadata.labels": ("ADD", False)}


def test_a_null_is_a_deletion() -> None:
    assert difference(named(), named(type=None)).paths == {"type": ("DELETE", True)}


def test_an_automatic_name_stays_until_the_object_is_replaced() -> None:
    """As in provider/pkg/metadata/naming.go: a replacement has another name than the replaced object."""
    unnamed, urn = {"metadata": {"namespace": "space"}}, "urn:pulumi:dev::p::kubernetes:batch/v1:Job::job"

    def checked(**of: Any) -> Properties:
        return objects("Job").check(Request(inputs=unnamed, urn=urn, **of))

    made = checked(seed=b"1")
    assert made["metadata"]["name"].startswith("job-")
    assert made["metadata"]["annotations"] == {"pulumi.com/autonamed": "true"}
    assert checked(seed=b"1") == made != checked(seed=b"2")
    assert checked(old_inputs=made, seed=b"3") == made
    assert "name" not in checked(old_inputs=named("Job"))["metadata"], "the object with an explicit name is replaced"


def test_an_object_with_an_unknown_option_is_refused() -> None:
    unknown = merged(named(), {"metadata": {"annotations": {"pulumi.com/patchFieldManager": "me"}}})
    with pytest.raises(InvalidInputError, match=r"does not implement patchFieldManager\. It accepts: autonamed,"):
        objects("Secret").check(Request(inputs=unknown))


def test_the_data_of_a_secret_is_always_secret() -> None:
    checked = objects("Secret").check(Request(inputs=named(stringData={"key": "text"}, type="Opaque")))
    assert checked["data"] == secret({"key": base64.b64encode(b"text").decode()})
    assert "stringData" not in checked


def test_unknown_string_data_stays_string_data() -> None:
    checked = objects("Secret").check(Request(inputs=named(stringData=secret(UNKNOWN))))
    assert checked["stringData"] == secret(UNKNOWN)


def test_unchanged_inputs_are_not_normalized_again() -> None:
    kept = named("Service", spec={"selector": {}})
    assert objects("Service").check(Request(inputs=kept, old_inputs=kept)) == kept
    assert objects("Service").check(Request(inputs=kept))["spec"] == {}


def test_the_state_has_the_fields_of_the_official_provider() -> None:
    id_, outputs = objects("Secret").create(Request(inputs=named(data=secret({"a": "MQ=="}))))
    assert id_ == "space/name"
    assert outputs["__inputs"] == named(data=secret({"a": "MQ=="}))
    assert outputs["__initialApiVersion"] == "v1"
    assert outputs["__fieldManager"].startswith("pulumi-kubernetes-")
    assert outputs["status"] == {"phase": "new"}
    assert is_secret(outputs["data"])


def test_drift_is_read_in_the_shape_of_the_inputs_and_stays_secret() -> None:
    live = named(data={"key": "ZHJpZnRlZA==", "foreign": "eA=="})
    kept = objects("Secret").check(Request(inputs=named(stringData={"key": "text"})))
    found = objects("Secret", Cluster(live)).read(Request("space/name", kept, outputs=state(kept)))
    assert found
    _, inputs, outputs = found
    assert inputs["data"] == secret({"key": "ZHJpZnRlZA=="})
    assert outputs["data"] == secret(live["data"])
    assert outputs["__fieldManager"] == "manager"


def test_a_deleted_object_is_removed_from_the_state() -> None:
    assert objects("Secret").read(Request("space/name", named(), outputs=state(named()))) is None


def test_an_object_of_an_unreachable_cluster_is_removed_only_if_the_user_declares_it_deleted(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    unreachable = Cluster()
    monkeypatch.setattr(unreachable, "get", lambda *place: (_ for _ in ()).throw(KubernetesApiError(0, "unreachable")))
    request = Request("space/name", named(), outputs=state(named()))
    with pytest.raises(PluginError, match=r"unreachable cluster.*PULUMI_K8S_DELETE_UNREACHABLE"):
        objects("Secret", unreachable).read(request)
    monkeypatch.setenv("PULUMI_K8S_DELETE_UNREACHABLE", "true")
    assert objects("Secret", unreachable).read(request) is None


def test_live_values_are_pruned_to_the_shape_of_the_inputs() -> None:
    live = {"a": {"b": 1, "c": 2}, "d": [{"e": 1, "f": 2}, {"e": 3}], "g": "text"}
    assert pruned(live, {"a": {"b": 0}, "d": [{"e": 0}], "g": 1, "h": 1}) == {
        "a": {"b": 1},
        "d": [{"e": 1}],
        "g": "text",
    }


@pytest.mark.parametrize(
    "refusal",
    [
        KubernetesApiError(404, 'namespaces "space" not found', "NotFound", "namespaces"),
        KubernetesApiError(403, "forbidden", "Forbidden"),
        KubernetesApiError(0, "configured Kubernetes cluster is unreachable"),
        KubernetesApiError(409, 'jobs.batch "name" already exists', "AlreadyExists"),
    ],
)
def test_a_preview_that_cannot_do_a_dry_run_is_no_error(refusal: KubernetesApiError) -> None:
    request = Request(inputs=named("Job"), preview=True)
    assert objects("Job", Cluster(refusal=refusal)).create(request) == ("", request.inputs)


def test_a_preview_of_a_replaced_object_shows_a_retry_as_in_the_official_provider() -> None:
    messages: list[tuple[str, str, bool]] = []
    exists = KubernetesApiError(409, 'jobs.batch "name" already exists', "AlreadyExists")
    log = OperationLog(lambda *line: messages.append(line))
    objects("Job", Cluster(refusal=exists)).create(Request(inputs=named("Job"), preview=True, log=log))
    assert messages == [("INFO", 'Retry #0; creation failed: jobs.batch "name" already exists', True)]


def test_an_existing_object_is_not_taken_over() -> None:
    exists = KubernetesApiError(409, 'secrets "name" already exists', "AlreadyExists")
    with pytest.raises(PluginError, match=r"(?s)was not successfully created .*already exists.*pulumi import"):
        objects("Secret", Cluster(refusal=exists)).create(Request(inputs=named(), urn="urn"))


def test_an_object_without_its_crd_is_retried_and_then_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    waits: list[float] = []
    monkeypatch.setattr(threading.Event, "wait", lambda self, timeout: waits.append(timeout))
    missing = KubernetesApiError(404, 'no matches for kind "Secret" in version "v1"', "NoMatch")
    with pytest.raises(PluginError, match="Verify that any required CRDs have been created: no matches for kind"):
        objects("Secret", Cluster(refusal=missing)).create(Request(inputs=named()))
    assert waits == [1, 2, 4, 8, 16, 32]
