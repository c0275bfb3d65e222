"""Fake GitHub with one repository behind a fake `gh`, and posting to it like a runner."""

import io
import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

from tests.support.cases import ROOT

SHA = "0123456789abcdef0123456789abcdef01234567"
FORK = "fork/airflow"

# Keeps the repository and the requests in a JSON file: {"pull": ..., "artifacts": ..., "comments": [...], "issues": [...], "tags": {...}}.
FAKE_GH = """
import json, pathlib, sys
store = pathlib.Path(__file__).with_name("github.json")
github, words = json.loads(store.read_text()), sys.argv[1:]
assert words.pop(0) == "api"
method = words[words.index("--method") + 1] if "--method" in words else "GET"
path = next(word for word in words if word.startswith("repos/"))
kind = path.removeprefix("repos/acme/airflow/").partition("?")[0].split("/")
if method != "GET":
    body = json.load(sys.stdin)
    github["sent"].append([method, path])
    things = github["comments" if "comments" in kind else "issues"]
    if method == "POST":
        things.append({"id": 70 + len(things), "number": 70 + len(things), "user": {"login": "github-actions[bot]"}, "state": "open", **body})
    else:
        next(each for each in things if str(each["id"]) == kind[-1]).update(body)
    store.write_text(json.dumps(github))
elif kind[-1] == "zip":
    sys.stdout.buffer.write(store.with_name(kind[-2] + ".zip").read_bytes())
elif kind[0] == "pulls":
    json.dump(github["pull"], sys.stdout)
elif kind[-1] == "artifacts":
    json.dump([{"artifacts": github["artifacts"]}], sys.stdout)
elif kind[-1] == "comments":
    json.dump([github["comments"][:1], github["comments"][1:]], sys.stdout)
elif "matching-refs" in kind:
    repository, prefix = path.removeprefix("repos/").split("/git/matching-refs/tags/")
    tags = [tag for tag in github["tags"].get(repository, []) if tag.startswith(prefix)]
    json.dump([[{"ref": "refs/tags/" + tag}] for tag in tags], sys.stdout)
elif "state=open" in path:
    json.dump([[each for each in github["issues"] if each["state"] == "open"]], sys.stdout)
else:
    sys.exit("unexpected path: " + path)
"""


class GitHub:
    """Repository on the fake GitHub."""

    def __init__(self, folder: Path) -> None:
        self.folder, self._store = folder, folder / "github.json"
        write_program(folder / "gh", FAKE_GH)
        pull = {"state": "open", "head": {"sha": SHA, "repo": {"full_name": FORK}}}
        self.write(pull=pull, artifacts=[], comments=[], issues=[], tags={}, sent=[])

    def read(self) -> dict[str, Any]:
        answer: dict[str, Any] = json.loads(self._store.read_text())
        return answer

    def write(self, **changed: object) -> None:
        self._store.write_text(json.dumps({**(self.read() if self._store.exists() else {}), **changed}))

    def artifact(self, name: str, **files: str) -> None:
        archive = io.BytesIO()
        with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as packed:
            for file, text in files.items():
                packed.writestr(file.replace("__", "-").replace("_", "."), text)
        artifacts = self.read()["artifacts"]
        (self.folder / f"{len(artifacts)}.zip").write_bytes(archive.getvalue())
        size = len(archive.getvalue())
        self.write(artifacts=[*artifacts, {"id": len(artifacts), "name": name, "size_in_bytes": size}])

    def post(self, what: str, cwd: Path = ROOT, **variables: str) -> subprocess.CompletedProcess[str]:
        """Post like a runner: with plain Python, without installed packages."""
        environment = {
            "PATH": f"{self.folder}:{os.environ['PATH']}",
            "PYTHONPATH": str(ROOT / "components"),
            "GITHUB_REPOSITORY": "acme/airflow",
            "HEAD_SHA": SHA,
            "HEAD_REPOSITORY": FORK,
            "RUN_ID": "5",
            "RUN_URL": "https://github.test/run/5",
        } | variables
        command = [sys.executable, "-S", "-m", "airflow_stack.cli.post.command", what]
        return subprocess.run(command, cwd=cwd, env=environment, capture_output=True, text=True, check=False)


def write_program(path: Path, python: str) -> None:
    path.write_text(f"#!{sys.executable} -S\n{python}")
    path.chmod(0o755)
