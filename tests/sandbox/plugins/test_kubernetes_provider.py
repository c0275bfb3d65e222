"""What the stand-in for kubernetes decides without a cluster."""

import base64
import os
import threading
from typing import Any

import pytest

from sandbox.plugins.await_logic import AwaitLogic
from sandbox.plugins.checkpoint import checkpoint, pruned
from sandbox.plugins.engine_log import OperationLog
from sandbox.plugins.field_managers import may_force, takeover_patch
from sandbox.plugins.helm_cli import HelmCli, HelmError
from sandbox.plugins.kubernetes_api import KubernetesApi, KubernetesApiError
from sandbox.plugins.kubernetes_provider import PROVIDER
from sandbox.plugins.object_type import ObjectType
from sandbox.plugins.property_values import UNKNOWN, Properties, is_secret, plain, secret
from sandbox.plugins.protocol import InvalidInputError, NotReadyError, PluginError, Request, ResourceDiff
from sandbox.plugins.release_type import ReleaseType


class Cluster(KubernetesApi):
    """A cluster of one object at most, which refuses what it is told to refuse."""

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
def test_a_new_object_is_needed_where_the_official_provider_needs_one(kind: str, path: str, replaced: bool) -> None:
    old, new = (merged(named(kind), under(path, value)) for value in ("1", "2"))
    found = difference(old, new)
    assert found.paths == {path: ("UPDATE", False)}
    assert found.replaces == ([path] if replaced else [])
    added = difference(named(kind), new)
    assert bool(added.replaces) is replaced, "however much of it is new"


def merged(one: Properties, other: Properties) -> Properties:
    inner = {key: merged(one[key], other[key]) for key in one.keys() & other.keys() if isinstance(one[key], dict)}
    return one | other | inner


def test_a_secret_made_mutable_is_updated_in_place() -> None:
    old, new = named(data={"a": "MQ=="}), named(data={"a": "Mg=="})
    assert not difference(old, new, mutable=True).replaces
    assert difference(old, named(data={"a": "MQ=="}, type="x"), mutable=True).replaces == ["type"]


def test_only_the_same_name_makes_the_old_object_go_first() -> None:
    assert difference(named(data={"a": "MQ=="}), named(data={"a": "Mg=="})).delete_first
    renamed = named() | {"metadata": {"name": "other", "namespace": "space"}}
    found = difference(named(), renamed)
    assert found.replaces == ["metadata.name"]
    assert not found.delete_first


def test_what_the_cluster_added_is_no_change_but_what_it_dropped_is() -> None:
    old = merged(named(), {"metadata": {"labels": {}}})
    live = merged(named(), {"metadata": {"uid": "1"}, "status": {}})
    found = objects("Secret").diff(Request("space/name", old, outputs=checkpoint(old, live, old, "v1", "manager")))
    assert found.paths == {"metadata.labels": ("ADD", False)}


def test_a_null_is_taken_for_a_deletion() -> None:
    assert difference(named(), named(type=None)).paths == {"type": ("DELETE", True)}


def test_a_name_is_made_up_for_each_new_object_and_kept_as_long_as_the_object() -> None:
    """As provider/pkg/metadata/naming.go does, so that a replacement does not clash with what it replaces."""
    unnamed, urn = {"metadata": {"namespace": "space"}}, "urn:pulumi:dev::p::kubernetes:batch/v1:Job::job"

    def checked(**of: Any) -> Properties:
        return objects("Job").check(Request(inputs=unnamed, urn=urn, **of))

    made = checked(seed=b"1")
    assert made["metadata"]["name"].startswith("job-")
    assert made["metadata"]["annotations"] == {"pulumi.com/autonamed": "true"}
    assert checked(seed=b"1") == made != checked(seed=b"2")
    assert checked(old_inputs=made, seed=b"3") == made
    assert "name" not in checked(old_inputs=named("Job"))["metadata"], "and so the one with a name is replaced"


def test_an_object_with_an_unknown_option_is_refused() -> None:
    asking = merged(named(), {"metadata": {"annotations": {"pulumi.com/patchFieldManager": "me"}}})
    with pytest.raises(InvalidInputError, match=r"takes only .*, not patchFieldManager"):
        objects("Secret").check(Request(inputs=asking))


def test_the_data_of_a_secret_is_secret_whoever_gave_it() -> None:
    checked = objects("Secret").check(Request(inputs=named(stringData={"key": "text"}, type="Opaque")))
    assert checked["data"] == secret({"key": base64.b64encode(b"text").decode()})
    assert "stringData" not in checked


def test_texts_that_no_preview_knows_yet_stay_texts() -> None:
    checked = objects("Secret").check(Request(inputs=named(stringData=secret(UNKNOWN))))
    assert checked["stringData"] == secret(UNKNOWN)


def test_inputs_as_they_were_are_kept_as_they_are() -> None:
    kept = named("Service", spec={"selector": {}})
    assert objects("Service").check(Request(inputs=kept, old_inputs=kept)) == kept
    assert objects("Service").check(Request(inputs=kept))["spec"] == {}


def test_the_state_has_what_the_official_provider_keeps_there() -> None:
    id_, outputs = objects("Secret").create(Request(inputs=named(data=secret({"a": "MQ=="}))))
    assert id_ == "space/name"
    assert outputs["__inputs"] == named(data=secret({"a": "MQ=="}))
    assert outputs["__initialApiVersion"] == "v1"
    assert outputs["__fieldManager"].startswith("pulumi-kubernetes-")
    assert outputs["status"] == {"phase": "new"}
    assert is_secret(outputs["data"])


def test_drift_is_found_in_the_shape_of_the_inputs_and_stays_secret() -> None:
    live = named(data={"key": "ZHJpZnRlZA==", "foreign": "eA=="})
    kept = objects("Secret").check(Request(inputs=named(stringData={"key": "text"})))
    found = objects("Secret", Cluster(live)).read(Request("space/name", kept, outputs=state(kept)))
    assert found
    _, inputs, outputs = found
    assert inputs["data"] == secret({"key": "ZHJpZnRlZA=="})
    assert outputs["data"] == secret(live["data"])
    assert outputs["__fieldManager"] == "manager"


def test_an_object_that_is_gone_is_found_gone() -> None:
    assert objects("Secret").read(Request("space/name", named(), outputs=state(named()))) is None


def test_an_object_of_a_cluster_that_is_gone_is_forgotten_only_if_the_user_says_so(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    away = Cluster()
    monkeypatch.setattr(away, "get", lambda *place: (_ for _ in ()).throw(KubernetesApiError(0, "unreachable")))
    subject = Request("space/name", named(), outputs=state(named()))
    with pytest.raises(PluginError, match=r"unreachable cluster.*PULUMI_K8S_DELETE_UNREACHABLE"):
        objects("Secret", away).read(subject)
    monkeypatch.setenv("PULUMI_K8S_DELETE_UNREACHABLE", "true")
    assert objects("Secret", away).read(subject) is None


def test_live_values_are_cut_to_the_shape_of_the_inputs() -> None:
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
def test_a_preview_that_cannot_know_is_no_error(refusal: KubernetesApiError) -> None:
    subject = Request(inputs=named("Job"), preview=True)
    assert objects("Job", Cluster(refusal=refusal)).create(subject) == ("", subject.inputs)


def test_a_preview_of_a_replaced_object_shows_a_retry_as_the_official_one_does() -> None:
    told: list[tuple[str, str, bool]] = []
    exists = KubernetesApiError(409, 'jobs.batch "name" already exists', "AlreadyExists")
    log = OperationLog(lambda *line: told.append(line))
    objects("Job", Cluster(refusal=exists)).create(Request(inputs=named("Job"), preview=True, log=log))
    assert told == [("INFO", 'Retry #0; creation failed: jobs.batch "name" already exists', True)]


def test_an_object_that_exists_is_not_taken_over() -> None:
    exists = KubernetesApiError(409, 'secrets "name" already exists', "AlreadyExists")
    with pytest.raises(PluginError, match=r"(?s)was not successfully created .*already exists.*pulumi import"):
        objects("Secret", Cluster(refusal=exists)).create(Request(inputs=named(), urn="urn"))


def test_an_object_whose_definition_is_missing_is_tried_again_and_then_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    waits: list[float] = []
    monkeypatch.setattr(threading.Event, "wait", lambda self, timeout: waits.append(timeout))
    missing = KubernetesApiError(404, 'no matches for kind "Secret" in version "v1"', "NoMatch")
    with pytest.raises(PluginError, match="Verify that any required CRDs have been created: no matches for kind"):
        objects("Secret", Cluster(refusal=missing)).create(Request(inputs=named()))
    assert waits == [1, 2, 4, 8, 16, 32]


FIELDS = [
    {"manager": "kubectl-patch", "operation": "Update", "fieldsV1": {"f:spec": {"f:replicas": {}}}},
    {"manager": "pulumi-kubernetes", "operation": "Update", "fieldsV1": {"f:spec": {"f:template": {}}}},
    {"manager": "someone", "operation": "Update", "fieldsV1": {"f:data": {}}},
    {"manager": "pulumi-kubernetes", "operation": "Update", "subresource": "status", "fieldsV1": {"f:status": {}}},
]


def test_an_update_takes_over_what_the_provider_and_kubectl_own_and_nothing_else() -> None:
    (patch,) = takeover_patch({"metadata": {"managedFields": FIELDS}}, "mine")
    *others, mine = patch["value"]
    assert others == FIELDS[2:]
    assert mine == FIELDS[0] | {
        "manager": "mine",
        "operation": "Apply",
        "fieldsV1": {"f:spec": {"f:replicas": {}, "f:template": {}}},
    }
    assert takeover_patch({"metadata": {"managedFields": [*others, mine]}}, "mine") == []


def test_only_a_preview_a_wish_or_an_object_without_owners_takes_fields_by_force() -> None:
    live = {"metadata": {"managedFields": FIELDS}}
    assert may_force(live, {}, preview=True)
    assert not may_force(live, {}, preview=False)
    assert may_force(live, {"pulumi.com/patchForce": "true"}, preview=False)
    assert may_force({"metadata": {}}, {}, preview=False)


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


# -- Helm


class Recorded(HelmCli):
    """Helm with a release as it is told, and a command that fails if it is told so."""

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
        ({"postrender": "./hook"}, "takes only"),
        ({"atomic": True}, "takes only .*, not atomic"),
        ({"repositoryOpts": {"repo": "https://x", "password": "p"}}, "takes only repo, not password"),
        ({"namespace": ""}, "needs its namespace"),
    ],
)
def test_an_input_that_the_release_cannot_honour_is_refused(inputs: Properties, named: str) -> None:
    with pytest.raises(InvalidInputError, match=named):
        checked(**inputs)


def test_a_release_has_every_input_with_its_default_and_the_version_of_its_chart() -> None:
    inputs = checked(compat="true", values={"a": 1})
    assert {
        "atomic": False,
        "keyring": "",
        "timeout": 300,
        "version": "1.2.3",
        "values": {"a": 1},
    }.items() <= inputs.items()
    assert "compat" not in inputs


def test_the_state_of_a_release_names_its_objects_and_hides_its_inputs() -> None:
    inputs = checked(values={"a": secret("x"), "b": [secret("y")]})
    _, outputs = ReleaseType(Recorded(None, revision(1, a="x", b=["y"]))).create(Request(inputs=inputs))
    assert outputs["resourceNames"] == {"Secret/v1": ["n/s"]}
    assert outputs["status"]["revision"] == 1
    assert outputs["values"] == {"a": secret("x"), "b": secret(["y"])}
    assert is_secret(outputs["__inputs"])


def test_only_an_input_that_was_given_can_be_taken_from_a_release() -> None:
    old, new = checked(values={"a": 1, "b": 2}, maxHistory=5), checked(values={"a": 3})
    outputs = old | {"status": {}, "__inputs": secret(old), "values": {"a": 1, "b": 2, "foreign": 0}}
    found = ReleaseType(Recorded()).diff(Request(inputs=new, outputs=outputs))
    assert found.paths == {
        "maxHistory": ("DELETE", True),
        "values.a": ("UPDATE", False),
        "values.b": ("DELETE", True),
    }


def test_a_release_that_failed_tells_no_more_than_the_official_provider_does() -> None:
    late = Recorded(revision(1), revision(2), failure="context deadline exceeded")
    with pytest.raises(NotReadyError) as failed:
        ReleaseType(late).update(Request(inputs=checked()))
    assert failed.value.reasons == [
        'Helm release "n/app" failed to initialize completely. Use Helm CLI to investigate: failed to become available '
        "within allocated timeout. Error: Helm Release n/app: context deadline exceeded"
    ]


def test_what_helm_refused_before_it_did_anything_changes_no_state() -> None:
    refused = Recorded(revision(1), revision(1), failure="another operation is in progress")
    with pytest.raises(PluginError, match=r"^another operation is in progress$"):
        ReleaseType(refused).update(Request(inputs=checked()))
