"""Output of `airflow-stack diff` for realistic edits, word for word, with both charts."""

import json
from functools import cache
from pathlib import Path

import pytest

from airflow_stack.cli.diff.blast_radius import blast_radius
from airflow_stack.cli.diff.model import RenderedStack, Severity
from airflow_stack.cli.diff.object_changes import object_changes
from airflow_stack.cli.diff.record_tree import recorded_stack
from airflow_stack.cli.diff.renderings import rendered_stack
from airflow_stack.cli.helm import helm_template
from airflow_stack.cli.pulumi_state import RELEASE
from airflow_stack.settings.models import Chart
from tests.support.cases import CONTRACT_CHART, HTTPS, SSH, Config, settings
from tests.support.edits import CELERY, CNPG, DEV, EDITS, LOCAL, PROD


@cache
def _side(config: str, chart: Path, renewed: str = "") -> RenderedStack:
    description = recorded_stack(settings(**json.loads(config)), "test", renewed.split())
    (release,) = (r["inputs"] for r in description["resources"] if r["type"] == RELEASE)
    return rendered_stack(
        description,
        helm_template(Chart(path=str(chart)), "airflow", release["namespace"], release["values"]),
        frozenset(renewed.split()),
    )


def rendered(config: Config, chart: Path) -> RenderedStack:
    """One side of a comparison. The same settings are rendered only once."""
    return _side(json.dumps(config, sort_keys=True), chart)


@pytest.mark.parametrize("name", EDITS)
def test_an_edit_is_reported_with_exactly_its_effects(name: str, chart: Path) -> None:
    edit = EDITS[name]
    found = blast_radius(rendered(edit.of, chart), rendered(edit.edited(), chart))
    expected = edit.contract if edit.contract and chart == CONTRACT_CHART else edit.reports
    assert [f"{'! ' * (f.severity is Severity.DANGEROUS)}{f.text}" for f in found] == expected


@pytest.mark.parametrize("config", [PROD, DEV, LOCAL, CELERY, CNPG], ids=["prod", "dev", "local", "celery", "cnpg"])
def test_a_stack_does_not_differ_from_itself(config: Config, chart: Path) -> None:
    again = _side.__wrapped__(json.dumps(config, sort_keys=True), chart)  # rendered again, not from the cache
    assert object_changes(rendered(config, chart), again) == []
    assert blast_radius(rendered(config, chart), again) == []


@pytest.mark.parametrize("name", EDITS)
def test_a_reverted_edit_has_effects_where_the_edit_has(name: str, chart: Path) -> None:
    edit = EDITS[name]
    before, after = rendered(edit.of, chart), rendered(edit.edited(), chart)
    assert bool(blast_radius(after, before)) == bool(blast_radius(before, after))
    assert bool(object_changes(after, before)) == bool(object_changes(before, after))


_APP = {"repository": "https://github.com/acme/dags.git", "githubApp": {"applicationId": 1, "installationId": 2}}
_BOTH = {"moreRepositories": {"ml": {"repository": "git@github.com:acme/ml.git"}}}
_EXTERNAL = {"external": {"host": "db.example.com"}}
# Configuration, secret setting, and the Secrets that hold it.
RENEWED: dict[str, tuple[Config, str, set[str]]] = {
    "SSH key of git-sync": ({"dags": {**SSH, "authentication": "sshKey"}}, "gitSshKey", {"airflow-ssh-secret"}),
    "SSH key of a bundle": ({"dags": {**SSH, "authentication": "sshKey", "delivery": "gitBundle"}}, "gitSshKey", {"airflow-ssh-secret"}),
    "SSH key of two bundles": ({"dags": {**SSH, **_BOTH, "authentication": "sshKey", "delivery": "gitBundle"}}, "gitSshKey", {"airflow-ssh-secret"}),
    "token of git-sync": ({"dags": {**HTTPS, "authentication": "token"}}, "gitToken", {"airflow-git-credentials"}),
    "token of a bundle": ({"dags": {**HTTPS, "authentication": "token", "delivery": "gitBundle"}}, "gitToken", {"airflow-git-connections"}),
    "GitHub App": ({"dags": {**_APP, "authentication": "githubApp"}}, "githubAppPrivateKey", {"airflow-github-app"}),
    "database password": ({"dags": SSH, "database": _EXTERNAL}, "databasePassword", {"airflow-metadata"}),
    "given Fernet key": ({"dags": SSH, "rotation": {"fernetGiven": True}}, "fernetKey", {"airflow-fernet-key"}),
}  # fmt: skip


@pytest.mark.parametrize("name", RENEWED)
def test_a_renewed_secret_changes_exactly_the_secrets_that_hold_it_and_restarts_their_readers(
    name: str, chart: Path
) -> None:
    config, setting, secrets = RENEWED[name]
    text = json.dumps(config, sort_keys=True)
    before, after = _side(text, chart), _side(text, chart, setting)
    changed = {change.key for change in object_changes(before, after) if change.key.startswith("Secret/")}
    assert changed == {f"Secret/{secret}" for secret in secrets}
    texts = [effect.text for effect in blast_radius(before, after)]
    assert texts[0] == f"The encrypted text of `airflow:{setting}` changes, so the secret may be another one."
    (restart,) = (text for text in texts if "restart" in text)
    assert all(f"Secret `{secret}` changes" in restart for secret in secrets)
