"""Secrets that stand in the values of a release, and the `helm upgrade` that names their Secrets instead.

Until then they are in Helm's record, and `pulumi import` would copy them into the state in plain text.
"""

from collections.abc import Mapping

from airflow_stack import credentials
from airflow_stack.cli.adopt.model import Given, Live

# The pods read a Secret of a fixed name, which only the value makes.
FIXED = (credentials.KERBEROS_KEYTAB, credentials.PGBOUNCER_KEY)
# Not a path: the key itself has a dot in it, as in the article. It never set anything.
_DOTTED = "defaultUser.password"


def replacements(live: Live) -> dict[str, str]:
    """What to set in the values so that no secret is left in them, by the path: the name of a Secret, or `null`."""
    found: dict[str, str] = {}
    for each in credentials.CHART_SECRETS:
        for path, text in zip(each.inline, each.plain_text, strict=True):
            if Given(live.values).take(text) in (None, {}, ""):
                continue
            if each.chart_value:
                found |= {path: "null", each.chart_value: live.secret(None, each.suffix)}
            elif each not in FIXED:  # nothing reads it any more, or `keep` has its Secrets
                found[text] = "null"
    if credentials.REDIS_PASSWORD.chart_value in found:  # the chart asks for both (check-values)
        found.setdefault(credentials.BROKER_URL.chart_value, live.secret(None, credentials.BROKER_URL.suffix))
    if _DOTTED in live.values:
        found[_DOTTED.replace(".", "\\.")] = "null"
    # The chart makes these two anew with each upgrade, unless they are named.
    for each in (credentials.API_SECRET_KEY, credentials.JWT_SECRET) if found else ():
        made = live.secret(None, each.suffix)
        if not Given(live.values).take(each.chart_value) and made in live.secrets:
            found[each.chart_value] = made
    return found


def upgrade(live: Live, set_: Mapping[str, str], chart: str = "") -> str:
    """The command; it holds names alone.

    With --reuse-values Helm would keep what is set to null, as a default of the chart (action/upgrade.go, `reuseValues`).
    """
    pairs = " ".join(f"--set '{path}={value}'" for path, value in set_.items())
    source = chart or f"airflow --repo https://airflow.apache.org --version {live.chart_version}"
    return f"helm upgrade {live.release} {source} --namespace {live.namespace} --reset-then-reuse-values {pairs}"


def keep(live: Live, set_: Mapping[str, str]) -> str:
    """The command by which Helm leaves those Secrets that it made as part of the release; empty where there are none."""
    tracked = {each["metadata"]["name"] for each in live.manifest if each["kind"] == "Secret"}
    extra = live.values.get("extraSecrets") or {}
    names = " ".join(f"secret/{name}" for name in sorted(tracked & {*set_.values(), *extra}))
    return (
        f"kubectl annotate --namespace {live.namespace} {names} helm.sh/resource-policy=keep --overwrite\n"
        if names
        else ""
    )
