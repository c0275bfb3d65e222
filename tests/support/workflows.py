"""Pipelines of this project: jobs, steps, and the commands in their scripts."""

import json
import re
import shlex
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from tests.support.cases import ROOT

GITHUB = ROOT / ".github"
GITLAB = ROOT / ".gitlab-ci.yml"
GITLAB_STACKS = ROOT / ".gitlab" / "stacks.yml"
_ENDS = re.compile(r"[|&;()<>]+")


@cache
def read(path: Path) -> dict[str, Any]:
    """Content of a pipeline's file. In YAML 1.1 the key `on` means true."""
    content: dict[Any, Any] = yaml.safe_load(path.read_text())
    if True in content:
        content["on"] = content.pop(True)
    return content


@cache
def gitlab() -> dict[str, Any]:
    """Pipeline of GitLab: the jobs of this repository, and those for stacks with the defaults of their inputs."""
    header, _, jobs = GITLAB_STACKS.read_text().partition("\n---\n")
    for name, about in yaml.safe_load(header)["spec"]["inputs"].items():
        default = about["default"]
        text = default if isinstance(default, str) else json.dumps(default)
        jobs = jobs.replace(f"$[[ inputs.{name} ]]", text)
    return {**read(GITLAB), **yaml.safe_load(jobs)}


WORKFLOWS = {path.stem: read(path) for path in sorted((GITHUB / "workflows").glob("*.yml"))}
JOBS = {f"{name}/{job}": content for name, workflow in WORKFLOWS.items() for job, content in workflow["jobs"].items()}
ACTIONS = {path.parent.name: read(path) for path in sorted((GITHUB / "actions").glob("*/action.yml"))}


@dataclass(frozen=True)
class Script:
    """Script of one step."""

    where: str
    text: str

    def commands(self) -> Iterator[list[str]]:
        """Simple commands in the script, without redirections."""
        for line in self.text.replace("\\\n", " ").splitlines():
            words = shlex.shlex(line, posix=True, punctuation_chars=True)
            words.whitespace_split = True
            command: list[str] = []
            for word in [*words, ";"]:
                if _ENDS.fullmatch(word):
                    if command:
                        yield [command[0].removeprefix(".venv/bin/"), *command[1:]]
                    command = []
                else:
                    command.append(word)


def steps() -> Iterator[tuple[str, dict[str, Any]]]:
    """All steps of workflows and shared actions."""
    for name, job in JOBS.items():
        yield from ((name, step) for step in job["steps"])
    for name, action in ACTIONS.items():
        yield from ((name, step) for step in action["runs"]["steps"])


def scripts() -> list[Script]:
    """All scripts of GitHub and GitLab."""
    found = [Script(where, step["run"]) for where, step in steps() if "run" in step]
    for name, job in gitlab().items():
        if isinstance(job, dict):
            lines = [line for key in ("before_script", "script") for line in _flat(job.get(key, ()))]
            found += [Script(f"gitlab/{name}", "\n".join(lines))] if lines else []
    return found


def _flat(lines: Iterable[str | list[str]]) -> Iterator[str]:
    """Lines of a script, whose parts may be lists, as GitLab reads them."""
    for line in lines:
        yield from (line,) if isinstance(line, str) else _flat(line)


def script(where: str, having: str) -> str:
    """The only script of a job that contains a text."""
    (found,) = (script.text for script in scripts() if script.where == where and having in script.text)
    return found
