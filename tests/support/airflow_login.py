"""A real API server of Airflow with a generated `webserver_config.py`, behind nginx with TLS. No cluster."""

import os
import shutil
import socket
import subprocess
import time
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Self

import requests

from tests.support.identity_provider import CLIENT_SECRET

_AUTH_MANAGER = "airflow.providers.fab.auth_manager.fab_auth_manager.FabAuthManager"
_PROXY = """
daemon off; pid {folder}/nginx.pid; error_log {folder}/nginx.log; worker_processes 1;
events {{}}
http {{
  access_log off;
  client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy; fastcgi_temp_path {folder}/f; uwsgi_temp_path {folder}/u; scgi_temp_path {folder}/s;
  server {{
    listen 127.0.0.1:{port} ssl;
    ssl_certificate {folder}/tls.crt; ssl_certificate_key {folder}/tls.key;
    location / {{
      proxy_pass http://127.0.0.1:{upstream};
      proxy_set_header Host $http_host;
      proxy_set_header X-Forwarded-For $remote_addr;
      proxy_set_header X-Forwarded-Proto https;
      proxy_set_header X-Forwarded-Host $http_host;
      proxy_set_header X-Forwarded-Port {port};
    }}
  }}
}}
"""


def missing() -> str:
    """What this machine lacks; empty: nothing."""
    if not (python := os.environ.get("AIRFLOW_LOGIN_PYTHON")):
        return "AIRFLOW_LOGIN_PYTHON names no Python with apache-airflow, apache-airflow-providers-fab and authlib"
    packages = "import airflow, authlib, flask_appbuilder, airflow.providers.fab"
    if subprocess.run([python, "-c", packages], capture_output=True, check=False).returncode:
        return f"{python} has no apache-airflow, apache-airflow-providers-fab or authlib"
    lacks = [each for each in ("nginx", "openssl") if not shutil.which(each)]
    return f"{' and '.join(lacks)} is not installed" if lacks else ""


def free_port() -> int:
    """A port that nothing uses."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


# In one process: each would import Airflow again.
_PREPARE = """
import sys
from airflow.__main__ import main
for command in (
    "db migrate", "fab-db migrate", "sync-perm",
    "users create -r Admin -u admin -e a@b.c -f a -l b -p right", "users create -r Admin -u by-hand -e h@b.c -f a -l b -p right",
):
    sys.argv = ["airflow", *command.split()]
    main()
"""


class Database:
    """A migrated SQLite database with Airflow's roles, the user `admin` of the settings, and `by-hand`, whom no setting names."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.python = os.environ["AIRFLOW_LOGIN_PYTHON"]
        self.run(_PREPARE)

    def environment(self, **more: str) -> dict[str, str]:
        return {
            **os.environ,
            "AIRFLOW_HOME": str(self.folder),
            "AIRFLOW__CORE__AUTH_MANAGER": _AUTH_MANAGER,
            "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
            "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": f"sqlite:///{self.folder}/airflow.db",
            "AIRFLOW__API__SECRET_KEY": "k" * 64,
            "AIRFLOW__API_AUTH__JWT_SECRET": "j" * 64,
            "PYTHONUNBUFFERED": "1",
            **more,
        }

    def run(self, script: str, **more: str) -> str:
        """Run a script in Airflow's Python."""
        done = subprocess.run(
            [self.python, "-c", script],
            env=self.environment(**more),
            capture_output=True,
            text=True,
            timeout=600,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout


class ApiServer:
    """Airflow's API server, which reads the generated file."""

    def __init__(self, database: Database, config: str, options: Mapping[str, str]) -> None:
        self.database, self.port, self.upstream = database, free_port(), free_port()
        self.folder = database.folder / f"server-{self.port}"
        self.folder.mkdir()
        self.url = f"https://localhost:{self.port}"
        (self.folder / "webserver_config.py").write_text(config)
        self.options = dict(options)
        self._processes: list[subprocess.Popen[bytes]] = []

    def __enter__(self) -> Self:
        crt, key = self.folder / "tls.crt", self.folder / "tls.key"
        subject = ["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"]
        made = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", *subject]
        subprocess.run([*made, "-out", crt, "-keyout", key], check=True, capture_output=True)
        (self.folder / "nginx.conf").write_text(
            _PROXY.format(folder=self.folder, port=self.port, upstream=self.upstream)
        )
        environment = self.database.environment(
            AIRFLOW__FAB__CONFIG_FILE=str(self.folder / "webserver_config.py"),
            AIRFLOW__API__BASE_URL=self.url,
            AIRFLOW_STACK_LOGIN_CLIENT_SECRET=CLIENT_SECRET,
            FORWARDED_ALLOW_IPS="*",
            **self.options,
        )
        command = [self.database.python, "-m", "airflow", "api-server", "--proxy-headers", "--port", str(self.upstream)]
        with (self.folder / "log").open("wb") as log:
            server = subprocess.Popen([*command, "--workers", "1"], env=environment, stdout=log, stderr=log)
        self._processes.append(server)
        self._processes.append(subprocess.Popen(["nginx", "-c", self.folder / "nginx.conf"], stderr=subprocess.DEVNULL))
        end = time.monotonic() + 300
        while time.monotonic() < end:
            if server.poll() is not None:
                break
            try:
                if requests.get(f"{self.url}/api/v2/version", verify=str(crt), timeout=10).ok:
                    return self
            except requests.RequestException:
                pass
            time.sleep(0.5)
        log_text = self.log()
        self.__exit__(None, None, None)
        raise AssertionError(f"the API server did not start:\n{log_text[-5000:]}")

    def __exit__(self, *_: type[BaseException] | BaseException | TracebackType | None) -> None:
        for process in self._processes:
            process.terminate()
        for process in self._processes:
            process.wait(60)

    def log(self) -> str:
        """What the server printed."""
        return (self.folder / "log").read_text()

    def browser(self) -> requests.Session:
        """A client with cookies that trusts the certificate."""
        session = requests.Session()
        session.trust_env, session.verify = False, str(self.folder / "tls.crt")
        return session
