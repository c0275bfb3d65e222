"""What GitHub and GitLab are asked: a comment under a change and an issue, each one kept up to date. Knows nothing of what they say.

Runs on Python alone, without this project's dependencies: the one job that may write installs nothing. GitHub is asked by its command
`gh`, whose token is in GH_TOKEN; GitLab by its API, with the token in GITLAB_TOKEN.
"""

import json
import os
import subprocess
import urllib.request
from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from airflow_stack.errors import UserError

COMMENT = "<!-- airflow-stack diff -->\n"
"""The first line of our comment, invisible, by which it is found again."""


@dataclass(frozen=True)
class Issue:
    """An issue of which one is kept."""

    label: str
    title: str

    @property
    def marker(self) -> str:
        """Its first line, as of a comment."""
        return f"<!-- airflow-stack {self.label} -->\n"


DRIFT = Issue("drift", "What is deployed has drifted from Pulumi's state")
VERSIONS = Issue("versions", "There are newer versions than those that are tested")
_BOT = "github-actions[bot]"

Answer = dict[str, Any]


class Forge(ABC):
    """A repository's place on a git host."""

    @abstractmethod
    def comment(self, number: int, text: str) -> None:
        """Write our comment under a pull or merge request: change the one that is there."""

    @abstractmethod
    def issue(self, kept: Issue, text: str) -> None:
        """Write our issue: change the one that is open."""

    @abstractmethod
    def close_issue(self, kept: Issue) -> None:
        """Close our issue if one is open."""


class GitHub(Forge):
    """By `gh`, as the workflow's own bot."""

    def __init__(self, repository: str) -> None:
        self._repository = f"repos/{repository}"

    def comment(self, number: int, text: str) -> None:
        """Write our comment."""
        comments = f"{self._repository}/issues/{number}/comments"
        if mine := self._mine(comments, COMMENT):
            self._send("PATCH", f"{self._repository}/issues/comments/{mine['id']}", body=COMMENT + text)
        else:
            self._send("POST", comments, body=COMMENT + text)

    def issue(self, kept: Issue, text: str) -> None:
        """Write our issue."""
        body = kept.marker + text
        if mine := self._open_issue(kept):
            self._send("PATCH", f"{self._repository}/issues/{mine['number']}", body=body)
        else:
            self._send("POST", f"{self._repository}/issues", title=kept.title, body=body, labels=[kept.label])

    def close_issue(self, kept: Issue) -> None:
        """Close our issue."""
        if mine := self._open_issue(kept):
            self._send("PATCH", f"{self._repository}/issues/{mine['number']}", state="closed", state_reason="completed")

    def pull_request(self, number: int) -> Answer:
        """What GitHub knows of a pull request."""
        answer: Answer = json.loads(_gh(f"{self._repository}/pulls/{number}"))
        return answer

    def artifacts(self, run: int) -> Iterator[Answer]:
        """What a workflow run has left."""
        yield from self._list(f"{self._repository}/actions/runs/{run}/artifacts", "artifacts")

    def tags(self, repository: str, prefix: str) -> list[str]:
        """The tags of any public repository that begin with a text."""
        found = self._list(f"repos/{repository}/git/matching-refs/tags/{prefix}")
        return [each["ref"].removeprefix("refs/tags/") for each in found]

    def archive(self, artifact: int) -> bytes:
        """An artifact as a zip file."""
        return _gh(f"{self._repository}/actions/artifacts/{artifact}/zip")

    def _open_issue(self, kept: Issue) -> Answer | None:
        return self._mine(f"{self._repository}/issues?state=open&labels={kept.label}", kept.marker)

    def _mine(self, path: str, marker: str) -> Answer | None:
        found = (each for each in self._list(path) if each["user"]["login"] == _BOT)
        return next((each for each in found if (each["body"] or "").startswith(marker.strip())), None)

    def _list(self, path: str, key: str = "") -> Iterator[Answer]:
        for page in json.loads(_gh("--paginate", "--slurp", path)):
            yield from page[key] if key else page

    def _send(self, method: str, path: str, **body: object) -> None:
        _gh("--method", method, path, "--input", "-", text=json.dumps(body))


class GitLab(Forge):
    """By its API, as whom the token belongs to."""

    def __init__(self, api: str, project: str) -> None:
        self._api, self._project = api, f"projects/{project}"

    def comment(self, number: int, text: str) -> None:
        """Write our comment."""
        notes = f"{self._project}/merge_requests/{number}/notes"
        mine = self._mine(f"{notes}?", "body", COMMENT)
        self._ask("PUT" if mine else "POST", f"{notes}/{mine['id']}" if mine else notes, body=COMMENT + text)

    def issue(self, kept: Issue, text: str) -> None:
        """Write our issue."""
        body = kept.marker + text
        if mine := self._open_issue(kept):
            self._ask("PUT", f"{self._project}/issues/{mine['iid']}", description=body)
        else:
            self._ask("POST", f"{self._project}/issues", title=kept.title, description=body, labels=kept.label)

    def close_issue(self, kept: Issue) -> None:
        """Close our issue."""
        if mine := self._open_issue(kept):
            self._ask("PUT", f"{self._project}/issues/{mine['iid']}", state_event="close")

    def _open_issue(self, kept: Issue) -> Answer | None:
        path = f"{self._project}/issues?state=opened&labels={kept.label}&"
        return self._mine(path, "description", kept.marker)

    def _mine(self, path: str, key: str, marker: str) -> Answer | None:
        me, page = self._ask("GET", "user")["id"], 1
        while found := self._ask("GET", f"{path}per_page=100&sort=asc&page={page}"):
            for each in found:
                if each["author"]["id"] == me and (each[key] or "").startswith(marker.strip()):
                    answer: Answer = each
                    return answer
            page += 1
        return None

    def _ask(self, method: str, path: str, **body: object) -> Any:  # noqa: ANN401  (JSON: a list or an object)
        headers = {"PRIVATE-TOKEN": os.environ["GITLAB_TOKEN"], "Content-Type": "application/json"}
        data = json.dumps(body).encode() if body else None
        request = urllib.request.Request(f"{self._api}/{path}", data, headers, method=method)  # noqa: S310  (GitLab's own address)
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:  # noqa: S310
                return json.load(answer)
        except OSError as error:
            raise UserError(f"{method} {path}: {error}") from error


def _gh(*arguments: str, text: str | None = None) -> bytes:
    done = subprocess.run(
        ["gh", "api", *arguments], input=(text or "").encode(), capture_output=True, check=False, timeout=120
    )
    if done.returncode != 0:
        raise UserError(f"gh api {' '.join(arguments)}: {done.stderr.decode(errors='replace').strip()}")
    return done.stdout
