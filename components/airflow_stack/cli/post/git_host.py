"""Comments and issues on GitHub and GitLab: each is created once, then updated.

Needs only the standard library, because the one job with write access installs nothing. GitHub is reached with its command `gh`, whose
token is in GH_TOKEN, GitLab with its API and the token in GITLAB_TOKEN.
"""

import json
import os
import subprocess
import urllib.error
import urllib.request
from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

from airflow_stack.errors import UserError

COMMENT = "<!-- airflow-stack diff -->\n"
"""First line of the comment: invisible, and identifies it for updates."""


@dataclass(frozen=True)
class Issue:
    """An issue that exists at most once."""

    label: str
    title: str

    @property
    def marker(self) -> str:
        """Its first line, like that of the comment."""
        return f"<!-- airflow-stack {self.label} -->\n"


DRIFT = Issue("drift", "Deployed resources have drifted from Pulumi's state")
VERSIONS = Issue("versions", "There are newer versions than the tested ones")
_BOT = "github-actions[bot]"

Json = dict[str, Any]


class CodeHost(ABC):
    """A repository on a git host. Every method raises `UserError` with the host's message if it refuses."""

    @abstractmethod
    def comment(self, number: int, text: str) -> None:
        """Create or update the comment on a pull or merge request."""

    @abstractmethod
    def issue(self, issue: Issue, text: str) -> None:
        """Create or update the issue."""

    @abstractmethod
    def close_issue(self, issue: Issue) -> None:
        """Close the issue if it is open."""


class GitHub(CodeHost):
    """A repository on GitHub, with the workflow's token."""

    def __init__(self, repository: str) -> None:
        self._repository = f"repos/{repository}"

    def comment(self, number: int, text: str) -> None:
        """Create or update the comment."""
        comments = f"{self._repository}/issues/{number}/comments"
        if own := self._own(comments, COMMENT):
            self._send("PATCH", f"{self._repository}/issues/comments/{own['id']}", body=COMMENT + text)
        else:
            self._send("POST", comments, body=COMMENT + text)

    def issue(self, issue: Issue, text: str) -> None:
        """Create or update the issue."""
        body = issue.marker + text
        if own := self._open_issue(issue):
            self._send("PATCH", f"{self._repository}/issues/{own['number']}", body=body)
        else:
            self._send("POST", f"{self._repository}/issues", title=issue.title, body=body, labels=[issue.label])

    def close_issue(self, issue: Issue) -> None:
        """Close the issue if it is open."""
        if own := self._open_issue(issue):
            self._send("PATCH", f"{self._repository}/issues/{own['number']}", state="closed", state_reason="completed")

    def pull_request(self, number: int) -> Json:
        """A pull request."""
        answer: Json = json.loads(_gh(f"{self._repository}/pulls/{number}"))
        return answer

    def artifacts(self, run: int) -> Iterator[Json]:
        """The artifacts of a workflow run."""
        yield from self._list(f"{self._repository}/actions/runs/{run}/artifacts", "artifacts")

    def tags(self, repository: str, prefix: str) -> list[str]:
        """The tags of any public repository that begin with `prefix`."""
        found = self._list(f"repos/{repository}/git/matching-refs/tags/{prefix}")
        return [each["ref"].removeprefix("refs/tags/") for each in found]

    def archive(self, artifact: int) -> bytes:
        """An artifact as a zip file."""
        return _gh(f"{self._repository}/actions/artifacts/{artifact}/zip")

    def _open_issue(self, issue: Issue) -> Json | None:
        return self._own(f"{self._repository}/issues?state=open&labels={issue.label}", issue.marker)

    def _own(self, path: str, marker: str) -> Json | None:
        found = (each for each in self._list(path) if each["user"]["login"] == _BOT)
        return next((each for each in found if (each["body"] or "").startswith(marker.strip())), None)

    def _list(self, path: str, key: str = "") -> Iterator[Json]:
        for page in json.loads(_gh("--paginate", "--slurp", path)):
            yield from page[key] if key else page

    def _send(self, method: str, path: str, **body: object) -> None:
        _gh("--method", method, path, "--input", "-", text=json.dumps(body))


class GitLab(CodeHost):
    """A project on GitLab, with the token of a user."""

    def __init__(self, api: str, project: str) -> None:
        self._api, self._project = api, f"projects/{project}"

    def comment(self, number: int, text: str) -> None:
        """Create or update the comment."""
        notes = f"{self._project}/merge_requests/{number}/notes"
        own = self._own(f"{notes}?", "body", COMMENT)
        self._ask("PUT" if own else "POST", f"{notes}/{own['id']}" if own else notes, body=COMMENT + text)

    def issue(self, issue: Issue, text: str) -> None:
        """Create or update the issue."""
        body = issue.marker + text
        if own := self._open_issue(issue):
            self._ask("PUT", f"{self._project}/issues/{own['iid']}", description=body)
        else:
            self._ask("POST", f"{self._project}/issues", title=issue.title, description=body, labels=issue.label)

    def close_issue(self, issue: Issue) -> None:
        """Close the issue if it is open."""
        if own := self._open_issue(issue):
            self._ask("PUT", f"{self._project}/issues/{own['iid']}", state_event="close")

    def pipeline(self, number: int) -> Json:
        """A pipeline of the project."""
        answer: Json = self._ask("GET", f"{self._project}/pipelines/{number}")
        return answer

    def merge_request(self, number: int) -> Json:
        """A merge request, with its newest pipeline."""
        answer: Json = self._ask("GET", f"{self._project}/merge_requests/{number}")
        return answer

    def jobs(self, pipeline: int) -> list[Json]:
        """The first hundred jobs of a pipeline."""
        answer: list[Json] = self._ask("GET", f"{self._project}/pipelines/{pipeline}/jobs?per_page=100")
        return answer

    def artifact(self, job: int, path: str, most: int) -> bytes | None:
        """A file of a job's artifacts; None if there is none, or if it has more than `most` bytes."""
        try:
            with self._open("GET", f"{self._project}/jobs/{job}/artifacts/{path}", None) as answer:
                content: bytes = answer.read(most + 1)
        except urllib.error.HTTPError as error:
            if error.code == HTTPStatus.NOT_FOUND:
                return None
            raise UserError(f"GET {path}: {error}") from error
        except OSError as error:
            raise UserError(f"GET {path}: {error}") from error
        return content if len(content) <= most else None

    def _open_issue(self, issue: Issue) -> Json | None:
        path = f"{self._project}/issues?state=opened&labels={issue.label}&"
        return self._own(path, "description", issue.marker)

    def _own(self, path: str, key: str, marker: str) -> Json | None:
        me, page = self._ask("GET", "user")["id"], 1
        while found := self._ask("GET", f"{path}per_page=100&sort=asc&page={page}"):
            for each in found:
                if each["author"]["id"] == me and (each[key] or "").startswith(marker.strip()):
                    answer: Json = each
                    return answer
            page += 1
        return None

    def _ask(self, method: str, path: str, **body: object) -> Any:  # noqa: ANN401  (JSON: a list or an object)
        try:
            with self._open(method, path, json.dumps(body).encode() if body else None) as answer:
                return json.load(answer)
        except OSError as error:
            raise UserError(f"{method} {path}: {error}") from error

    def _open(self, method: str, path: str, data: bytes | None) -> Any:  # noqa: ANN401  (an open answer, untyped in urllib)
        headers = {"PRIVATE-TOKEN": os.environ["GITLAB_TOKEN"], "Content-Type": "application/json"}
        request = urllib.request.Request(f"{self._api}/{path}", data, headers, method=method)  # noqa: S310  (GitLab's own address)
        return urllib.request.urlopen(request, timeout=60)  # noqa: S310


def _gh(*arguments: str, text: str | None = None) -> bytes:
    done = subprocess.run(
        ["gh", "api", *arguments], input=(text or "").encode(), capture_output=True, check=False, timeout=120
    )
    if done.returncode != 0:
        raise UserError(f"gh api {' '.join(arguments)}: {done.stderr.decode(errors='replace').strip()}")
    return done.stdout
