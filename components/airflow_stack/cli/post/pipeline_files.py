"""Files of a pipeline's earlier jobs. They come from code that was not reviewed, so their names, number and sizes are limited."""

import io
import re
import zipfile
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

from .git_host import GitHub
from .render import PipelineFiles

MAX_BYTES = 2_000_000
"""Most bytes of an artifact, packed or not, or of a file."""
_MAX_ARTIFACTS = 10
_NAME = re.compile(r"number|diff\.md|(preview|drift|same|unknown)-[a-z0-9-]{1,40}\.txt")


def read_folder(folder: Path) -> PipelineFiles:
    """The files in a folder."""
    files = (file for file in sorted(folder.glob("*")) if _NAME.fullmatch(file.name))
    return {file.name: file.read_text(errors="replace") for file in files if file.stat().st_size <= MAX_BYTES}


def read_artifacts(github: GitHub, run: int) -> PipelineFiles:
    """The files in the artifacts of a workflow run. Nothing is unpacked to disk."""
    found: dict[str, str] = {}
    for artifact in islice(github.artifacts(run), _MAX_ARTIFACTS):
        if artifact["name"].startswith("found-") and artifact["size_in_bytes"] <= MAX_BYTES:
            found |= _members(github.archive(artifact["id"]))
    return found


def _members(archive: bytes) -> Iterator[tuple[str, str]]:
    room = MAX_BYTES
    with zipfile.ZipFile(io.BytesIO(archive)) as files:
        for member in files.infolist():
            if _NAME.fullmatch(member.filename) and member.file_size <= room:
                room -= member.file_size
                yield member.filename, files.read(member).decode(errors="replace")
