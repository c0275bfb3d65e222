"""`airflow-stack doctor` without a git server: the order of checks, with a fake cluster, chart repository and GitHub API."""

import base64
import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest
import yaml
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from airflow_stack.cli import main
from airflow_stack.cli.doctor import examination
from airflow_stack.cli.doctor.chart_checks import find_chart
from airflow_stack.cli.doctor.cluster_checks import ClusterChecks
from airflow_stack.cli.doctor.git_credential import generated_key, installation_token
from airflow_stack.cli.doctor.git_probe import GitProbe
from airflow_stack.cli.doctor.model import Check, CheckError, CheckGroup, CheckResult, Status, one_line, run_checks
from airflow_stack.cli.doctor.permissions import Permission, needed_permissions
from airflow_stack.cli.doctor.render import summary
from airflow_stack.cli.kubernetes_client import ClusterError, KubernetesClient, select_context
from airflow_stack.cli.manifests import record_stack
from airflow_stack.cli.pulumi_state import State
from airflow_stack.errors import UserError
from airflow_stack.settings.dags import GithubApp
from airflow_stack.settings.models import Chart, Settings
from tests.support.cases import BUNDLES, settings
from tests.support.golden import Golden

Handler = Callable[[httpx2.Request], httpx2.Response]
EMPTY: State = {"deployment": {"resources": []}}
DEPLOYMENT = {"apiVersion": "apps/v1", "kind": "Deployment"}
NAMESPACE = {"apiVersion": "v1", "kind": "Namespace"}
_SECURE = {"secure": "AAABAI2=="}


def fails(message: str, status: Status = Status.FAIL) -> Callable[[], str]:
    def look() -> str:
        raise CheckError(message, "a way out", status)

    return look


def test_a_check_runs_only_after_success_of_the_checks_that_it_needs(golden: Golden) -> None:
    steps = [
        Check("a", lambda: "well"),
        Check("b", fails("not so well", Status.WARN), ("a",)),
        Check("c", fails("bad"), ("b",)),
        Check("d", lambda: "never", ("c",)),
        Check("e", lambda: "never", ("d",)),
        Check("f", lambda: "well", ("b",)),
    ]
    checks = list(run_checks(steps))
    assert [check.status.value for check in checks] == ["ok", "warn", "fail", "skipped", "skipped", "ok"]
    assert "\n".join(map(str, checks)) == golden


def test_the_last_line_has_the_result_and_the_next_step(golden: Golden) -> None:
    ok, warn, fail, skipped = (CheckResult("a", status, "") for status in Status)
    assert summary([ok, fail, skipped], "up") == golden(name="a failure")
    assert summary([ok, ok], "up") == golden(name="all well")
    assert summary([ok, warn], "up") == golden(name="a warning")


def test_output_of_other_programs_becomes_one_line_without_control_characters() -> None:
    assert one_line("fatal:\tno\n\n\x1b[31mred \n") == "fatal: no; [31mred"
    assert len(one_line("x" * 5000)) == 600


# --- the cluster ------------------------------------------------------------------------------------------------------------------


class Played:
    """A fake cluster with changeable responses."""

    def __init__(self) -> None:
        self.answers: dict[str, tuple[int, Any]] = {"/version": (200, {"gitVersion": "v1.34.3"})}
        self.user = "ada"
        self.forbidden: Callable[[dict[str, str]], bool] = lambda _: False
        self.reviews = 0

    def __call__(self, request: httpx2.Request) -> httpx2.Response:
        path = request.url.path
        if path.endswith("selfsubjectreviews"):
            return httpx2.Response(201, json={"status": {"userInfo": {"username": self.user}}})
        if path.endswith("selfsubjectaccessreviews"):
            self.reviews += 1
            asked = json.loads(request.content)["spec"]["resourceAttributes"]
            return httpx2.Response(201, json={"status": {"allowed": not self.forbidden(asked)}})
        status, body = self.answers.get(path, (404, {}))
        return httpx2.Response(status, json=body)


@pytest.fixture
def played() -> Played:
    return Played()


def chart_folder(folder: Path) -> dict[str, str]:
    (folder / "values.schema.json").write_text("{}")
    (folder / "Chart.yaml").write_text("name: airflow\nversion: 1.22.0\n")
    return {"path": str(folder)}


def client(handler: Handler, context: str | None) -> KubernetesClient:
    kubeconfig = {
        "current-context": "here",
        "clusters": [{"name": "here", "cluster": {"server": "https://cluster.example.com"}}],
        "contexts": [{"name": "here", "context": {"cluster": "here", "user": "me"}}],
        "users": [{"name": "me", "user": {"token": "t"}}],
    }
    return KubernetesClient(select_context(json.dumps(kubeconfig), context, {}), httpx2.MockTransport(handler))


@pytest.fixture
def examine(played: Played, tmp_path: Path) -> Callable[..., dict[str, CheckResult]]:
    def examined(
        state: State = EMPTY, handler: Handler | None = None, context: str | None = None, **settings: Any
    ) -> dict[str, CheckResult]:
        dags = {"repository": "https://github.com/acme/dags.git"}
        stack = Settings.model_validate({"dags": dags, "chart": chart_folder(tmp_path), **settings})
        checks = ClusterChecks(
            stack, lambda: client(handler or played, context), lambda: state, lambda: [NAMESPACE, DEPLOYMENT]
        )
        return {check.check: check for check in run_checks(checks.checks())}

    return examined


def test_a_cluster_administrator_needs_one_access_review(
    played: Played, examine: Callable[..., dict[str, CheckResult]], golden: Golden
) -> None:
    checks = examine()
    assert {check.status for check in checks.values()} == {Status.OK}, checks
    assert "\n".join(map(str, checks.values())) == golden
    assert played.reviews == 1


def test_another_minor_version_of_the_cluster_is_a_warning_and_blocks_no_check(
    played: Played, examine: Callable[..., dict[str, CheckResult]], golden: Golden
) -> None:
    played.answers["/version"] = (200, {"gitVersion": "v1.33.5-eks-3025e55"})
    checks = examine()
    assert checks["cluster"].status is Status.WARN
    assert str(checks["cluster"]) == golden(name="untested")
    assert checks["permissions"].status is Status.OK
    played.answers["/version"] = (403, {})
    assert str(examine()["cluster"]) == golden(name="unknown")


def test_missing_rights_are_grouped_in_one_line(
    played: Played, examine: Callable[..., dict[str, CheckResult]], golden: Golden
) -> None:
    played.forbidden = lambda asked: asked["resource"] in ("*", "deployments", "namespaces") and asked["verb"] != "get"
    check = examine()["permissions"]
    assert check.status is Status.FAIL
    assert str(check) == golden


def test_a_user_without_cluster_rights_can_have_all_needed_rights(
    played: Played, examine: Callable[..., dict[str, CheckResult]]
) -> None:
    played.forbidden = lambda asked: asked["resource"] == "*"
    assert examine()["permissions"].status is Status.OK


def test_the_needed_rights_follow_from_the_objects_and_the_rules_of_their_roles() -> None:
    rule = {"apiGroups": [""], "resources": ["pods/log"], "verbs": ["get"]}
    role = {"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "Role", "rules": [rule]}
    custom = {"apiVersion": "postgresql.cnpg.io/v1", "kind": "Cluster"}
    found = needed_permissions([DEPLOYMENT, role, custom])
    assert Permission("apps", "deployments", "watch") in found
    assert Permission("rbac.authorization.k8s.io", "roles", "create") in found
    assert Permission("postgresql.cnpg.io", "clusters", "watch") in found
    assert Permission("", "secrets", "update") in found, "Helm's records"
    (log,) = (right for right in found if right.resource == "pods/log")
    assert log.attributes("airflow")["subresource"] == "log"


def test_deletion_of_a_namespace_needs_the_right_to_watch_all_namespaces() -> None:
    """Without that right the provider waits forever for a namespace that it deletes (pulumi-kubernetes, `await.Deletion`)."""
    wanted = [
        right
        for right in needed_permissions([{"apiVersion": "v1", "kind": "Namespace"}])
        if right.resource == "namespaces"
    ]
    of_cluster = {right.verb for right in wanted if "namespace" not in right.attributes("airflow")}
    assert of_cluster == {"create", "list", "watch"}
    assert {right.verb for right in wanted} - of_cluster == {"delete", "get", "patch"}


@pytest.mark.parametrize("status", [401, 503, 0])
def test_an_unreachable_cluster_is_reported_and_the_chart_is_still_checked(
    examine: Callable[..., dict[str, CheckResult]], status: int, golden: Golden
) -> None:
    def handler(request: httpx2.Request) -> httpx2.Response:
        if not status:
            raise httpx2.ConnectError("refused", request=request)
        return httpx2.Response(status)

    checks = examine(handler=handler)
    assert (checks["cluster"].status, checks["chart"].status) == (Status.FAIL, Status.OK)
    assert str(checks["cluster"]) == golden
    assert checks["permissions"].status is Status.SKIPPED


def test_a_missing_context_is_reported(examine: Callable[..., dict[str, CheckResult]], golden: Golden) -> None:
    check = examine(context="prod")["kubeconfig"]
    assert check.status is Status.FAIL
    assert str(check) == golden


def test_an_existing_namespace_is_checked_for_labels_and_policies(
    played: Played, examine: Callable[..., dict[str, CheckResult]], golden: Golden
) -> None:
    def check() -> CheckResult:
        return examine(createNamespace=False)["namespace"]

    assert check().status is Status.FAIL
    assert str(check()) == golden(name="is not there")
    path = "/api/v1/namespaces/airflow"
    played.answers[path] = (200, {"metadata": {}})
    assert check().status is Status.WARN
    assert str(check()) == golden(name="without labels and policies")
    played.answers[path] = (200, {"metadata": {"labels": {"pod-security.kubernetes.io/enforce": "baseline"}}})
    allows: Any = {"spec": {"podSelector": {}, "ingress": [{}]}}
    policies = f"/apis/networking.k8s.io/v1{path.removeprefix('/api/v1')}/networkpolicies"
    played.answers[policies] = (200, {"items": [allows]})
    assert str(check()) == golden(name="with a policy that allows all")
    played.answers[policies] = (200, {"items": [allows, {"spec": {"podSelector": {}, "policyTypes": ["Ingress"]}}]})
    assert check().status is Status.OK


def test_a_foreign_namespace_or_release_is_a_warning_and_the_stacks_own_is_not(
    played: Played, examine: Callable[..., dict[str, CheckResult]], golden: Golden
) -> None:
    managed = {"metadata": {"managedFields": [{"manager": "kubectl-create"}]}}
    played.answers["/api/v1/namespaces/airflow"] = (200, managed)
    played.answers["/api/v1/namespaces/airflow/secrets"] = (200, {"items": [{"metadata": {"name": "sh.helm.v1"}}]})
    checks = examine()
    assert (checks["namespace"].status, checks["release"].status) == (Status.WARN, Status.WARN)
    assert f"{checks['namespace']}\n{checks['release']}" == golden
    own = [
        {"type": "kubernetes:core/v1:Namespace", "id": "airflow", "urn": "a"},
        {"type": "kubernetes:helm.sh/v3:Release", "id": "airflow/airflow", "urn": "b"},
    ]
    checks = examine(state={"deployment": {"resources": own}})
    assert {check.status for check in checks.values()} == {Status.OK}


def test_the_configured_database_is_checked(
    played: Played, examine: Callable[..., dict[str, CheckResult]], golden: Golden
) -> None:
    assert "database" not in examine()
    external = examine(database={"external": {"host": "127.0.0.1", "port": 1}})["database"]
    assert external.status is Status.WARN
    assert external.fix == golden(name="external")
    operator = examine(database={"cloudNativePg": {}})["database"]
    assert operator.status is Status.FAIL
    assert str(operator) == golden(name="operator")
    played.answers["/apis/postgresql.cnpg.io/v1"] = (200, {})
    assert examine(database={"cloudNativePg": {}})["database"].status is Status.OK


# --- the chart --------------------------------------------------------------------------------------------------------------------

INDEX = yaml.safe_dump({"entries": {"airflow": [{"version": "1.22.0"}, {"version": "1.21.0"}]}})


def chart_of(handler: Handler, **settings: str) -> str:
    return find_chart(Chart.model_validate(settings), httpx2.MockTransport(handler))


def unwell(handler: Handler, **settings: str) -> CheckError:
    with pytest.raises(CheckError) as raised:
        chart_of(handler, **settings)
    return raised.value


def told(error: CheckError) -> str:
    return f"{error}; fix: {error.fix}"


def test_a_version_is_found_in_the_index_of_a_helm_repository(golden: Golden) -> None:
    def index(request: httpx2.Request) -> httpx2.Response:
        assert request.url.path == "/index.yaml"
        return httpx2.Response(200, text=INDEX)

    assert chart_of(index) == golden(name="found")
    assert told(unwell(index, version="1.20.9")) == golden(name="missing")


@pytest.mark.parametrize("text", ["", "<html>", "entries: []", "entries: {airflow: [{}]}", "- 1"])
def test_an_invalid_index_is_reported(text: str, golden: Golden) -> None:
    assert told(unwell(lambda _: httpx2.Response(200, text=text))) == golden


def a_registry(request: httpx2.Request) -> httpx2.Response:
    """Like Docker Hub and GitHub's registry: even an anonymous client needs a token."""
    if request.url.path == "/token":
        assert request.url.params["scope"] == "repository:charts/airflow:pull"
        return httpx2.Response(200, json={"token": "anonymous"})
    if request.headers.get("Authorization") != "Bearer anonymous":
        challenge = 'Bearer realm="https://reg.example.com/token",service="r",scope="repository:charts/airflow:pull"'
        return httpx2.Response(401, headers={"WWW-Authenticate": challenge})
    if request.url.path.endswith("/tags/list"):
        return httpx2.Response(200, json={"tags": ["1.22.0"]})
    return httpx2.Response(200 if request.url.path.endswith("/manifests/1.22.0") else 404)


def test_a_version_is_found_in_a_registry_without_a_login(golden: Golden) -> None:
    assert chart_of(a_registry, repository="oci://reg.example.com/charts") == golden(name="found")
    missing = unwell(a_registry, repository="oci://reg.example.com/charts", version="1.21.0")
    assert told(missing) == golden(name="missing")
    private = unwell(lambda _: httpx2.Response(401), repository="oci://reg.example.com")
    assert private.status is Status.WARN
    assert told(private) == golden(name="private")


def test_an_unreachable_repository_is_reported(golden: Golden) -> None:
    def refuse(request: httpx2.Request) -> httpx2.Response:
        raise httpx2.ConnectError("refused", request=request)

    assert told(unwell(refuse)) == golden


def test_a_local_chart_is_read(tmp_path: Path, golden: Golden) -> None:
    assert find_chart(Chart.model_validate(chart_folder(tmp_path))) == golden(name="found")
    (tmp_path / "broken.tgz").write_text("no archive")
    for path in ("broken.tgz", "missing"):
        with pytest.raises(CheckError) as raised:
            find_chart(Chart(path=str(tmp_path / path)))
        assert raised.value.fix == golden(name=path)


def test_missing_git_is_reported(tmp_path: Path, golden: Golden) -> None:
    probe = GitProbe("git@github.com:acme/dags.git", tmp_path, {"PATH": str(tmp_path)})
    with pytest.raises(UserError) as refused:
        probe.refs()
    assert str(refused.value) == golden


# --- the key ----------------------------------------------------------------------------------------------------------------------


def test_doctor_finds_the_generated_keys_under_the_programs_names() -> None:
    stack = settings(dags=BUNDLES["bundle, several"], rotation={"gitSshKey": 2})
    made = [
        {"urn": urn, "type": each.type, "outputs": {"privateKeyOpenssh": {"plaintext": json.dumps(each.name)}}}
        for urn, each in record_stack(stack, "test").resources.items()
    ]
    keys = [generated_key({"deployment": {"resources": made}}, name, 2) for name in ("", "team-a", "team-b")]
    assert keys == [
        "airflow-git-ssh-key-2",
        "airflow-git-bundle-team-a-ssh-key-2",
        "airflow-git-bundle-team-b-ssh-key-2",
    ]
    assert generated_key({"deployment": {"resources": made}}, "", 3) is None


# --- a GitHub App -----------------------------------------------------------------------------------------------------------------


def test_a_github_apps_key_signs_a_request_for_a_token_of_its_installation(golden: Golden) -> None:
    key = generate_private_key(65537, 2048)
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NoEncryption()).decode()
    app = GithubApp.model_validate({"clientId": "Iv23", "installationId": 7})

    def api(request: httpx2.Request) -> httpx2.Response:
        assert request.url.path == "/app/installations/7/access_tokens"
        signed, _, signature = request.headers["Authorization"].removeprefix("Bearer ").rpartition(".")
        key.public_key().verify(base64.urlsafe_b64decode(signature + "=="), signed.encode(), PKCS1v15(), SHA256())
        claims = json.loads(base64.urlsafe_b64decode(signed.partition(".")[2] + "=="))
        assert claims["iss"] == "Iv23"
        assert claims["exp"] - claims["iat"] <= 600, "GitHub's limit"
        return httpx2.Response(201, json={"token": "ghs_x"})

    with httpx2.Client(transport=httpx2.MockTransport(api)) as client:
        assert installation_token(client, "https://api.github.com", app, pem) == "ghs_x"
    for status in (401, 404, 500):
        refuse = httpx2.MockTransport(lambda _, status=status: httpx2.Response(status))
        with httpx2.Client(transport=refuse) as client, pytest.raises(CheckError) as raised:
            installation_token(client, "https://api.github.com", app, pem)
        assert told(raised.value) == golden(name=str(status))


# --- the command ------------------------------------------------------------------------------------------------------------------


@pytest.fixture
def command(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Iterator[Callable[..., tuple[int, str]]]:
    """Run `airflow-stack doctor` in this process, without cluster and git host."""
    (tmp_path / "Pulumi.yaml").write_text("name: airflow\nruntime: python\n")
    monkeypatch.chdir(tmp_path)

    def no_cluster(*_: object) -> None:
        raise ClusterError("no kubeconfig can be used")

    def no_stack(*_: object, **__: object) -> None:
        raise UserError("no stack named 'mine' found")

    monkeypatch.setattr(examination, "connect", no_cluster)
    monkeypatch.setattr("airflow_stack.cli.pulumi_cli.PulumiStack.state", no_stack)

    def run_here(config: dict[str, Any], *arguments: str) -> tuple[int, str]:
        file = {"config": {f"airflow:{key}": value for key, value in config.items()}}
        (tmp_path / "Pulumi.mine.yaml").write_text(yaml.safe_dump(file))
        monkeypatch.setattr(sys, "argv", ["airflow-stack", "doctor", "--stack", "mine", *arguments])
        with pytest.raises(SystemExit) as stopped:
            main.main()
        return int(stopped.value.code or 0), capsys.readouterr().out

    yield run_here


def test_the_command_prints_a_line_per_check_and_fails_if_one_fails(
    command: Callable[..., tuple[int, str]], tmp_path: Path, golden: Golden
) -> None:
    stack = {"dags": {"repository": "https://github.com/acme/dags.git"}, "chart": chart_folder(tmp_path)}
    status, out = command(stack, "--only", "cluster")
    assert status == 1
    assert out == golden
    image = {"repository": "registry.example.com/airflow"}
    baked = {"dags": {"delivery": "image"}, "images": {"airflow": image}, "chart": chart_folder(tmp_path)}
    assert command(baked, "--only", "git")[0] == 0


def test_json_contains_missing_secrets_with_their_commands(
    command: Callable[..., tuple[int, str]],
) -> None:
    stack = {"dags": {"repository": "git@git.invalid:a/b.git", "authentication": "sshKey", "knownHosts": "x y z"}}
    status, out = command({**stack, "database": {"external": {"host": "db"}}}, "--only", "git", "--json")
    checks = {check["check"]: check for check in json.loads(out)}
    assert (status, checks["secrets"]["status"]) == (1, "fail")
    for key in ("gitSshKey", "databasePassword"):
        assert f"pulumi config set --secret airflow:{key}" in checks["secrets"]["wayOut"]
    assert (checks["git credential"]["status"], checks["git host"]["status"]) == ("skipped", "fail")


def test_wrong_settings_end_the_checks(command: Callable[..., tuple[int, str]], golden: Golden) -> None:
    status, out = command({"dags": {"repository": "nowhere"}, "gitToken": _SECURE})
    assert status == 1
    assert len(out.splitlines()) == 2, "the check, and what is next"
    assert out == golden


def test_the_parts_are_the_values_of_the_option() -> None:
    assert [part.value for part in CheckGroup] == ["git", "cluster"]
