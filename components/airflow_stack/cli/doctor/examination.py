"""The checks of one stack, in order: settings, secrets, git access, cluster.

A decrypted key is in one temporary folder while the checks run. No argument and no message has a secret.
"""

import tempfile
from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path

from airflow_stack.chart.delivery import known_hosts
from airflow_stack.choices import DagDelivery
from airflow_stack.cli import stack_file
from airflow_stack.cli.manifests import stack_manifests
from airflow_stack.cli.pulumi_cli import PulumiStack
from airflow_stack.cli.pulumi_state import State
from airflow_stack.cli.stack_cluster import connect
from airflow_stack.credentials import SECRETS
from airflow_stack.errors import UserError
from airflow_stack.inputs.secrets import required_secrets
from airflow_stack.inputs.validation import missing_secrets
from airflow_stack.inputs.wording import SettingsError
from airflow_stack.names import PROJECT
from airflow_stack.settings.models import Settings

from .cluster_checks import ClusterChecks
from .git_checks import GitChecks
from .git_credential import GitCredentials
from .git_probe import GitProbe
from .login_checks import LoginChecks
from .model import Check, CheckError, CheckGroup, CheckResult, Status, run_checks


class Examination:
    """All checks of one stack.

    Args:
        stack: Name of the stack.
        root: Folder of the stack files.
        env: Environment of Pulumi and git.
        chart: Local chart instead of the stack's.
    """

    def __init__(self, stack: str, root: Path, env: Mapping[str, str], chart: Path | None = None) -> None:
        self._stack, self._root, self._env, self._chart = stack, root, env, chart
        self._missing: list[str] = []

    def run(self, only: CheckGroup | None = None) -> Iterator[CheckResult]:
        """Run all checks, or those of one group besides settings and secrets; yield each result at once."""
        try:
            settings = stack_file.settings(self._root, self._stack, chart=self._chart)
        except SettingsError as error:
            reasons = "; ".join(f"{PROJECT}:{each.path} {each.reason}" for each in error.problems)
            yield CheckResult("settings", Status.FAIL, reasons, f"see `airflow-stack check --stack {self._stack}`")
            return
        except UserError as error:
            yield CheckResult("settings", Status.FAIL, *str(error).split("\n    fix: "))
            return
        yield CheckResult("settings", Status.OK, "are valid")
        self._pulumi = PulumiStack(self._stack, self._root, self._env)
        self._missing = missing_secrets(stack_file.read(self._root, self._stack)[0])
        yield from run_checks([Check("secrets", partial(self._check_secrets, settings))])
        if only is None and settings.access.login:
            yield from run_checks(LoginChecks(settings, settings.access.login).checks())
        if only is not CheckGroup.CLUSTER:
            with tempfile.TemporaryDirectory(prefix="airflow-stack-") as folder:
                yield from run_checks(self._git_checks(settings, Path(folder)))
        if only is not CheckGroup.GIT:
            client = partial(connect, self._root, self._stack, self._env)
            manifests = partial(stack_manifests, settings, self._stack)
            yield from run_checks(ClusterChecks(settings, client, self._state, manifests).checks())

    def _check_secrets(self, settings: Settings) -> str:
        if self._missing:
            commands = " and ".join(f"`{SECRETS[key].command_for(self._stack)}`" for key in self._missing)
            raise CheckError(f"not set: {', '.join(self._missing)}", commands)
        needed = required_secrets(settings)
        return f"{', '.join(needed)}: set" if needed else "none needed"

    def _git_checks(self, settings: Settings, folder: Path) -> list[Check]:
        dags = settings.dags
        if dags.delivery is DagDelivery.IMAGE:
            return [Check("git", lambda: "not needed, the DAGs are in the image")]
        credentials = GitCredentials(settings, self._secret, partial(self._state, decrypted=True))
        checks: list[Check] = []
        for name in ("", *sorted(dags.more_repositories)):
            url = dags.more_repositories[name].repository if name else dags.repository
            (own := folder / (name or ".own")).mkdir()
            probe = GitProbe(url, own, self._env, known_hosts(dags))
            checks += GitChecks(dags, probe, partial(credentials.give, probe, name), name).checks()
        return checks

    def _secret(self, key: str) -> str:
        if key in self._missing:
            raise CheckError(f"airflow:{key} is not set", status=Status.SKIPPED)
        return self._pulumi.setting(f"airflow:{key}")

    def _state(self, *, decrypted: bool = False) -> State:
        """The stack's state; without resources before `pulumi stack init`."""
        try:
            return self._pulumi.state(decrypted=decrypted)
        except UserError as error:
            if "no stack named" in str(error):
                return {"deployment": {"resources": []}}
            raise
