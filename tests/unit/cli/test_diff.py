"""Pure parts of `airflow-stack diff`: changes of objects, hidden values, and sums."""

from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_stack.cli.diff.compare import diff_renderings
from airflow_stack.cli.diff.model import FieldChange, Manifest, RenderedStack, Severity, StackDiff, Totals
from airflow_stack.cli.diff.object_changes import field_changes, normalized, object_changes
from airflow_stack.cli.diff.quoting import HIDDEN, clean, code, shown
from airflow_stack.cli.diff.renderings import rendered_stack
from airflow_stack.cli.diff.totals import price_per_month, read_prices, totals_of
from airflow_stack.errors import UserError
from tests.support.cases import ROOT
from tests.support.golden import Golden

SETTINGS = {"namespace": "airflow", "executor": "KubernetesExecutor"}


def deployment(**container: object) -> Manifest:
    containers = [{"name": "first", "image": "a"}, {"name": "second", "image": "b", **container}]
    return manifest(
        "Deployment", "airflow-scheduler", spec={"replicas": 2, "template": {"spec": {"containers": containers}}}
    )


def manifest(kind: str, name: str, **content: object) -> Manifest:
    return {"kind": kind, "metadata": {"name": name, "namespace": "airflow"}, **content}


def a_side(*manifests: Manifest) -> RenderedStack:
    return rendered_stack({"settings": SETTINGS, "resources": []}, manifests)


def differing(old: Manifest, new: Manifest) -> tuple[FieldChange, ...]:
    (change,) = object_changes(a_side(old), a_side(new))
    return change.fields


def variables(**environment: str) -> Manifest:
    return deployment(env=[{"name": name, "value": value} for name, value in environment.items()])


def test_a_variable_added_in_front_is_one_change() -> None:
    assert differing(variables(B="1", C="2"), variables(A="0", B="1", C="2")) == (
        FieldChange("spec.template.spec.containers[second].env[A]", None, "0"),
    )


def test_the_order_of_named_things_is_no_change() -> None:
    assert object_changes(a_side(variables(A="1", B="2")), a_side(variables(B="2", A="1"))) == []


def test_an_option_of_a_configuration_file_is_one_change() -> None:
    old, new = (
        manifest("ConfigMap", "c", data={"airflow.cfg": f"[core]\nparallelism = {n}\nother = %(x)s\n"}) for n in (1, 2)
    )
    assert differing(old, new) == (FieldChange("data.airflow.cfg.core.parallelism", "1", "2"),)


def test_an_added_or_removed_configuration_file_is_one_change() -> None:
    without, there = (
        manifest("ConfigMap", "c", data=data) for data in ({"a.txt": "a"}, {"a.txt": "a", "b.yaml": "b: {c: 1}"})
    )
    assert differing(without, there) == (FieldChange("data.b.yaml", None, "a file"),)
    assert differing(there, without) == (FieldChange("data.b.yaml", "a file", None),)


def test_only_the_changed_lines_of_a_text_are_shown() -> None:
    old, new = (manifest("ConfigMap", "c", data={"known_hosts": f"a\n{line}\nz\n"}) for line in ("b", "c"))
    assert differing(old, new) == (FieldChange("data.known_hosts", "b", "c"),)


def test_checksums_and_the_charts_version_are_not_shown_as_fields() -> None:
    old, new = (
        {"metadata": {"annotations": {"checksum/x": n}, "labels": {"chart": n}}, "spec": {"replicas": n}} for n in "12"
    )
    assert [field.path for field in field_changes(normalized(old), normalized(new))] == ["spec.replicas"]


def test_a_secret_shows_its_changed_keys_and_no_content() -> None:
    old, new = (manifest("Secret", "s", stringData={"key": value, "same": "x"}) for value in ("canary-1", "canary-2"))
    assert differing(old, new) == (FieldChange("stringData.key", "[secret]", "[secret]"),)
    for change in [*object_changes(a_side(), a_side(new)), *object_changes(a_side(old), a_side())]:
        assert change.fields == (FieldChange("keys", None, "key, same"),)


@pytest.mark.parametrize(
    "name",
    ["DB_PASSWORD", "AWS_SECRET_ACCESS_KEY", "GITHUB_TOKEN", "API_KEY", "SERVICE_CREDENTIALS", "AIRFLOW_CONN_DB"],
)
def test_a_variable_named_like_a_secret_is_not_shown(name: str) -> None:
    for old, new in (
        (variables(), variables(**{name: "canary"})),
        (variables(**{name: "other"}), variables(**{name: "canary"})),
    ):
        assert "canary" not in repr(differing(old, new))
        assert HIDDEN in repr(differing(old, new))
    whole = deployment(env=[{"name": name, "value": "canary"}], tty=True)
    assert "canary" not in repr([*field_changes(normalized({}), normalized(whole))])


def test_passwords_in_addresses_and_private_keys_are_not_shown() -> None:
    assert clean("postgres://user:canary@host/db") == f"postgres://user:{HIDDEN}@host/db"
    key = "-----BEGIN OPENSSH PRIVATE KEY-----\ncanary\n-----END OPENSSH PRIVATE KEY-----"
    assert clean(f"a {key} b") == f"a {HIDDEN} b"


@given(st.text())
def test_a_shown_value_neither_ends_its_code_span_nor_controls_a_terminal(value: str) -> None:
    text = code(value)
    assert text == "nothing" or (text[0] == text[-1] == "`" and "`" not in text[1:-1])
    assert "\n" not in text
    assert all(c.isprintable() or c == " " for c in text)


@pytest.mark.parametrize("value", ["canary", 4711, 47.11], ids=str)
def test_a_secret_is_hidden_whether_it_is_text_or_a_number(value: object) -> None:
    assert shown(value, "DB_PASSWORD") == HIDDEN
    assert str(value) not in shown({"name": "DB_PASSWORD", "value": value})


def test_an_object_of_another_namespace_keeps_its_namespace() -> None:
    theirs = {**manifest("ConfigMap", "c"), "metadata": {"name": "c", "namespace": "theirs"}}
    assert [field.path for field in differing(manifest("ConfigMap", "c"), theirs)] == ["metadata.namespace"]


def test_a_new_stack_is_all_added_and_an_unchanged_stack_is_empty() -> None:
    new = a_side(deployment())
    assert diff_renderings("s", None, new).severity is Severity.CHANGE
    assert [change.what for change in diff_renderings("s", None, new).objects] == ["added"]
    assert diff_renderings("s", new, new) == StackDiff("s", before=totals_of(new), after=totals_of(new))
    assert diff_renderings("s", new, new).severity is Severity.NONE


def test_requests_count_every_replica_and_the_largest_step_of_a_pods_start() -> None:
    asked = {"requests": {"cpu": "100m", "memory": "1Gi"}, "limits": {"memory": "2Gi"}}
    pod = deployment(resources=asked)
    assert totals_of(a_side(pod)) == Totals(
        cpu_requests=Decimal("0.2"), memory_requests=Decimal(2 * 2**30), memory_limits=Decimal(4 * 2**30)
    )
    pod["spec"]["template"]["spec"]["initContainers"] = [{"name": "init", "resources": {"requests": {"cpu": "1"}}}]
    assert totals_of(a_side(pod)).cpu_requests == 2


def test_volumes_count_claims_templates_and_instances() -> None:
    spec = {"resources": {"requests": {"storage": "2Gi"}}}
    found = a_side(
        manifest("PersistentVolumeClaim", "p", spec=spec),
        manifest(
            "StatefulSet",
            "s",
            spec={"replicas": 3, "volumeClaimTemplates": [{"metadata": {"name": "data"}, "spec": spec}]},
        ),
        manifest("Cluster", "c", spec={"instances": 2, "storage": {"size": "10Gi"}}),
    )
    assert totals_of(found).volumes == Decimal((2 + 6 + 20) * 2**30)


def test_a_price_covers_requests_and_volumes(tmp_path: Path) -> None:
    file = tmp_path / "prices.yaml"
    file.write_text("cpuHour: 0.04\nmemoryGiBHour: 0.005\nstorageGiBMonth: 0.1\nhoursPerMonth: 100\n")
    sums = Totals(cpu_requests=Decimal(2), memory_requests=Decimal(4 * 2**30), volumes=Decimal(10 * 2**30))
    assert price_per_month(sums, read_prices(file)) == Decimal("11")


def test_the_price_list_in_the_guide_is_valid(tmp_path: Path) -> None:
    guide = (ROOT / "docs" / "guides" / "reading-a-diff.md").read_text()
    (tmp_path / "prices.yaml").write_text(guide.split("```yaml\n")[1].split("```")[0])
    assert read_prices(tmp_path / "prices.yaml").currency == "EUR"


@pytest.mark.parametrize(
    "content",
    ["cpuHour: cheap", "[", "cpuHour: 1\nmemoryGiBHour: 1\nstorageGiBMonth: 1\ngpuHour: 1"],
    ids=["text", "no YAML", "unknown key"],
)
def test_an_invalid_price_list_is_refused_with_the_required_keys(tmp_path: Path, content: str, golden: Golden) -> None:
    (tmp_path / "prices.yaml").write_text(content)
    with pytest.raises(UserError) as refused:
        read_prices(tmp_path / "prices.yaml")
    assert str(refused.value).splitlines()[-1] == golden, "after what pydantic or PyYAML says"


def consequences(before: RenderedStack, after: RenderedStack) -> str:
    return "\n".join(finding.text for finding in diff_renderings("s", before, after).effects)


@pytest.mark.parametrize(
    "changed",
    [
        {"image": "c"},
        {"args": ["scheduler"]},
        {"resources": {"requests": {"cpu": "1"}}},
        {"volumeMounts": [{"name": "dags", "mountPath": "/dags"}]},
        {"ports": [{"name": "ui", "containerPort": 8080}]},
        {"livenessProbe": {"timeoutSeconds": 5}},
        {"securityContext": {"privileged": False}},
        {"env": [{"name": "A", "value": "1"}]},
        {"env": [{"name": "GITSYNC_PERIOD", "value": "5s"}]},
        {"env": [{"name": "GITSYNC_PERIOD", "value": "5s"}, {"name": "A", "value": "1"}]},
        {"env": [{"name": "A", "value": "1"}], "image": "c", "tty": True},
        {"tty": True},
    ],
    ids=lambda changed: " ".join(changed) + "".join(f" {variable['name']}" for variable in changed.get("env", [])),
)
def test_a_restart_has_the_reason_that_a_pod_differs(changed: dict[str, object], golden: Golden) -> None:
    assert consequences(a_side(deployment()), a_side(deployment(**changed))) == golden


def test_a_sidecar_or_a_label_restarts_a_pod_and_another_number_of_pods_does_not(golden: Golden) -> None:
    more, labelled, scaled = deployment(), deployment(), deployment()
    more["spec"]["template"]["spec"]["containers"].append({"name": "third"})
    labelled["spec"]["template"]["metadata"] = {"labels": {"team": "data"}}
    scaled["spec"]["replicas"] = 3
    for name, new in (("sidecar", more), ("label", labelled), ("scaled", scaled)):
        assert consequences(a_side(deployment()), a_side(new)) == golden(name=name)


def test_running_tasks_get_the_seconds_of_the_pod_that_runs_them(golden: Golden) -> None:
    local = {"settings": {**SETTINGS, "executor": "LocalExecutor"}, "resources": []}
    for name, more in (("own", {"terminationGracePeriodSeconds": 600}), ("of Kubernetes", {})):
        pods = deployment(), deployment(image="c")
        for pod in pods:
            pod["spec"]["template"]["spec"].update(more)
        assert consequences(*(rendered_stack(local, [pod]) for pod in pods)) == golden(name=name)
