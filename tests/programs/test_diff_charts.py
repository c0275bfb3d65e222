"""Charts for `airflow-stack diff`: Helm pulls each repository and version only once."""

import functools
import http.server
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from airflow_stack.cli.diff.chart_files import chart_file
from airflow_stack.cli.helm import find_helm
from airflow_stack.errors import UserError
from tests.support.cases import CONTRACT_CHART


class _Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[http.server.ThreadingHTTPServer]:
    """A local chart repository with the stand-in chart as version 1.2.3."""
    helm = find_helm()
    monkeypatch.setenv("AIRFLOW_STACK_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr("airflow_stack.cli.diff.chart_files.find_helm", lambda: helm)
    served = tmp_path / "served"
    subprocess.run(
        [helm, "package", CONTRACT_CHART, "--version", "1.2.3", "--destination", served],
        check=True,
        capture_output=True,
    )
    subprocess.run([helm, "repo", "index", served], check=True, capture_output=True)
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(_Quiet, directory=str(served))) as server:
        threading.Thread(target=server.serve_forever).start()
        yield server
        server.shutdown()


def test_a_chart_is_pulled_only_once(repository: http.server.ThreadingHTTPServer, tmp_path: Path) -> None:
    address = f"http://127.0.0.1:{repository.server_address[1]}"
    release = {"chart": "airflow", "version": "1.2.3", "repositoryOpts": {"repo": address}}
    pulled = chart_file(release, tmp_path)
    assert pulled.name == "airflow-1.2.3.tgz"
    (tmp_path / "served" / "airflow-1.2.3.tgz").unlink()
    assert chart_file(release, tmp_path) == pulled
    with pytest.raises(UserError, match="--chart PATH"):
        chart_file({**release, "version": "1.2.4"}, tmp_path)
    assert [path.name for path in pulled.parent.iterdir()] == [pulled.name]


def test_a_local_chart_is_read_from_the_tree_that_names_it(tmp_path: Path) -> None:
    assert chart_file({"chart": "charts/airflow"}, tmp_path) == tmp_path / "charts" / "airflow"
    assert chart_file({"chart": "/charts/airflow"}, tmp_path) == Path("/charts/airflow")
