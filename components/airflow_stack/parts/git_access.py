"""Access to the DAG repository: an SSH key, given or generated, an HTTPS token, a GitHub App, or none for a public repository.

The oldest generated key that is kept is in use, so a new one can be added to the repository before it is needed.
Host keys are not secret: git-sync gets them from the chart's values (`chart/delivery.py`).
"""

from collections.abc import Callable
from typing import NotRequired

import pulumi
import pulumi_tls as tls

from airflow_stack.choices import GitAuthentication, GitHost
from airflow_stack.git.hosts import takes_ed25519
from airflow_stack.git.private_key import UnusableKeyError, usable, usable_for_github_app
from airflow_stack.git.url import GitUrl
from airflow_stack.names import SecretNames
from airflow_stack.parts.deploy_key_registration import DeployKeysArgs, register_deploy_keys
from airflow_stack.parts.kubernetes import PlacedArgs, digest, make_secret


class GitAccessArgs(PlacedArgs):
    """Arguments of `GitAccess`."""

    authentication: GitAuthentication
    """How git-sync authenticates."""
    repository: str
    """URL of the repository."""
    salt: pulumi.Input[str]
    """Salt of the Secret's digest."""
    secret_name: NotRequired[str]
    """Name of the Secret with a generated key; left out: that of the first repository."""
    ssh_key: NotRequired[pulumi.Input[str]]
    """Private key, for `sshKey`. Secret."""
    token: NotRequired[pulumi.Input[str]]
    """Token, for `token`. Secret."""
    username: NotRequired[str]
    """User name that belongs to the token."""
    github_app_private_key: NotRequired[pulumi.Input[str]]
    """Private key, for `githubApp`. Secret."""
    generation: NotRequired[int]
    """Newest generation of the generated key."""
    dropped: NotRequired[int]
    """Newest generation of the generated key that is deleted."""
    git_host: NotRequired[GitHost | None]
    """Software of the git host, if its name does not tell."""
    git_host_token: NotRequired[pulumi.Input[str]]
    """Token of the git host that may add deploy keys; left out: none is added. Secret."""


class GitAccess(pulumi.ComponentResource):
    """The Secret that git-sync reads."""

    deploy_keys: dict[str, pulumi.Output[str]]
    """Public half of every generated key that is kept, by generation, oldest first."""
    digests: dict[str, pulumi.Output[str]]
    """Digest of the Secret's content, by the Secret's name."""

    def __init__(self, name: str, args: GitAccessArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("airflow:index:GitAccess", name, None, opts)
        self._name, self._args = name, args
        self.deploy_keys, self.digests = {}, {}
        names, before = SecretNames(), list[pulumi.Resource]()
        secret_name, data = names.git_ssh, dict[str, pulumi.Input[str]]()
        match args["authentication"]:
            case GitAuthentication.GENERATED_SSH_KEY:
                data = {"gitSshKey": self._generated()}
                secret_name = args.get("secret_name", secret_name)
                before = self._registered()
            case GitAuthentication.SSH_KEY:
                data = {"gitSshKey": _checked("gitSshKey", args["ssh_key"], usable)}
            case GitAuthentication.TOKEN:
                secret_name = names.git_token
                token = pulumi.Output.secret(args["token"])
                for prefix in ("GIT_SYNC", "GITSYNC"):  # the chart sets the variables of git-sync 3 and 4
                    data |= {f"{prefix}_USERNAME": args.get("username", "git"), f"{prefix}_PASSWORD": token}
            case GitAuthentication.GITHUB_APP:
                secret_name, key = names.github_app, "githubAppPrivateKey"
                data = {key: _checked(key, args["github_app_private_key"], usable_for_github_app)}
        if data:
            # A key must be known to the git host before a pod can use it.
            opts = pulumi.ResourceOptions(parent=self, depends_on=before)
            make_secret(f"{name}-secret", secret_name, args, data, opts)
            self.digests[secret_name] = digest(args["salt"], data)
        self.register_outputs({"deploy_keys": self.deploy_keys, "digests": self.digests})

    @property
    def deploy_key(self) -> pulumi.Output[str] | None:
        """The newest of `deploy_keys`."""
        return [*self.deploy_keys.values()][-1] if self.deploy_keys else None

    def _generated(self) -> pulumi.Output[str]:
        """The private key in use: the oldest that is kept."""
        kept = range(self._args.get("dropped", 0) + 1, self._args.get("generation", 1) + 1)
        ed25519 = takes_ed25519(GitUrl.parse(self._args["repository"]), self._args.get("git_host"))
        made = {
            generation: tls.PrivateKey(
                f"{self._name}-ssh-key-{generation}",
                algorithm="ED25519" if ed25519 else "RSA",
                rsa_bits=None if ed25519 else 4096,
                opts=pulumi.ResourceOptions(parent=self),
            )
            for generation in kept
        }
        self.deploy_keys = {str(number): key.public_key_openssh.apply(str.strip) for number, key in made.items()}
        return made[kept[0]].private_key_openssh

    def _registered(self) -> list[pulumi.Resource]:
        if "git_host_token" not in self._args:
            return []
        args: DeployKeysArgs = {
            "repository": self._args["repository"],
            "git_host": self._args.get("git_host"),
            "keys": self.deploy_keys,
            "token": self._args["git_host_token"],
        }
        return register_deploy_keys(self._name, args, pulumi.ResourceOptions(parent=self))


def _checked(setting: str, key: pulumi.Input[str], check: Callable[[str], str]) -> pulumi.Output[str]:
    """The key in the form that git-sync needs. A key from a stack file was checked before; this one may be an output."""

    def apply(text: str) -> str:
        try:
            return check(text)
        except UnusableKeyError as error:
            raise pulumi.RunError(f"airflow:{setting} {error}") from None

    return pulumi.Output.secret(key).apply(apply)
