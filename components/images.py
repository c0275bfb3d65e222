"""The container images that a stack runs, and how a mirror stands before all of them. Names are documented in `arguments.py`."""

import re
from typing import Annotated

from pydantic import model_validator

from .forms import Matching, Model, Name, Repository, Tag

# renovate: datasource=docker depName=apache/airflow
AIRFLOW_VERSION = "3.2.2"


class Image(Model):  # noqa: D101
    repository: Repository
    tag: Tag


class AirflowImage(Image):  # noqa: D101
    repository: Repository = "apache/airflow"
    tag: Tag = AIRFLOW_VERSION
    digest: Annotated[str, Matching(r"^sha256:[0-9a-f]{64}$", "sha256: and 64 hexadecimal digits")] | None = None
    version: Annotated[str, Matching(r"^3\.\d+\.\d+$", "an Airflow 3 version such as 3.2.2")] | None = None

    @model_validator(mode="after")
    def _version_is_known(self) -> "AirflowImage":
        if not re.match(r"^3\.\d+\.\d+$", self.airflow_version):
            raise ValueError(
                f"version is needed: the tag {self.tag!r} does not begin with an Airflow 3 version such as 3.2.2"
            )
        return self

    @property
    def airflow_version(self) -> str:
        """Airflow's version inside the image, as given or read from the tag."""
        return self.version or self.tag.split("-")[0]


# The tags below are those of chart 1.22.0 (its values.yaml, `images`).
class GitSyncImage(Image):  # noqa: D101
    repository: Repository = "registry.k8s.io/git-sync/git-sync"
    tag: Tag = "v4.4.2"


class StatsdImage(Image):  # noqa: D101
    repository: Repository = "quay.io/prometheus/statsd-exporter"
    tag: Tag = "v0.30.0"


class RedisImage(Image):  # noqa: D101
    repository: Repository = "redis"
    tag: Tag = "7.2-bookworm"


class PostgresImage(Image):  # noqa: D101
    repository: Repository = "postgres"
    # renovate: datasource=docker depName=postgres
    tag: Tag = "16.10-bookworm"


class Images(Model):  # noqa: D101
    registry: Repository | None = None
    pull_secrets: tuple[Name, ...] = ()
    airflow: AirflowImage = AirflowImage()
    git_sync: GitSyncImage = GitSyncImage()
    statsd: StatsdImage = StatsdImage()
    redis: RedisImage = RedisImage()
    postgres: PostgresImage = PostgresImage()

    def repository(self, image: Image) -> str:
        """The image's repository, behind the mirror where there is one."""
        if self.registry is None:
            return image.repository
        host, slash, rest = image.repository.partition("/")
        if not slash:  # an official image of Docker Hub
            return f"{self.registry}/library/{host}"
        return f"{self.registry}/{rest if '.' in host or ':' in host else image.repository}"

    def reference(self, image: Image) -> str:
        """The image as a pod names it."""
        return f"{self.repository(image)}:{image.tag}"
