"""The chart of a release as a file: a local one, or one that Helm pulls once into the cache.

The cache is keyed by repository and version, because a published version of a chart never changes.
"""

import hashlib
import subprocess
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from airflow_stack.cli.helm import cache_folder, find_helm
from airflow_stack.errors import UserError


def chart_file(release: Mapping[str, Any], tree: Path) -> Path:
    """The chart of a Release.

    Args:
        release: Inputs of the Release.
        tree: Folder to which a local chart is relative.

    Raises:
        UserError: Helm is missing, or cannot pull the chart.
    """
    chart, version = str(release["chart"]), release.get("version")
    if not version:
        return tree / Path(chart).expanduser()
    repository = (release.get("repositoryOpts") or {}).get("repo")
    folder = cache_folder() / "charts" / hashlib.sha256(f"{repository} {chart}".encode()).hexdigest()[:16]
    file = folder / f"{chart.rsplit('/', 1)[-1]}-{version}.tgz"
    if not file.exists():
        folder.mkdir(parents=True, exist_ok=True)
        _pull([chart, *(["--repo", repository] if repository else []), "--version", version], file)
    return file


def _pull(source: list[str], target: Path) -> None:
    with tempfile.TemporaryDirectory(dir=target.parent) as folder:
        done = subprocess.run(
            [find_helm(), "pull", *source, "--destination", folder], capture_output=True, text=True, check=False
        )
        pulled = list(Path(folder).glob("*.tgz"))
        if done.returncode or not pulled:
            raise UserError(
                f"Helm could not pull the chart {' '.join(source)}:\n{done.stderr.strip()}\n"
                "Without access to the chart's repository, name a local chart: --chart PATH"
            )
        pulled[0].replace(target)  # atomic, so that a parallel run never sees half a file
