"""Files of a pipeline's earlier jobs. They come from code that was not reviewed, so their names, number and sizes are limited."""

import io
import re
import zipfile
import zlib
from itertools import islice
from pathlib import Path

from airflow_stack.errors import UserError

from .git_host import GitHub, GitLab
from .render import PipelineFiles

MAX_BYTES = 2_000_000
"""Most bytes of an artifact, packed or not, or of a file."""
_MAX_ARTIFACTS = 10
_STACK = r"[a-z0-9-]{1,40}"
_OF_DRIFT = re.compile(rf"(drift|same|unknown)-{_STACK}\.txt")
_ARTIFACT = re.compile(rf"found-({_STACK})")
_PREVIEW_JOB = re.compile(rf"preview: \[({_STACK})\]")


def files_of(artifact: str) -> tuple[str, ...]:
    """Names of the files that count in an artifact: those of its job, and no other's."""
    if artifact == "found-diff":
        return "number", "diff.md"
    match = _ARTIFACT.fullmatch(artifact)
    return (f"preview-{match[1]}.txt",) if match else ()


def read_folder(folder: Path) -> PipelineFiles:
    """The files about drift in a folder."""
    files = (file for file in sorted(folder.glob("*")) if _OF_DRIFT.fullmatch(file.name))
    return {file.name: file.read_text(errors="replace") for file in files if file.stat().st_size <= MAX_BYTES}


def read_artifacts(github: GitHub, run: int) -> PipelineFiles:
    """The files in the artifacts of a workflow run. Nothing is unpacked to disk.

    Raises:
        UserError: an artifact is not readable.
    """
    found: dict[str, str] = {}
    known = (each for each in github.artifacts(run) if files_of(each["name"]))
    for artifact in islice(known, _MAX_ARTIFACTS):
        if artifact["size_in_bytes"] <= MAX_BYTES:
            found |= _members(github.archive(artifact["id"]), artifact["name"])
    return found


def read_jobs(gitlab: GitLab, pipeline: int) -> PipelineFiles:
    """The files in the artifacts of a pipeline's jobs."""
    found: dict[str, str] = {}
    for job in gitlab.jobs(pipeline):
        match = _PREVIEW_JOB.fullmatch(job["name"])
        name = "diff.md" if job["name"] == "diff" else f"preview-{match[1]}.txt" if match else ""
        if name and (text := gitlab.artifact(job["id"], f"found/{name}", MAX_BYTES)) is not None:
            found[name] = text.decode(errors="replace")
    return found


def _members(archive: bytes, artifact: str) -> dict[str, str]:
    room, found = MAX_BYTES, dict[str, str]()
    try:
        with zipfile.ZipFile(io.BytesIO(archive)) as files:
            for member in files.infolist():
                if member.filename in files_of(artifact) and member.file_size <= room:
                    room -= member.file_size
                    found[member.filename] = files.read(member).decode(errors="replace")
    except (zipfile.BadZipFile, zlib.error, OSError, EOFError, RuntimeError, ValueError) as error:
        raise UserError(f"the artifact {artifact} is not readable: {error}") from None
    return found
