"""Settings of container images, and of a mirror for all of them."""

from typing import Annotated, Any

from pydantic import SerializerFunctionWrapHandler, model_serializer

from airflow_stack.versions import AIRFLOW_VERSION, GIT_SYNC_VERSION, NUMBER, POSTGRES_TAG, airflow_in

from .fields import Matching, Model, ObjectName, Registry, Repository, Tag

OFFICIAL = "apache/airflow"


class Image(Model):
    """One container image."""

    repository: Repository
    """Repository without tag."""
    tag: Tag
    """Tag."""

    @property
    def tag_and_digest(self) -> str:
        """The tag, with a digest if there is one."""
        return self.tag


class AirflowImage(Image):
    """Airflow's image."""

    repository: Repository = OFFICIAL
    tag: Tag = AIRFLOW_VERSION
    digest: Annotated[str, Matching(r"^sha256:[0-9a-f]{64}$", "sha256: and 64 hexadecimal digits")] | None = None
    """`sha256:...`; takes precedence over the tag."""
    version: (
        Annotated[str, Matching(rf"^3\.{NUMBER}\.{NUMBER}$", f"an Airflow 3 version such as {AIRFLOW_VERSION}")] | None
    ) = None
    """Airflow's version in the image; left out: read from the tag."""

    @model_serializer(mode="wrap")
    def _keeps_the_tag_of_a_digest(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """Keep a tag that was given beside a digest, even the default one: it names the Airflow version."""
        return {**handler(self), **({"tag": self.tag} if self.digest and "tag" in self.model_fields_set else {})}

    @property
    def tag_and_digest(self) -> str:
        """The tag, with a digest if there is one. The chart has no digest for task pods; this form works for every pod."""
        return self.tag + (f"@{self.digest}" if self.digest else "")

    @property
    def airflow_version(self) -> str:
        """Airflow's version in the image: as given, else read from the tag."""
        return self.version or airflow_in(self.tag) or ""


class GitSyncImage(Image):
    """Image of git-sync."""

    repository: Repository = "registry.k8s.io/git-sync/git-sync"
    tag: Tag = f"v{GIT_SYNC_VERSION}"


# The next two tags are those of chart 1.22.0 (its values.yaml, `images`).
class StatsdImage(Image):
    """Image of the StatsD exporter."""

    repository: Repository = "quay.io/prometheus/statsd-exporter"
    tag: Tag = "v0.30.0"


class RedisImage(Image):
    """Image of Celery's broker."""

    repository: Repository = "redis"
    tag: Tag = "7.2-bookworm"


class PostgresImage(Image):
    """Image of the in-cluster database."""

    repository: Repository = "postgres"
    tag: Tag = POSTGRES_TAG


class Images(Model):
    """Images of every container."""

    registry: Registry | None = None
    """Mirror that replaces the registry of every image below, such as `registry.example.com/mirror`."""
    pull_secrets: tuple[ObjectName, ...] = ()
    """Names of existing pull Secrets in Airflow's namespace."""
    airflow: AirflowImage = AirflowImage()
    """Every Airflow component, the task pods and the Jobs."""
    git_sync: GitSyncImage = GitSyncImage()
    """git-sync 4."""
    statsd: StatsdImage = StatsdImage()
    """StatsD exporter for Prometheus."""
    redis: RedisImage = RedisImage()
    """Celery's broker."""
    postgres: PostgresImage = PostgresImage()
    """The in-cluster database."""

    def repository(self, image: Image) -> str:
        """Repository of the image, through the mirror if there is one."""
        if self.registry is None:
            return image.repository
        host, slash, rest = image.repository.partition("/")
        if not slash:  # an official image of Docker Hub
            return f"{self.registry}/library/{host}"
        return f"{self.registry}/{rest if '.' in host or ':' in host else image.repository}"

    def reference(self, image: Image) -> str:
        """Repository, tag and digest of the image, as in a pod."""
        return f"{self.repository(image)}:{image.tag_and_digest}"
