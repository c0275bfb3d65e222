"""Access to the DAG repository: an SSH key, given or generated, an HTTPS token, a GitHub App, or none for a public repository.

The oldest generated key that is kept is in use, so a new one can be added to the repository before it is needed.
Host keys are not secret: git-sync gets them from the chart's values (`chart/delivery.py`).
"""

from typing import NotRequired

import pulumi
import pulumi_tls as tls

from airflow_stack.choices import GitAuthentication, GitHost
from airflow_stack.credentials import GIT_SSH_KEY, GIT_TOKEN, GITHUB_APP_PRIVATE_KEY
from airflow_stack.git.hosts import takes_ed25519
from airflow_stack.git.url import GitUrl

from .deploy_key_registration import DeployKeysArgs, register_deploy_keys
from .kubernetes import PlacedArgs, checked, digest, make_secret


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
        credential, before, values = GIT_SSH_KEY, list[pulumi.Resource](), list[pulumi.Input[str]]()
        match args["authentication"]:
            case GitAuthentication.GENERATED_SSH_KEY:
                values = [self._generated()]
                before = self._registered()
            case GitAuthentication.SSH_KEY:
                values = [checked(GIT_SSH_KEY, args["ssh_key"])]
            case GitAuthentication.TOKEN:
                credential = GIT_TOKEN
                values = [args.get("username", "git"), pulumi.Output.secret(args["token"])] * 2
            case GitAuthentication.GITHUB_APP:
                credential = GITHUB_APP_PRIVATE_KEY
                values = [checked(GITHUB_APP_PRIVATE_KEY, args["github_app_private_key"])]
        if values:
            secret_name, data = (
                args.get("secret_name", credential.secret),
                dict(zip(credential.keys, values, strict=True)),
            )
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
