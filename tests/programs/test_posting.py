"""Posts on GitHub and GitLab: one per subject, updated in place. A forged artifact posts nothing."""

import http.server
import json
import shutil
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.fake_github import SHA, GitHub, write_program
from tests.support.golden import Golden


@pytest.fixture
def github(tmp_path: Path) -> GitHub:
    return GitHub(tmp_path)


def test_a_second_push_updates_the_existing_comment(github: GitHub) -> None:
    github.write(comments=[{"id": 1, "user": {"login": "mallory"}, "body": "<!-- airflow-stack diff -->\nmine"}])
    github.artifact("found-diff", number="12", diff_md="first")
    github.artifact("found-prod", preview__prod_txt="~ Release")
    assert github.post("github-comment").returncode == 0
    github.write(artifacts=[])
    github.artifact("found-diff", number="12", diff_md="second")
    assert github.post("github-comment").returncode == 0
    theirs, ours = github.read()["comments"]
    assert theirs["body"].endswith("mine")
    assert ours["body"].startswith("<!-- airflow-stack diff -->\nsecond")
    assert SHA in ours["body"]
    assert github.read()["sent"] == [
        ["POST", "repos/acme/airflow/issues/12/comments"],
        ["PATCH", "repos/acme/airflow/issues/comments/71"],
    ]


def test_a_forged_number_posts_nothing(github: GitHub, golden: Golden) -> None:
    github.write(pull={"state": "open", "head": {"sha": SHA[::-1], "repo": {"full_name": "acme/airflow"}}})
    github.artifact("found-diff", number="12", diff_md="a lie")
    assert github.post("github-comment").stdout == golden(name="another commit")
    github.write(artifacts=[])
    github.artifact("found-diff", number="12/../../issues/3", diff_md="a lie")
    assert github.post("github-comment").stderr == golden(name="no number")
    assert github.read()["sent"] == []


def test_only_the_expected_file_of_an_artifact_is_read_up_to_a_limit(github: GitHub) -> None:
    github.artifact("found-diff", number="12", diff_md="fine", evil_sh="rm -rf /")
    github.artifact("found-prod", preview__prod_txt="p" * 9_000_000)
    github.artifact("other", preview__staging_txt="not of ours")
    assert github.post("github-comment").returncode == 0
    (comment,) = github.read()["comments"]
    assert "fine" in comment["body"]
    assert "<details>" not in comment["body"]
    assert len(comment["body"]) < 300


def test_an_error_of_github_is_one_message(github: GitHub) -> None:
    write_program(github.folder / "gh", "import sys; sys.exit('HTTP 403: Resource not accessible')")
    done = github.post("github-comment")
    assert done.returncode == 1
    assert "HTTP 403" in done.stderr and "Traceback" not in done.stderr


def test_drift_opens_updates_and_closes_one_issue(github: GitHub) -> None:
    def night(**found: str) -> list[tuple[str, str]]:
        folder = github.folder / "found"
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        for name, text in found.items():
            (folder / f"{name.replace('_', '-')}.txt").write_text(text)
        done = github.post("github-drift", cwd=github.folder)
        assert done.returncode == 0, done.stderr
        return [(each["state"], each["body"]) for each in github.read()["issues"]]

    assert night(same_prod="") == []
    ((_, first),) = night(drift_prod="~ replicas: 2 => 3", same_staging="")
    assert "replicas: 2 => 3" in first
    ((state, second),) = night(drift_prod="~ replicas: 2 => 4", unknown_staging="")
    assert (state, "2 => 4" in second) == ("open", True)
    assert night(same_prod="", unknown_staging="")[0][0] == "open", (
        "what could not be looked at is not known to be gone"
    )
    assert [state for state, _ in night(same_prod="", same_staging="")] == ["closed"]
    assert [state for state, _ in night(drift_prod="again")] == ["closed", "open"]


def test_newer_versions_open_one_issue_besides_that_of_drift_until_they_are_tested(
    github: GitHub,
) -> None:
    drift = {
        "number": 1,
        "id": 1,
        "user": {"login": "github-actions[bot]"},
        "state": "open",
        "body": "<!-- airflow-stack drift -->\n",
    }
    github.write(issues=[drift])

    def week(*tags: str) -> list[tuple[str, str]]:
        github.write(tags={"apache/airflow": ["3.2.2", "helm-chart/1.22.0", *tags]})
        done = github.post("github-versions")
        assert done.returncode == 0, done.stderr
        return [(each["state"], each["body"]) for each in github.read()["issues"][1:]]

    assert week("3.3.3rc1") == []
    ((_, first),) = week("3.99.0")
    assert first.startswith("<!-- airflow-stack versions -->\n")
    assert "| 3.99.0 |" in first and "https://github.test/run/5" in first
    ((state, second),) = week("3.99.1")
    assert (state, "| 3.99.1 |" in second) == ("open", True)
    assert [state for state, _ in week()] == ["closed"]
    assert github.read()["issues"][0] == drift


@pytest.fixture
def gitlab() -> Iterator[tuple[str, list[dict[str, Any]]]]:
    """GitLab with one merge request and its notes."""
    notes: list[dict[str, Any]] = [{"id": 1, "author": {"id": 8}, "body": "<!-- airflow-stack diff -->\ntheirs"}]

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self._answer({"id": 7} if self.path == "/api/v4/user" else notes if self.path.endswith("page=1") else [])

        def do_POST(self) -> None:
            notes.append({"id": 2, "author": {"id": 7}, **self._body()})
            self._answer({})

        def do_PUT(self) -> None:
            assert self.path == "/api/v4/projects/3/merge_requests/12/notes/2"
            notes[1].update(self._body())
            self._answer({})

        def _body(self) -> dict[str, Any]:
            body: dict[str, Any] = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            return body

        def _answer(self, content: object) -> None:
            assert self.headers["PRIVATE-TOKEN"] == "canary"
            self.send_response(200)
            self.end_headers()
            self.wfile.write(json.dumps(content).encode())

        def log_message(self, *_: object) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}/api/v4", notes
        server.shutdown()
        thread.join()


def test_gitlab_gets_one_note(gitlab: tuple[str, list[dict[str, Any]]], github: GitHub) -> None:
    url, notes = gitlab
    (github.folder / "found").mkdir()
    variables = {
        "CI_API_V4_URL": url,
        "CI_PROJECT_ID": "3",
        "CI_MERGE_REQUEST_IID": "12",
        "CI_COMMIT_SHA": SHA,
        "CI_PIPELINE_URL": "https://gitlab.test/1",
        "GITLAB_TOKEN": "canary",
    }
    for text in ("first", "second"):
        (github.folder / "found" / "diff.md").write_text(text)
        done = github.post("gitlab-comment", cwd=github.folder, **variables)
        assert done.returncode == 0, done.stderr
    assert [note["body"].splitlines()[1] for note in notes] == ["theirs", "second"]
