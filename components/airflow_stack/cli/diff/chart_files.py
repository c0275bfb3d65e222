"""The chart of a release as a file: a local one, or one pulled once by Helm and kept.

The cache is keyed by repository and version, for a version of a chart never changes.
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
    """The chart that a Release's inputs name, in the tree that they come from.

    Raises:
        UserError: Helm is missing, or the chart cannot be pulled.
    """
    chart, version = str(release["chart"]), release.get("version")
    if not version:
        return tree / Path(chart).expanduser()
    repository = (release.get("repositoryOpts") or {}).get("repo")
    kept = cache_folder() / "charts" / hashlib.sha256(f"{repository} {chart}".encode()).hexdigest()[:16]
    file = kept / f"{chart.rsplit('/', 1)[-1]}-{version}.tgz"
    if not file.exists():
        kept.mkdir(parents=True, exist_ok=True)
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
                "Without access to the chart's repository, give a local one: --chart PATH"
            )
        pulled[0].replace(target)  # at once, so that another run never sees half a file
