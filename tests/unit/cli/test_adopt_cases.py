"""Adoption of values files as they are found in public: the stack runs what the file says, or a line says what it does not."""

import base64
import re
import shlex
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from airflow_stack.cli.adopt import community_chart, official_chart, render
from airflow_stack.cli.adopt.model import Adoption, value_below
from tests.support.adopted_cases import CASES, KEYCLOAK, git
from tests.support.command import Command, Done

CANARY = "canary-5e0c"
DATABASE = {"database": {"external": {"host": "db.example.com"}}}
INGRESS = {"web": {"ingress": {"dataPlane": {"namespace": "ingress"}}}}


def adopted(case: str, **own: Any) -> Adoption:
    adoption = official_chart.convert(CASES[case], own=own)
    adoption.with_own(own)
    return adoption


def setting(adoption: Adoption, path: str) -> Any:
    return value_below(adoption.settings, path)


def line(adoption: Adoption, path: str) -> str:
    return next(each for each in [*adoption.notes, *adoption.blockers] if each.startswith(f"{path}: "))


@pytest.mark.parametrize("case", CASES)
def test_a_stack_without_a_stop_passes_the_check(case: str) -> None:
    adoption = adopted(
        case, **(DATABASE if case == "the chart's variables switched off" else INGRESS if "ingress" in case else {})
    )
    assert adoption.blockers == []
    assert render.settings_problems(adoption) == []


def test_the_image_of_the_file_wins_over_the_charts_default() -> None:
    adoption = adopted("own image beside the chart's default")
    assert setting(adoption, "images.airflow.repository") == "registry.example.com/data/airflow"
    assert setting(adoption, "images.airflow.tag") == "3.2.2-b77"
    assert "values" not in adoption.settings
    assert line(adoption, "defaultAirflowTag")


def test_resources_are_taken_completely_so_that_no_preset_is_merged_into_a_part_of_them() -> None:
    adoption = adopted("resources of workers in the older place")
    assert setting(adoption, "values.workers.celery.resources") == {
        "requests": {"cpu": "1", "memory": "4Gi"},
        "limits": {"cpu": "2", "memory": "8Gi"},
    }
    assert setting(adoption, "values.workers.podDisruptionBudget.enabled") is True
    adoption = adopted("a part of resources")
    assert setting(adoption, "components.scheduler") == {"memory": "512Mi"}
    assert setting(adoption, "values.triggerer.resources") == {
        "requests": {"cpu": "1", "memory": "2Gi"},
        "limits": {"cpu": "1", "memory": "2Gi"},
    }
    assert setting(adoption, "values.dagProcessor.resources") == {
        "requests": {"memory": "3Gi", "cpu": "1"},
        "limits": {"memory": "3Gi", "nvidia.com/gpu": "1"},
    }


def test_a_variable_that_the_program_sets_comes_from_the_secret_of_the_file_or_stops() -> None:
    adoption = adopted("the chart's variables switched off")
    assert "airflow:database.external" in next(
        stop for stop in adoption.blockers if stop.startswith("env AIRFLOW__DATABASE")
    )
    assert adoption.secrets["fernetKey"] == "Secret keys, key fernet"
    resolved = adopted("the chart's variables switched off", **DATABASE)
    assert resolved.blockers == []
    assert "values" not in resolved.settings
    named = adopted("variables from Secrets with the chart's keys")
    assert named.settings["existingSecrets"] == {"metadataConnection": "db", "fernetKey": "keys"}
    assert "database" not in named.settings


def test_the_ingress_keeps_its_paths_and_names_its_second_host() -> None:
    adoption = adopted("ingress with paths and two hosts", **INGRESS)
    assert setting(adoption, "web.host") == "airflow.example.com"
    assert setting(adoption, "web.tls.secretName") == "t1"
    assert setting(adoption, "web.path") == "/airflow"
    assert setting(adoption, "values.ingress.apiServer.precedingPaths")
    assert "airflow.intern.example.com" in line(adoption, "ingress.apiServer.hosts[1]")


@pytest.mark.parametrize(
    "case",
    [
        "no first user",
        "no first user, by the older switch",
        "single sign-on by a variable",
        "single sign-on by configuration",
    ],
)
def test_no_admin_is_created_where_the_file_has_none(case: str) -> None:
    assert setting(adopted(case), "admin") == {"create": False}


@pytest.mark.parametrize("case", ["single sign-on by a variable", "single sign-on by configuration"])
def test_the_auth_manager_of_the_file_is_kept(case: str) -> None:
    assert setting(adopted(case), "values.config.core.auth_manager") == KEYCLOAK


def test_a_pinned_revision_stays_pinned() -> None:
    adoption = adopted("git-sync 3 on a tag")
    assert setting(adoption, "dags.tag") == "v1.4.2"
    assert setting(adoption, "dags.branch") is None
    assert setting(adoption, "images.gitSync") is None
    assert "git-sync 4" in line(adoption, "images.gitSync")


@pytest.mark.parametrize(
    ("given", "setting_name", "value"),
    [
        ({"branch": "", "ref": "refs/tags/v1"}, "tag", "v1"),
        ({"branch": "", "ref": "refs/heads/release"}, "branch", "release"),
        ({"branch": "refs/heads/release"}, "branch", "release"),
        ({"branch": "main", "rev": "HEAD"}, "branch", "main"),
        ({"branch": "main", "rev": "main"}, "branch", "main"),
        ({"branch": "main", "rev": "0" * 40}, "commit", "0" * 40),
        ({"branch": "", "ref": "", "rev": "v1"}, "tag", "v1"),
    ],
)
def test_the_ref_of_the_file_is_followed(given: dict[str, str], setting_name: str, value: str) -> None:
    adoption = official_chart.convert({"dags": git(**given)})
    followed = {key: setting(adoption, f"dags.{key}") for key in ("branch", "tag", "commit")}
    assert followed == {**dict.fromkeys(followed), setting_name: value}


def test_a_part_of_a_commit_hash_stops() -> None:
    (stop,) = official_chart.convert({"dags": git(rev="0a1b2c3")}).blockers
    assert "airflow:dags.commit" in stop


def test_a_token_in_base64_is_decoded_with_its_user_name(run_command: Command, tmp_path: Path) -> None:
    adoption = adopted("a token in Base64")
    assert setting(adoption, "dags.username") == "deploy-7"
    file = tmp_path / "values.yaml"
    file.write_text(yaml.safe_dump(CASES["a token in Base64"]))
    assert run_command("adopt", "--values", str(file), "--value", adoption.secrets["gitToken"]) == Done(0, CANARY, "")


def test_a_user_in_the_url_is_no_password() -> None:
    adoption = adopted("a user in the URL")
    assert setting(adoption, "dags.repository") == "https://dev.azure.com/acme/data/_git/dags"
    assert setting(adoption, "existingSecrets.gitToken") == "azdo"
    for url in (
        "https://u:p@git.example.com/a.git",
        "https://ghp_012345678901234567890123@github.com/a/b.git",
        "ssh://u:p@git.example.com/a.git",
    ):
        stopped = official_chart.convert({"dags": git(repo=url)})
        assert any(stop.startswith("dags.gitSync.repo: the URL contains a password") for stop in stopped.blockers)
        assert "p@" not in str(stopped.settings)


def test_the_charts_database_is_recognized_by_its_host() -> None:
    for host in ("airflow-postgresql", "etl-postgresql.data", "x-postgresql.data.svc.cluster.local"):
        case = {**CASES["the chart's database by its host"], "data": {"metadataConnection": {"host": host}}}
        assert official_chart.convert(case).settings["database"] == {"inCluster": {"storage": "8Gi"}}
    other = official_chart.convert(
        {"postgresql": {"enabled": False}, "data": {"metadataConnection": {"host": "my-postgresql"}}}
    )
    assert value_below(other.settings, "database.external.host") == "my-postgresql"


def test_what_only_extra_env_can_express_stays_there() -> None:
    adoption = adopted("templates in extraEnv")
    assert setting(adoption, "environment") == {"PLAIN": "text"}
    kept = yaml.safe_load(setting(adoption, "values.extraEnv"))
    assert [each["name"] for each in kept] == ["STATSD_PREFIX", "SENTRY_DSN", "NODE"]
    assert kept[1]["valueFrom"]["secretKeyRef"]["optional"] is True
    template = official_chart.convert({"extraEnv": "{{- if x }}\n- name: A\n  value: b\n{{- end }}"})
    assert value_below(template.settings, "values.extraEnv").startswith("{{- if x }}")


def test_zero_replicas_switch_a_part_off() -> None:
    adoption = adopted("zero replicas")
    assert setting(adoption, "values.triggerer.enabled") is False
    assert "components" not in adoption.settings
    assert "LocalExecutor" in line(adoption, "workers")
    assert setting(adopted("workers that an autoscaler starts"), "values.workers.celery.replicas") == 0
    assert official_chart.convert({"scheduler": {"replicas": 0}}).blockers


def test_secrets_that_the_file_names_are_named_and_not_copied() -> None:
    adoption = adopted("Secrets by name")
    assert adoption.secrets == {}
    assert adoption.settings["existingSecrets"] == {
        "gitSshKey": "airflow-git",
        "metadataConnection": "airflow-db",
        "fernetKey": "airflow-fernet",
        "apiSecretKey": "airflow-api",
        "jwtSecret": "airflow-jwt",
    }
    assert "database" not in adoption.settings
    assert "asyncConnection" in line(adoption, "data.metadataSecretName")
    assert "airflow-jwt" in adoption.needed_secrets()
    celery = adopted("Secrets of Celery by name")
    assert celery.settings["existingSecrets"] == {"brokerUrl": "broker", "redisPassword": "redis"}


@pytest.mark.parametrize(("executor", "before"), [("LocalExecutor", 32), ("CeleryExecutor", 16)])
def test_fewer_tasks_at_a_time_are_reported(executor: str, before: int) -> None:
    adoption = official_chart.convert({"executor": executor, "dags": git()}, own={"size": "medium"})
    assert f": 8 by airflow:size medium, {before} until now" in "\n".join(adoption.notes)
    kept = {"config": {"core": {"parallelism": 9}, "celery": {"worker_concurrency": 9}}}
    assert "until now" not in "\n".join(official_chart.convert({"executor": executor, **kept}).notes)


def test_a_template_that_is_kept_reads_no_value_that_is_left_out() -> None:
    assert "airflowLocalSettings" not in adopted("old local settings").settings.get("values", {})
    reads = {"webserverSecretKeySecretName": "web", "executor": "KubernetesExecutor",
             "extraEnvFrom": "{{ if .Values.webserverSecretKeySecretName }}{{ .Values.executor }}{{ end }}"}  # fmt: skip
    (stop,) = official_chart.convert(reads).blockers
    assert "reads .Values.webserverSecretKeySecretName" in stop
    own = official_chart.convert({"airflowLocalSettings": "from airflow.www import x\nimport y"})
    assert any("airflow.www" in stop for stop in own.blockers)


def test_a_switch_of_the_community_chart_that_is_off_stays_off() -> None:
    values = {
        "airflow": {"executor": "KubernetesExecutor"},
        "triggerer": {"enabled": False},
        "rbac": {"create": False},
        "serviceAccount": {"create": False, "name": "airflow"},
        "scheduler": {"safeToEvict": False},
        "dags": {"gitSync": {"enabled": True, "repo": "git@gitlab.com:acme/dags.git", "submodules": "off", "maxFailures": 3, "sshSecret": "s", "sshSecretKey": "k"}},
    }  # fmt: skip
    adoption = community_chart.convert(values)
    assert adoption.blockers == []
    found = adoption.settings["values"]
    assert found["triggerer"]["enabled"] is False
    assert found["rbac"] == {"create": False}
    assert found["scheduler"] == {"safeToEvict": False, "serviceAccount": {"create": False, "name": "airflow"}}
    assert adoption.secrets == {"gitSshKey": "Secret s, key k"}
    assert "dags.gitSync.maxFailures, dags.gitSync.submodules" in adoption.notes[-1]


SHAPES: dict[str, Any] = {
    "name and value": {"scheduler": {"extraContainers": [{"name": "a", "env": [{"name": "DB_PASSWORD", "value": CANARY}]}]}},
    "env": {"env": [{"name": "PW", "value": CANARY}]},
    "JDBC": {"env": [{"name": "URL", "value": f"jdbc:postgresql://db/a?user=u&password={CANARY}"}]},
    "ODBC": {"extraEnv": f"- name: DSN_TEXT\n  value: 'Driver=x;UID=u;PWD={CANARY};'\n"},
    "URL": {"config": {"celery": {"result_backend": f"db+postgresql://u:{CANARY}@db/a"}}},
    "Fernet key in the configuration": {"config": {"core": {"fernet_key": CANARY}}},
    "password in the configuration": {"config": {"smtp": {"smtp_password": CANARY}, "fab": {"auth_ldap_bind_password_old": CANARY}}},
    "JSON": {"config": {"secrets": {"backend_kwargs": f'{{"token": "{CANARY}"}}'}}},
    "option": {"scheduler": {"args": ["bash", "-c", f"x --password={CANARY}"]}},
    "extraSecrets": {"extraSecrets": {"a": {"data": base64.b64encode(CANARY.encode()).decode(), "stringData": f"a: {CANARY}"}}},
    "extraConfigMaps": {"extraConfigMaps": {"a": {"data": f"app.ini: |\n  password = {CANARY}\n"}}},
    "podTemplate": {"podTemplate": f"spec:\n  containers:\n  - env:\n    - name: API_TOKEN\n      value: {CANARY}\n"},
    "Python": {"apiServer": {"apiServerConfig": f"import os\nOAUTH = [{{'client_secret': '{CANARY}'}}]\nCLIENT_SECRET = '{CANARY}'\n"}},
    "template": {"extraEnv": f"{{{{- if x }}}}\n- name: A_TOKEN\n  value: {CANARY}\n{{{{- end }}}}"},
    "ingress annotation": {"ingress": {"apiServer": {"enabled": True, "annotations": {"a": f"https://u:{CANARY}@h"}, "hosts": ["a.example.com"]}}},
    "unknown key": {"mySecret": CANARY, "more": {"password": CANARY}},
    "registry": {"registry": {"connection": {"user": "u", "pass": CANARY}}},
    "repository": {"dags": git(repo=f"https://u:{CANARY}@git.example.com/a.git")},
    "token in the query": {"dags": git(repo=f"https://git.example.com/a.git?private_token={CANARY}")},
    "connection": {"data": {"metadataConnection": {"host": "db", "pass": CANARY}, "resultBackendConnection": {"pass": CANARY}, "brokerUrl": f"redis://:{CANARY}@h"}},
}  # fmt: skip


@pytest.mark.parametrize("shape", SHAPES)
def test_a_secret_of_any_shape_is_neither_written_nor_printed(shape: str, run_command: Command, tmp_path: Path) -> None:
    file = tmp_path / "values.yaml"
    file.write_text(yaml.safe_dump({"executor": "CeleryExecutor", "dags": git(), **SHAPES[shape]}))
    done = run_command("adopt", "--values", str(file))
    assert done.status in (0, 2)
    assert CANARY not in done.out + done.err
    assert base64.b64encode(CANARY.encode()).decode() not in done.out + done.err


@pytest.mark.parametrize("output", [(), ("--output", "Pulumi.prod.yaml")], ids=["to standard output", "to a file"])
@pytest.mark.parametrize("name", ["values.yaml", "my values' file.yaml"])
def test_every_printed_step_is_one_command_of_a_shell(
    run_command: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, output: tuple[str, ...]
) -> None:
    monkeypatch.chdir(tmp_path)
    seen: set[str] = set()
    for case in CASES.values():
        (tmp_path / name).write_text(yaml.safe_dump(case))
        done = run_command("adopt", "--values", name, *output, *(["--force"] if output else []))
        steps = re.findall(r"^\d+\. .*:\n     (.*)$", done.err, re.MULTILINE)
        assert len(steps) >= 2
        for step in steps:
            assert (
                subprocess.run(["bash", "-n"], input=step, text=True, capture_output=True, check=False).returncode == 0
            ), step
            words = shlex.split(step, comments=True)
            assert words[0] in ("pulumi", "airflow-stack", "kubectl")
            assert not any(re.search(r"[<>]", word) for word in words)
            seen.add(words[0])
            if "--value" in words:  # what a step pipes into the stack is there
                arguments = words[1 : words.index("|")]
                assert run_command(*arguments)[::2] == (0, "")
    assert seen == {"pulumi", "airflow-stack", "kubectl"}
