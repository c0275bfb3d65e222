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
    assert ours["body"].startswith("<!-- airflow-stack diff -->\n<sub>**Made by the change's own code**")
    assert ours["body"].rstrip().endswith("second")
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
    github.artifact("found-staging", preview__prod_txt="a lie", diff_md="a lie", number="13")
    assert github.post("github-comment").returncode == 0
    (comment,) = github.read()["comments"]
    assert "fine" in comment["body"]
    assert "<details>" not in comment["body"]
    assert "a lie" not in comment["body"]
    assert len(comment["body"]) < 400


def test_a_diff_job_cannot_pass_text_off_as_a_preview(github: GitHub) -> None:
    github.artifact("found-diff", number="12", diff_md="fine", preview__prod_txt="42 unchanged")
    assert github.post("github-comment").returncode == 0
    (comment,) = github.read()["comments"]
    assert "42 unchanged" not in comment["body"]


def test_a_broken_artifact_is_one_message(github: GitHub) -> None:
    github.artifact("found-diff", number="12", diff_md="fine")
    (github.folder / "0.zip").write_bytes(b"no zip")
    done = github.post("github-comment")
    assert (done.returncode, github.read()["sent"]) == (1, [])
    assert done.stderr.startswith("error: the artifact found-diff is not readable") and "Traceback" not in done.stderr


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
    """GitLab with one merge request, its pipeline, and its notes."""
    notes: list[dict[str, Any]] = [{"id": 1, "author": {"id": 8}, "body": "<!-- airflow-stack diff -->\ntheirs"}]
    project = "/api/v4/projects/3"
    answers: dict[str, Any] = {
        "/api/v4/user": {"id": 7},
        f"{project}/pipelines/5": {"id": 5, "sha": SHA, "web_url": "https://gitlab.test/5", "ref": "refs/merge-requests/12/head", "source": "merge_request_event"},
        f"{project}/merge_requests/12": {"state": "opened", "head_pipeline": {"id": 5}},
        f"{project}/pipelines/5/jobs?per_page=100": [{"id": 1, "name": "diff"}, {"id": 2, "name": "preview: [staging]"}, {"id": 3, "name": "preview: [../x]"}, {"id": 4, "name": "test"}],
    }  # fmt: skip
    files = {
        f"{project}/jobs/1/artifacts/found/diff.md": b"the diff",
        f"{project}/jobs/2/artifacts/found/preview-staging.txt": b"~ Release",
    }

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            if self.path in answers:
                self._answer(answers[self.path])
            elif self.path.startswith(f"{project}/jobs/"):
                self.send_response(200 if self.path in files else 404)
                self.end_headers()
                self.wfile.write(files.get(self.path, b""))
            else:
                self._answer(notes if self.path.endswith("page=1") else [])

        def do_POST(self) -> None:
            notes.append({"id": 2, "author": {"id": 7}, **self._body()})
            self._answer({})

        def do_PUT(self) -> None:
            assert self.path == f"{project}/merge_requests/12/notes/2"
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


def test_gitlab_gets_one_note_from_the_artifacts_of_the_pipeline_that_triggered(
    gitlab: tuple[str, list[dict[str, Any]]], github: GitHub
) -> None:
    url, notes = gitlab
    variables = {"CI_API_V4_URL": url, "CI_PROJECT_ID": "3", "NOTE_PIPELINE": "5", "GITLAB_TOKEN": "canary"}
    for _ in range(2):
        done = github.post("gitlab-comment", cwd=github.folder, **variables)
        assert done.returncode == 0, done.stderr
    theirs, ours = (note["body"] for note in notes)
    assert theirs.endswith("theirs")
    assert ours.splitlines()[1].startswith("<sub>**Made by the change's own code**")
    assert "the diff" in ours and "~ Release" in ours and SHA in ours and "https://gitlab.test/5" in ours


@pytest.mark.parametrize("pipeline", ["", "x", "5/../6", "0", "-1"])
def test_an_invalid_pipeline_posts_nothing(pipeline: str, github: GitHub) -> None:
    host = {"CI_API_V4_URL": "http://127.0.0.1:1", "CI_PROJECT_ID": "3", "GITLAB_TOKEN": "x"}
    done = github.post("gitlab-comment", cwd=github.folder, NOTE_PIPELINE=pipeline, **host)
    assert done.returncode == 1
    assert "is not the number of a pipeline" in done.stderr
