"""Versions tested together, known problems of other versions, and the warnings about a stack's versions. Pure.

The only home of every default version. `version_check.py` reads a stack's versions from its settings.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

# renovate: datasource=docker depName=apache/airflow
AIRFLOW_VERSION = "3.3.2"
# renovate: datasource=helm depName=airflow registryUrl=https://airflow.apache.org
CHART_VERSION = "1.22.0"
# renovate: datasource=docker depName=postgres
POSTGRES_TAG = "16.10-bookworm"
GIT_SYNC_VERSION = "4.4.2"
"""The version in chart 1.22.0 (its values.yaml, `images.gitSync`)."""

Part = Literal["airflow", "chart", "postgres", "git_sync"]
Order = tuple[int, ...]
"""A version as comparable numbers: a pre-release is lower than its release."""


@dataclass(frozen=True)
class Tested:
    """Versions that ran together, from an empty cluster to a successful DAG run (tests/real, and `Airflow in kind` of test.yml)."""

    airflow: str
    chart: str
    postgres: str
    """Major version of the in-cluster database. The stand-in image of the sandbox's own node has Debian's 15."""
    kubernetes: str
    """Minor version, as in sandbox/pins.py."""
    git_sync: str
    packages_until: str
    """Day (UTC) shortly after Airflow's release. Packages published before it replace Airflow's constraints file."""

    def __str__(self) -> str:
        """The versions as messages list them."""
        return (
            f"Airflow {self.airflow} with chart {self.chart}, PostgreSQL {self.postgres}, Kubernetes {self.kubernetes}, "
            f"git-sync {self.git_sync}"
        )


# The pull request that raises a default above tests it. 3.2.2 stays: users upgrade from it.
TESTED = (
    Tested(AIRFLOW_VERSION, CHART_VERSION, POSTGRES_TAG.split(".")[0], "1.34", GIT_SYNC_VERSION, "2026-09-20"),
    Tested("3.2.2", "1.22.0", "16", "1.34", "4.4.2", "2026-06-10"),
)


@dataclass(frozen=True)
class Advisory:
    """A published vulnerability of Airflow: in versions from `since`, before `fixed`."""

    id: str
    since: str
    fixed: str
    what: str
    """Its effect, as the end of a sentence."""

    @property
    def url(self) -> str:
        """Address of the CVE record."""
        return f"https://www.cve.org/CVERecord?id={self.id}"


_RUNS_CODE = "lets DAG authors run code on the scheduler and API server"
ADVISORIES = (
    Advisory("CVE-2026-33264", "0", "3.3.0", _RUNS_CODE),
    Advisory("CVE-2026-58076", "3.0.0", "3.3.1", _RUNS_CODE),
    Advisory("CVE-2026-82355", "3.3.0", "3.3.2", "lets a session cookie override the token that a request bears"),
)
"""Advisories that decide which version to run; ranges as the project announced them. All advisories: https://airflow.apache.org, Security."""

OLDEST_MAINTAINED = "3.3"
"""The oldest line of Airflow with further releases. For 3.2 and older: "no further releases planned" (apache/airflow, release trains, 2026-09-26)."""
OLDEST_CHART, CHART_LIMIT = "1.19", "2"
"""The program deploys charts from the first version on, before the second. Older charts lack values that it sets; chart 2.0 has no git-sync."""

_NAMES: dict[Part, str] = {
    "airflow": "Airflow",
    "chart": "chart",
    "postgres": "PostgreSQL",
    "git_sync": "git-sync",
}
NUMBER = "(?:0|[1-9][0-9]{0,3})"
"""Pattern of one number in a version. At most four digits: Python refuses to read a number of thousands of digits."""
_STAND_IN = "-contract"  # version suffix of sandbox/chart, which takes the values of the official chart
_FORM = re.compile(r"v?(\d{1,4})(?:\.(\d{1,4})(?:\.(\d{1,4}))?|(?!\w))(?!\.?\d)(.*)", re.ASCII)
# Forms of Airflow and Helm: 3.3.0rc1, 3.3.0b2, 3.3.0.dev0, 1.22.0-rc1. A tag such as 3.3.2-b1 is a private build or a commit.
_PRE_RELEASE = re.compile(r"(?:[ab]\d|\.dev\d|[-.]?(?:alpha|beta|rc)[-.]?\d*(?![a-z0-9])).*")


@dataclass(frozen=True)
class Named:
    """A version in a stack's settings."""

    part: Part
    key: str
    """The setting, such as `airflow:images.airflow.tag`."""
    value: str
    """Value of the setting."""
    version: str
    """The version in that value."""


def order(version: str) -> Order:
    """The version's three numbers, then -1 for a pre-release and 0 otherwise; empty if the text does not begin with a version."""
    found = _FORM.fullmatch(version)
    if not found:
        return ()
    return (*(int(number or 0) for number in found.groups()[:3]), -1 if _PRE_RELEASE.fullmatch(found[4]) else 0)


def airflow_in(tag: str) -> str | None:
    """Airflow's version at the start of an image tag, such as 3.3.2-python3.12; None if that is not a release of Airflow 3."""
    found = re.match(rf"3\.{NUMBER}\.{NUMBER}(?=-|$)", tag)
    return found[0] if found else None


def chart_refusal(version: str) -> str | None:
    """The reason why a chart cannot be deployed, or None."""
    found = order(version)
    if not found:
        return "is not a chart version"
    if found < order(OLDEST_CHART)[:2]:
        return f"is older than chart {OLDEST_CHART}, the oldest chart with every value that the program sets"
    if found >= order(CHART_LIMIT)[:1]:
        return f"is chart {found[0]}, which has other values and no git-sync"
    return None


def warnings(named: Sequence[Named]) -> Iterator[str]:
    """Warnings about the versions of one stack, at most one per version. A tested combination without a known vulnerability has none."""
    if not named:
        return

    def agree(row: Tested) -> int:
        return sum(_same(each, row) for each in named)

    compared = max(TESTED, key=agree)
    sound = max((row for row in TESTED if not any(_known(row.airflow))), key=agree, default=TESTED[0])
    for each in named:
        reasons = list(_known(each.version)) if each.part == "airflow" else []
        if not _same(each, compared):
            reasons.append(_untested(each, named))
        if reasons:
            yield f"{each.key} = {each.value!r}: {_listed(reasons)}; tested: {sound}"


def kubernetes_warning(version: str) -> str | None:
    """The warning about a cluster's version, as its API server reports it (`v1.33.5-eks-3025e55`); None for a tested version."""
    minor = order(version)[:2]
    if minor in {order(row.kubernetes)[:2] for row in TESTED}:
        return None
    name = ".".join(map(str, minor)) or version
    return f"Kubernetes {name} was not tested with this program; tested: {TESTED[0]}"


def _known(airflow: str) -> Iterator[str]:
    """Known problems of a version of Airflow."""
    version = order(airflow)
    if version and version < order(OLDEST_MAINTAINED)[:2]:
        yield f"Airflow {version[0]}.{version[1]} gets no more releases"
    for advisory in ADVISORIES:
        if version and order(advisory.since) <= version < order(advisory.fixed):
            yield f"{advisory.id} {advisory.what} (fixed in {advisory.fixed})"


def _same(named: Named, row: Tested) -> bool:
    if named.part == "chart":  # a suffix marks a modified chart, except for the sandbox's
        return named.version.removesuffix(_STAND_IN) == row.chart
    ours, theirs = order(named.version), order(getattr(row, named.part))
    return bool(ours) and (ours[:1] == theirs[:1] if named.part == "postgres" else ours == theirs)


def _untested(each: Named, named: Sequence[Named]) -> str:
    name, found = _NAMES[each.part], order(each.version)
    if not found:
        return f"the version of {name} is unknown"
    newest = max(order(getattr(row, each.part)) for row in TESTED)
    if found[-1] < 0:
        return f"{name} {each.version} is a pre-release"
    if found > newest and each.part != "postgres":
        return f"{name} {each.version} is newer than the tested versions"
    beside = next((other.version for other in named if other.part == "airflow" and other is not each), None)
    return f"{name} {each.version} was not tested" + (f" with Airflow {beside}" if beside else "")


def _listed(reasons: Sequence[str]) -> str:
    *before, last = reasons
    return f"{', '.join(before)}, and {last}" if before else last
