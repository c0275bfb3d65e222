"""The container images that a stack runs, and how a mirror stands before all of them. Names are documented in `arguments.py`."""

from typing import Annotated, Any

from pydantic import SerializerFunctionWrapHandler, model_serializer, model_validator

from airflow_stack.settings.fields import Matching, Model, Name, Repository, Tag, wrong
from airflow_stack.versions import AIRFLOW_VERSION, GIT_SYNC_VERSION, NUMBER, POSTGRES_TAG, TESTED, airflow_in, order

_OFFICIAL = "apache/airflow"


class Image(Model):  # noqa: D101
    repository: Repository
    tag: Tag


class AirflowImage(Image):  # noqa: D101
    repository: Repository = _OFFICIAL
    tag: Tag = AIRFLOW_VERSION
    digest: Annotated[str, Matching(r"^sha256:[0-9a-f]{64}$", "sha256: and 64 hexadecimal digits")] | None = None
    version: (
        Annotated[str, Matching(rf"^3\.{NUMBER}\.{NUMBER}$", f"an Airflow 3 version such as {AIRFLOW_VERSION}")] | None
    ) = None

    @model_validator(mode="after")
    def _version_is_known(self) -> "AirflowImage":
        allowed = f"Airflow 3; tested are {' and '.join(row.airflow for row in TESTED)}"
        if self.version is None and airflow_in(self.tag) is None:
            raise wrong(
                "tag",
                f"does not begin with an Airflow 3 version such as {AIRFLOW_VERSION}; if the image holds Airflow 3, say which in its version",
                allowed,
            )
        if self.digest and self.version is None and "tag" not in self.model_fields_set:
            reason = (
                "names an image and not its Airflow, and the tag is left out: set the tag that it had, or its version"
            )
            raise wrong("digest", reason, allowed)
        official = self.repository == _OFFICIAL or self.repository.endswith(f"/{_OFFICIAL}")
        if self.version and official and order(self.tag)[:3] not in ((), order(self.version)[:3]):
            raise wrong("version", f"is not that of the official image's tag, {self.tag!r}; leave it out")
        return self

    @model_serializer(mode="wrap")
    def _keeps_the_tag_of_a_digest(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """Keep a tag that was given beside a digest, although it be the default: it says which Airflow that is."""
        return {**handler(self), **({"tag": self.tag} if self.digest and "tag" in self.model_fields_set else {})}

    @property
    def airflow_version(self) -> str:
        """Airflow's version inside the image, as given or read from the tag."""
        return self.version or airflow_in(self.tag) or ""


class GitSyncImage(Image):  # noqa: D101
    repository: Repository = "registry.k8s.io/git-sync/git-sync"
    tag: Tag = f"v{GIT_SYNC_VERSION}"


# The next two tags are those of chart 1.22.0 (its values.yaml, `images`).
class StatsdImage(Image):  # noqa: D101
    repository: Repository = "quay.io/prometheus/statsd-exporter"
    tag: Tag = "v0.30.0"


class RedisImage(Image):  # noqa: D101
    repository: Repository = "redis"
    tag: Tag = "7.2-bookworm"


class PostgresImage(Image):  # noqa: D101
    repository: Repository = "postgres"
    tag: Tag = POSTGRES_TAG


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
