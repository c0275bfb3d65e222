"""Secrets of Airflow's git bundles: a connection for each repository, the host keys, and the keys of further repositories.

The connections are environment variables of every Airflow container and of the task pods, so no DAG and no user can change them.
"""

import json
from collections.abc import Mapping, Sequence

import pulumi

from airflow_stack.chart.delivery import FOLDER, Bundle
from airflow_stack.choices import GitAuthentication
from airflow_stack.credentials import GIT_CONNECTIONS

from .git_access import GitAccess, GitAccessArgs
from .kubernetes import PlacedArgs, digest, make_secret

# An unreachable host must not block the DAG processor's loop: its liveness probe checks the loop's heartbeat. In a task pod nothing else
# waits. There ssh retries for at least ten minutes, so an outage of the git host delays a task and does not fail it.
_SSH_CONFIG = """\
BatchMode yes
ConnectTimeout 10
ServerAliveInterval 10
Match exec "test $AIRFLOW_IS_K8S_EXECUTOR_POD"
  ConnectionAttempts 600
"""


class GitBundleArgs(PlacedArgs):
    """Arguments of `GitBundle`."""

    bundles: Sequence[Bundle]
    """The repositories."""
    access: GitAccessArgs
    """Access to the first of them. The others share it, except for a generated key."""
    known_hosts: str
    """Host keys for SSH."""


class GitBundle(pulumi.ComponentResource):
    """The Secret with the connections of all git bundles, and a `GitAccess` for each repository with a key of its own."""

    deploy_keys: dict[str, pulumi.Output[str]]
    """Public half of the newest generated key of each further repository, by the repository's name."""
    digests: dict[str, pulumi.Output[str]]
    """Digest of each Secret's content, by its name."""

    def __init__(self, name: str, args: GitBundleArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("airflow:index:GitBundle", name, None, opts)
        child, access, secret = pulumi.ResourceOptions(parent=self), args["access"], GIT_CONNECTIONS.secret
        self.deploy_keys, self.digests = {}, {}
        generated = access["authentication"] is GitAuthentication.GENERATED_SSH_KEY
        for bundle in args["bundles"][1:] if generated else ():
            own: GitAccessArgs = {**access, "repository": bundle.source.repository, "secret_name": bundle.key_secret}
            git = GitAccess(f"{name}-{bundle.name}", own, child)
            if git.deploy_key is not None:
                self.deploy_keys[bundle.name] = git.deploy_key
            self.digests |= git.digests
        data: dict[str, pulumi.Input[str]] = {bundle.name: _connection(bundle, access) for bundle in args["bundles"]}
        if _ssh(access):
            data |= {"known_hosts": args["known_hosts"], "ssh_config": _SSH_CONFIG}
        make_secret(f"{name}-connections", secret, args, data, child)
        self.digests[secret] = digest(access["salt"], data)
        self.register_outputs({"deploy_keys": self.deploy_keys, "digests": self.digests})


def _ssh(access: GitAccessArgs) -> bool:
    return access["authentication"] in (GitAuthentication.SSH_KEY, GitAuthentication.GENERATED_SSH_KEY)


def _connection(bundle: Bundle, access: GitAccessArgs) -> pulumi.Input[str]:
    """An Airflow connection as JSON (providers-git 0.4.0, hooks/git.py)."""
    extra = {"strict_host_key_checking": "yes"}  # the default is "no"
    if _ssh(access):
        files = {"key_file": bundle.name, "known_hosts_file": "known_hosts", "ssh_config_file": "ssh_config"}
        extra |= {option: f"{FOLDER}/{file}" for option, file in files.items()}
    connection: dict[str, object] = {"conn_type": "git", "host": bundle.source.repository, "extra": extra}
    if access["authentication"] is GitAuthentication.TOKEN:
        known: Mapping[str, object] = {**connection, "login": access.get("username", "git")}
        return pulumi.Output.secret(access["token"]).apply(lambda token: json.dumps({**known, "password": token}))
    return json.dumps(connection)
