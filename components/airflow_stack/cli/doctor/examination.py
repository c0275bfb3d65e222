"""What would keep a stack's `up` from working, found out before it: settings, secrets, git access, the cluster.

Changes nothing. A decrypted key is in one temporary folder for as long as the checks take; no secret is in an argument or a message.
"""

import tempfile
from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any

from airflow_stack.chart.delivery import known_hosts
from airflow_stack.choices import DagDelivery
from airflow_stack.cli import stack_file
from airflow_stack.cli.doctor.cluster_checks import ClusterChecks
from airflow_stack.cli.doctor.git_checks import GitChecks
from airflow_stack.cli.doctor.git_credential import Credentials
from airflow_stack.cli.doctor.git_probe import GitProbe
from airflow_stack.cli.doctor.model import Check, Part, Status, Step, UnwellError, run
from airflow_stack.cli.pulumi_cli import PulumiStack, State
from airflow_stack.cli.stack_cluster import connect
from airflow_stack.errors import UserError
from airflow_stack.inputs.secrets import PROJECT, SECRETS, required_secrets
from airflow_stack.inputs.validation import missing_secrets
from airflow_stack.inputs.wording import SettingsError
from airflow_stack.settings.models import Settings


class Doctor:
    """Examines one stack."""

    def __init__(self, stack: str, root: Path, env: Mapping[str, str], chart: Path | None = None) -> None:
        self._stack, self._root, self._env, self._chart = stack, root, env, chart
        self._lacking: list[str] = []

    def examine(self, only: Part | None = None) -> Iterator[Check]:
        """Make all checks, or those of one part, each as soon as it is asked for."""
        try:
            settings = stack_file.settings(self._root, self._stack, chart=self._chart)
        except SettingsError as error:
            reasons = "; ".join(f"{PROJECT}:{each.path} {each.reason}" for each in error.problems)
            yield Check("settings", Status.FAIL, reasons, f"`airflow-stack check --stack {self._stack}` says more")
            return
        except UserError as error:
            yield Check("settings", Status.FAIL, *str(error).split("\n    fix: "))
            return
        yield Check("settings", Status.OK, "are in order")
        self._pulumi = PulumiStack(self._stack, self._root, self._env)
        self._lacking = missing_secrets(stack_file.read(self._root, self._stack)[0])
        yield from run([Step("secrets", partial(self._secrets, settings))])
        if only is not Part.CLUSTER:
            with tempfile.TemporaryDirectory(prefix="airflow-stack-") as folder:
                yield from run(self._git(settings, Path(folder)))
        if only is not Part.GIT:
            client = partial(connect, self._root, self._stack, self._env)
            manifests = partial(_manifests, settings, self._stack)
            yield from run(ClusterChecks(settings, client, self._state, manifests).steps())

    def _secrets(self, settings: Settings) -> str:
        if self._lacking:
            commands = " and ".join(f"`{SECRETS[key]} --stack {self._stack}`" for key in self._lacking)
            raise UnwellError(f"not set: {', '.join(self._lacking)}", commands)
        needed = required_secrets(settings)
        return f"{', '.join(needed)}: set" if needed else "none is needed"

    def _git(self, settings: Settings, folder: Path) -> list[Step]:
        dags = settings.dags
        if dags.delivery is DagDelivery.IMAGE:
            return [Step("git", lambda: "the DAGs are in the image, and no git host is needed")]
        credentials = Credentials(settings, self._secret, partial(self._state, decrypted=True))
        steps: list[Step] = []
        for name in ("", *sorted(dags.more_repositories)):
            url = dags.more_repositories[name].repository if name else dags.repository
            (own := folder / (name or ".own")).mkdir()
            probe = GitProbe(url, own, self._env, known_hosts(dags))
            steps += GitChecks(dags, probe, partial(credentials.give, probe, name), name).steps()
        return steps

    def _secret(self, key: str) -> str:
        if key in self._lacking:
            raise UnwellError(f"airflow:{key} is not set", status=Status.SKIPPED)
        return self._pulumi.setting(f"airflow:{key}")

    def _state(self, *, decrypted: bool = False) -> State:
        """The stack's state; without resources before `pulumi stack init`."""
        try:
            return self._pulumi.state(decrypted=decrypted)
        except UserError as error:
            if "no stack named" in str(error):
                return {"deployment": {"resources": []}}
            raise


def _manifests(settings: Settings, stack: str) -> list[dict[str, Any]]:
    from airflow_stack.cli.manifests import render  # the engine's SDK takes half a second to import

    return render(settings, stack)
