"""Names, keys and quantities of settings are those that the Kubernetes API accepts, and that a pod can use."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_stack.inputs.wording import in_stack_file
from airflow_stack.settings.kubernetes_rules import Amount, quantity, wrong_amount, wrong_quota
from tests.support.cases import SSH, Config, problems, settings


def refused(**config: object) -> dict[str, str]:
    """Text of every problem, by its path."""
    return {each.path: in_stack_file(each) for each in problems({"dags": SSH, **config}).problems}


@pytest.mark.parametrize(
    ("kind", "given", "meant"),
    [
        (Amount.MEMORY, "512m", "512Mi"),
        (Amount.MEMORY, "512", "512Mi"),
        (Amount.MEMORY, 0, "512Mi"),
        (Amount.MEMORY, "4GB", "4G"),
        (Amount.CPU, "500", "500m"),
        (Amount.CPU, 250, "250m"),
        (Amount.STORAGE, "0", "8Gi"),
        (Amount.STORAGE, "20m", "20Gi"),
    ],
)
def test_an_amount_that_no_pod_can_use_is_refused_with_the_amount_that_was_meant(
    kind: Amount, given: object, meant: str
) -> None:
    assert wrong_amount(kind, given).endswith(f"did you mean {meant}?")
    assert not wrong_amount(kind, meant)


@pytest.mark.parametrize("amount", ["1.5Gi", "1e9", "2G", "100Mi", 2**30, "1Ti"])
def test_every_form_of_a_usable_amount_is_accepted(amount: object) -> None:
    assert not wrong_amount(Amount.MEMORY, amount)


@pytest.mark.parametrize("amount", ["", "Gi", "1 Gi", "1gi", "--1", "0x10", True, None, [], "1e99999"])
def test_a_text_of_another_form_is_no_quantity(amount: object) -> None:
    assert quantity(amount) is None
    assert wrong_amount(Amount.MEMORY, amount).startswith("must be a Kubernetes quantity")


@given(st.one_of(st.text(), st.integers(), st.floats(), st.none(), st.booleans()))
def test_any_amount_is_accepted_or_refused_with_a_reason(amount: object) -> None:
    for kind in Amount:
        assert isinstance(wrong_amount(kind, amount), str)


def test_amounts_of_settings_are_checked() -> None:
    components = {"scheduler": {"memory": "512m"}, "apiServer": {"cpu": "500"}}
    found = refused(components=components, database={"inCluster": {"storage": "0"}})
    assert "did you mean 512Mi?" in found["components.scheduler.memory"]
    assert "did you mean 500m?" in found["components.apiServer.cpu"]
    assert "did you mean 8Gi?" in found["database.inCluster.storage"]


@pytest.mark.parametrize(
    "repository",
    [
        "registry.example.com/acme/airflow:3.2.2",
        "https://x.example.com/a",
        "a//b",
        "acme/airflow/",
        "Acme/airflow",
        "a@sha256:0",
    ],
)
def test_a_repository_with_a_tag_a_protocol_or_an_empty_part_is_refused(repository: str) -> None:
    found = refused(images={"airflow": {"repository": repository}})
    assert "an image repository without tag" in found["images.airflow.repository"]


@pytest.mark.parametrize("repository", ["airflow", "acme/airflow", "localhost:5000/a", "r.example.com:5000/a_b/c--d.e"])
def test_every_form_of_a_repository_is_accepted(repository: str) -> None:
    assert settings(images={"airflow": {"repository": repository}}).images.airflow.repository == repository


def test_a_registry_is_host_and_path() -> None:
    for registry in ("https://mirror.example.com/", "mirror.example.com/", "a//b", "mirror.example.com/x:1"):
        assert "without https://" in refused(images={"registry": registry})["images.registry"]
    for registry in ("localhost:5000", "mirror.example.com", "mirror.example.com:5000/hub"):
        assert settings(images={"registry": registry}).images.registry == registry


@pytest.mark.parametrize(
    "key", ["a..b/c", "-/a", "/a", "a/", "a/b/c", "bad key!", "A.example.com/b", "x" * 64, "a" * 254 + "/b"]
)
def test_a_key_that_the_api_refuses_is_refused(key: str) -> None:
    ingress = {"host": "a.example.com", "controllerNamespace": "ingress"}
    step = f'["{key}"]' if "." in key else f".{key}"  # as `pulumi config --path` reads a key with a dot
    assert f"labels{step}" in refused(labels={key: "x"})
    assert f"ingress.annotations{step}" in refused(ingress={**ingress, "annotations": {key: "x"}})
    assert f"serviceAccountAnnotations{step}" in refused(serviceAccountAnnotations={key: "x"})


def test_a_label_value_has_at_most_63_characters() -> None:
    assert settings(labels={"a": "x" * 63}).labels
    assert "at most 63" in refused(labels={"a": "x" * 64})["labels.a"]


@pytest.mark.parametrize(
    "host", ["10.0.0.1", "a..b", ".a", "a.", "A.example.com", "a" * 64 + ".com", "a." * 150 + "b", "a_b.com"]
)
def test_a_host_that_an_ingress_cannot_have_is_refused(host: str) -> None:
    assert "ingress.host" in refused(ingress={"host": host, "controllerNamespace": "ingress"})


def test_the_class_of_an_ingress_is_a_name() -> None:
    ingress: Config = {"host": "a.example.com", "controllerNamespace": "ingress"}
    assert "ingress.className" in refused(ingress={**ingress, "className": "My Class!"})
    assert settings(ingress={**ingress, "className": "nginx.example.com"}).ingress


def test_a_quota_has_resources_and_amounts_that_the_api_knows() -> None:
    text = refused(quota={"requests.memory": "32GB", "pods": -1, "foo": "bar"})["quota"]
    assert "'32GB'" in text and "did you mean 32G?" in text and "'-1'" in text and "'foo' is not a resource" in text
    for name in ("requests.memory", "limits.cpu", "pods", "count/jobs.batch", "requests.nvidia.com/gpu",
                 "fast.storageclass.storage.k8s.io/requests.storage"):  # fmt: skip
        assert not wrong_quota(name, "4")


@pytest.mark.parametrize("tag", ["v3.6.9", "v3.1.0", "3.6.3"])
def test_git_sync_before_4_is_refused(tag: str) -> None:
    assert "is older than git-sync 4" in refused(images={"gitSync": {"tag": tag}})["images.gitSync.tag"]
