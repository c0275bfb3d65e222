"""`airflow-stack doctor` without a git server: the order of checks, with a fake cluster, chart repository and GitHub API."""

import base64
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx2
import pytest
import yaml
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from airflow_stack.cli.doctor import examination
from airflow_stack.cli.doctor.chart_checks import find_chart
from airflow_stack.cli.doctor.git_credential import generated_key, installation_token
from airflow_stack.cli.doctor.git_probe import GitProbe
from airflow_stack.cli.doctor.model import Check, CheckError, CheckGroup, CheckResult, Status, one_line, run_checks
from airflow_stack.cli.doctor.render import summary
from airflow_stack.cli.kubernetes_client import ClusterError
from airflow_stack.cli.manifests import record_stack
from airflow_stack.errors import UserError
from airflow_stack.settings.dags import GithubApp
from airflow_stack.settings.models import Chart
from tests.support.cases import BUNDLES, HOST_KEY, settings
from tests.support.command import Command, Done
from tests.support.golden import Golden

Handler = Callable[[httpx2.Request], httpx2.Response]
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


def chart_folder(folder: Path) -> dict[str, str]:
    (folder / "values.schema.json").write_text("{}")
    (folder / "Chart.yaml").write_text("name: airflow\nversion: 1.22.0\n")
    return {"path": str(folder)}


INDEX = yaml.safe_dump({"entries": {"airflow": [{"version": "1.22.0"}, {"version": "1.21.0"}]}})


def chart_of(handler: Handler, **settings: str) -> str:
    return find_chart(Chart.model_validate(settings), httpx2.MockTransport(handler))


def unwell(handler: Handler, **settings: str) -> CheckError:
    with pytest.raises(CheckError) as raised:
        chart_of(handler, **settings)
    return raised.value


def with_fix(error: CheckError) -> str:
    return f"{error}; fix: {error.fix}"


def test_a_version_is_found_in_the_index_of_a_helm_repository(golden: Golden) -> None:
    def index(request: httpx2.Request) -> httpx2.Response:
        assert request.url.path == "/index.yaml"
        return httpx2.Response(200, text=INDEX)

    assert chart_of(index) == golden(name="found")
    assert with_fix(unwell(index, version="1.20.9")) == golden(name="missing")


@pytest.mark.parametrize("text", ["", "<html>", "entries: []", "entries: {airflow: [{}]}", "- 1"])
def test_an_invalid_index_is_reported(text: str, golden: Golden) -> None:
    assert with_fix(unwell(lambda _: httpx2.Response(200, text=text))) == golden


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
    assert with_fix(missing) == golden(name="missing")
    private = unwell(lambda _: httpx2.Response(401), repository="oci://reg.example.com")
    assert private.status is Status.WARN
    assert with_fix(private) == golden(name="private")


def test_an_unreachable_repository_is_reported(golden: Golden) -> None:
    def refuse(request: httpx2.Request) -> httpx2.Response:
        raise httpx2.ConnectError("refused", request=request)

    assert with_fix(unwell(refuse)) == golden


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
        assert with_fix(raised.value) == golden(name=str(status))


@pytest.fixture
def doctor(tmp_path: Path, run_command: Command, monkeypatch: pytest.MonkeyPatch) -> Command:
    """Run `airflow-stack doctor` with these settings, without cluster and git host."""
    (tmp_path / "Pulumi.yaml").write_text("name: airflow\nruntime: python\n")
    monkeypatch.chdir(tmp_path)

    def no_cluster(*_: object) -> None:
        raise ClusterError("no kubeconfig can be used")

    def no_stack(*_: object, **__: object) -> None:
        raise UserError("no stack named 'mine' found")

    monkeypatch.setattr(examination, "connect", no_cluster)
    monkeypatch.setattr("airflow_stack.cli.pulumi_cli.PulumiStack.state", no_stack)

    def run(config: dict[str, Any], *arguments: str) -> Done:
        file = {"config": {f"airflow:{key}": value for key, value in config.items()}}
        (tmp_path / "Pulumi.mine.yaml").write_text(yaml.safe_dump(file))
        return run_command("doctor", "--stack", "mine", *arguments)

    return run


def test_the_command_prints_a_line_per_check_and_fails_if_one_fails(
    doctor: Command, tmp_path: Path, golden: Golden
) -> None:
    stack = {"dags": {"repository": "https://github.com/acme/dags.git"}, "chart": chart_folder(tmp_path)}
    status, out, _ = doctor(stack, "--only", "cluster")
    assert status == 1
    assert out == golden
    image = {"repository": "registry.example.com/airflow"}
    baked = {"dags": {"delivery": "image"}, "images": {"airflow": image}, "chart": chart_folder(tmp_path)}
    assert doctor(baked, "--only", "git")[0] == 0


def test_json_contains_missing_secrets_with_their_commands(
    doctor: Command,
) -> None:
    stack = {
        "dags": {
            "repository": "git@git.invalid:a/b.git",
            "authentication": "sshKey",
            "knownHosts": f"git.invalid {HOST_KEY}",
        }
    }
    status, out, _ = doctor({**stack, "database": {"external": {"host": "db"}}}, "--only", "git", "--json")
    checks = {check["check"]: check for check in json.loads(out)["result"]["checks"]}
    assert (status, checks["secrets"]["status"]) == (1, "fail")
    for key in ("gitSshKey", "databasePassword"):
        assert f"pulumi config set --secret airflow:{key}" in checks["secrets"]["fix"]
    assert (checks["git credential"]["status"], checks["git host"]["status"]) == ("skipped", "fail")


def test_wrong_settings_end_the_checks(doctor: Command, golden: Golden) -> None:
    status, out, _ = doctor({"dags": {"repository": "nowhere"}, "gitToken": _SECURE})
    assert status == 1
    assert len(out.splitlines()) == 2, "the check, and what is next"
    assert out == golden


def test_the_parts_are_the_values_of_the_option() -> None:
    assert [part.value for part in CheckGroup] == ["git", "cluster"]
