"""Where Helm is: the installed one, or the one in the cache of tools that the sandbox fills."""

import os
import shutil
from pathlib import Path

from airflow_stack.errors import UserError


def cache_folder() -> Path:
    """Where tools are kept between runs and between checkouts."""
    if own := os.environ.get("AIRFLOW_STACK_CACHE"):
        return Path(own).absolute()
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "airflow-stack"


def find_helm() -> str:
    """The installed Helm, or the one that the sandbox keeps in its cache.

    Raises:
        UserError: there is neither.
    """
    helm = shutil.which("helm") or shutil.which("helm", path=cache_folder() / "bin")
    if helm is None:
        raise UserError("Helm is needed and was not found; install Helm 3.19 or newer, or run `make tools`")
    return helm
