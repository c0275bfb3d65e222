"""How git-sync gets into the DAG repository: an SSH key, given or generated, an HTTPS token, a GitHub App, or nothing.

Of the generated keys that are kept the oldest is in use, so that a new one can be added to the repository before it is needed.
Host keys are no secret and reach git-sync through the chart's values (`values.py`).
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
from airflow_stack.parts.deploy_key_registration import register
from airflow_stack.parts.kubernetes import PlacedArgs, digest, make_secret


class GitAccessArgs(PlacedArgs):
    """What a caller decides about access to the repository."""

    authentication: GitAuthentication
    """How git-sync proves itself."""
    repository: str
    """URL of the repository."""
    salt: pulumi.Input[str]
    """Salt of the Secret's digest."""
    secret_name: NotRequired[str]
    """Name of the Secret with a generated key, where there are several."""
    ssh_key: NotRequired[pulumi.Input[str]]
    """Private key, for `sshKey`. Secret."""
    token: NotRequired[pulumi.Input[str]]
    """Token, for `token`. Secret."""
    username: NotRequired[str]
    """User name that goes with the token."""
    github_app_private_key: NotRequired[pulumi.Input[str]]
    """Private key, for `githubApp`. Secret."""
    generation: NotRequired[int]
    """Newest generation of the generated key."""
    dropped: NotRequired[int]
    """Generations of the generated key up to this one are gone."""
    git_host: NotRequired[GitHost | None]
    """What runs on the git host, where its name does not say."""
    git_host_token: NotRequired[pulumi.Input[str]]
    """Token of the git host, with which generated keys are added to the repository. Secret."""


class GitAccess(pulumi.ComponentResource):
    """The Secret that git-sync reads."""

    deploy_keys: dict[str, pulumi.Output[str]]
    """Public half of every generated key that is kept, by its generation, the oldest first."""
    digests: dict[str, pulumi.Output[str]]
    """Digest of the Secret's content, by its name."""

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
        url, told = GitUrl.parse(self._args["repository"]), self._args.get("git_host")
        return register(self._name, url, told, self.deploy_keys, self._args["git_host_token"], self)


def _checked(setting: str, key: pulumi.Input[str], check: Callable[[str], str]) -> pulumi.Output[str]:
    """The key as git-sync must get it. One that a stack gives was checked before; this one may come from another resource."""

    def apply(text: str) -> str:
        try:
            return check(text)
        except UnusableKeyError as error:
            raise pulumi.RunError(f"airflow:{setting} {error}") from None

    return pulumi.Output.secret(key).apply(apply)
