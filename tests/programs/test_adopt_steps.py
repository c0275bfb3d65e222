"""The printed steps of an adoption, run by a shell with a real Pulumi: the stack then has every secret of the file."""

import base64
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from airflow_stack.cli.helm import cache_folder
from tests.support.adopted_cases import git
from tests.support.cases import KEY

PULUMI = shutil.which("pulumi") or shutil.which("pulumi", path=cache_folder() / "bin")
FERNET_KEY = base64.urlsafe_b64encode(b"canary-5e0c" * 2 + b"0123456789").decode()
TOKEN = "canary-5e0c"
PASSWORD = "canary 'of $quotes\""


def encoded(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


FILES = {
    "official chart": (
        {
            "executor": "KubernetesExecutor",
            "fernetKey": FERNET_KEY,
            "postgresql": {"enabled": False},
            "data": {"metadataConnection": {"host": "db.example.com", "pass": PASSWORD}},
            "dags": git(credentialsSecret="git.login"),
            "extraSecrets": {"git.login": {"data": f"GITSYNC_PASSWORD: {encoded(TOKEN)}\nGITSYNC_USERNAME: {encoded('me')}\n"}},
        },
        {"fernetKey": FERNET_KEY, "databasePassword": PASSWORD, "gitToken": TOKEN},
    ),
    "variables and an SSH key": (
        {
            "executor": "KubernetesExecutor",
            "env": [{"name": "AIRFLOW__CORE__FERNET_KEY", "value": FERNET_KEY}],
            "dags": git(repo="git@github.com:acme/dags.git", sshKey=KEY),
        },
        {"fernetKey": FERNET_KEY, "gitSshKey": KEY.rstrip("\n")},
    ),
    "community chart": (
        {
            "airflow": {"executor": "KubernetesExecutor", "fernetKey": FERNET_KEY, "image": {"tag": "3.3.2"}},
            "postgresql": {"enabled": False},
            "externalDatabase": {"host": "db.example.com", "password": PASSWORD},
            "dags": {"gitSync": {"enabled": True, "repo": "https://git.example.com/data/dags.git", "repoSubPath": "dags"}},
        },
        {"fernetKey": FERNET_KEY, "databasePassword": PASSWORD},
    ),
}  # fmt: skip


@pytest.mark.skipif(not PULUMI, reason="needs pulumi (`make tools`)")
@pytest.mark.parametrize("output", [["--output", "Pulumi.etl.yaml"], []], ids=["with a file", "without a file"])
@pytest.mark.parametrize("kind", FILES)
def test_the_printed_steps_set_every_secret_of_the_file(kind: str, output: list[str], tmp_path: Path) -> None:
    values, secrets = FILES[kind]
    assert PULUMI
    (tmp_path / "my values.yaml").write_text(yaml.safe_dump(values))
    (tmp_path / "Pulumi.yaml").write_text("name: airflow\nruntime: yaml\n")
    path = f"{Path(sys.executable).parent}:{Path(PULUMI).parent}:{os.environ['PATH']}"
    backend = {
        "PULUMI_BACKEND_URL": f"file://{tmp_path}",
        "PULUMI_CONFIG_PASSPHRASE": "x",
        "PULUMI_SKIP_UPDATE_CHECK": "1",
    }

    def run(command: str) -> subprocess.CompletedProcess[str]:
        env = {**os.environ, **backend, "PATH": path, "PULUMI_HOME": str(tmp_path / "home")}
        return subprocess.run(
            ["bash", "-o", "pipefail", "-c", command],
            cwd=tmp_path,
            env=env,
            text=True,
            capture_output=True,
            check=False,
        )

    adopted = run(" ".join(["airflow-stack adopt --values 'my values.yaml'", *output]))
    assert adopted.returncode == 0, adopted.stderr
    steps = re.findall(r"^\d+\. .*:\n     (.*)$", adopted.stderr, re.MULTILINE)
    for step in steps:
        done = run(step.partition(" && pulumi preview")[0])  # the preview needs a cluster
        assert done.returncode == 0, (step, done.stderr)
    stack = "etl" if output else "adopted"
    for setting, value in secrets.items():
        assert run(f"pulumi config get airflow:{setting} --stack {stack}").stdout.rstrip("\n") == value
    assert not any(value in (tmp_path / f"Pulumi.{stack}.yaml").read_text() for value in secrets.values())
