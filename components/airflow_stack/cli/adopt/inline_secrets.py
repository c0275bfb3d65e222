"""Secrets in the values of a release, and the `helm upgrade` that names their Secrets instead.

Before that upgrade they are in Helm's record, and `pulumi import` would copy them into the state in plain text.
"""

from collections.abc import Mapping

from airflow_stack import credentials

from .model import ChartValues, InstalledRelease

FIXED = (credentials.KERBEROS_KEYTAB, credentials.PGBOUNCER_KEY)
"""Secrets with a fixed name, which the chart creates only from the value."""
# Not a path: the key itself contains a dot, as in the article. It never had an effect.
_DOTTED = "defaultUser.password"


def replacements(release: InstalledRelease) -> dict[str, str]:
    """Values to set by path, so that no secret remains in the values: the name of a Secret, or `null`."""
    found: dict[str, str] = {}
    for each in credentials.CHART_SECRETS:
        for path, text in zip(each.inline, each.plain_text, strict=True):
            if ChartValues(release.values).take(text) in (None, {}, ""):
                continue
            if each.chart_value:
                found |= {path: "null", each.chart_value: release.secret_name(None, each.suffix)}
            elif each not in FIXED:  # it has no reader any more, or `keep_command` keeps its Secret
                found[text] = "null"
    if credentials.REDIS_PASSWORD.chart_value in found:  # the chart requires both (check-values)
        found.setdefault(credentials.BROKER_URL.chart_value, release.secret_name(None, credentials.BROKER_URL.suffix))
    if _DOTTED in release.values:
        found[_DOTTED.replace(".", "\\.")] = "null"
    # The chart generates these two again with each upgrade, unless they are named.
    for each in (credentials.API_SECRET_KEY, credentials.JWT_SECRET) if found else ():
        generated = release.secret_name(None, each.suffix)
        if not ChartValues(release.values).take(each.chart_value) and generated in release.secrets:
            found[each.chart_value] = generated
    return found


def upgrade_command(release: InstalledRelease, replaced: Mapping[str, str], chart: str = "") -> str:
    """The `helm upgrade`; it contains names only.

    With --reuse-values Helm would keep values that are set to null, as defaults of the chart (action/upgrade.go, `reuseValues`).
    """
    pairs = " ".join(f"--set '{path}={value}'" for path, value in replaced.items())
    source = chart or f"airflow --repo https://airflow.apache.org --version {release.chart_version}"
    return f"helm upgrade {release.name} {source} --namespace {release.namespace} --reset-then-reuse-values {pairs}"


def keep_command(release: InstalledRelease, replaced: Mapping[str, str]) -> str:
    """The command that lets Helm keep the Secrets that it created as part of the release; empty if there are none."""
    tracked = {each["metadata"]["name"] for each in release.manifest if each["kind"] == "Secret"}
    extra = release.values.get("extraSecrets") or {}
    names = " ".join(f"secret/{name}" for name in sorted(tracked & {*replaced.values(), *extra}))
    if not names:
        return ""
    return f"kubectl annotate --namespace {release.namespace} {names} helm.sh/resource-policy=keep --overwrite\n"
