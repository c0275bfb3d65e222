"""How git-sync gets into the DAG repository: an SSH key, given or generated, an HTTPS token, or nothing.

Host keys are no secret and reach git-sync through the chart's values (`values.py`).
"""

from typing import NotRequired

import pulumi
import pulumi_tls as tls

from .arguments import GitAuthentication
from .names import SecretNames
from .objects import PlacedArgs, digest, make_secret


class GitAccessArgs(PlacedArgs):
    """What a caller decides about access to the repository."""

    authentication: GitAuthentication
    """How git-sync proves itself."""
    salt: pulumi.Input[str]
    """Salt of the Secret's digest."""
    ssh_key: NotRequired[pulumi.Input[str]]
    """Private key, for `sshKey`. Secret."""
    token: NotRequired[pulumi.Input[str]]
    """Token, for `token`. Secret."""
    username: NotRequired[str]
    """User name that goes with the token."""
    generation: NotRequired[int]
    """Generation of the generated key."""


class GitAccess(pulumi.ComponentResource):
    """The Secret that git-sync reads."""

    deploy_key: pulumi.Output[str] | None = None
    """Public half of the generated key, to be added to the repository as a read-only deploy key."""
    digests: dict[str, pulumi.Output[str]]
    """Digest of the Secret's content, by its name."""

    def __init__(self, name: str, args: GitAccessArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("airflow:index:GitAccess", name, None, opts)
        child = pulumi.ResourceOptions(parent=self)
        names = SecretNames()
        self.digests = {}
        secret_name, data = names.git_ssh, dict[str, pulumi.Input[str]]()
        match args["authentication"]:
            case GitAuthentication.GENERATED_SSH_KEY:
                made = [
                    tls.PrivateKey(f"{name}-ssh-key-{generation}", algorithm="ED25519", opts=child)
                    for generation in range(1, args.get("generation", 1) + 1)
                ]
                self.deploy_key = made[-1].public_key_openssh.apply(str.strip)
                data = {"gitSshKey": made[-1].private_key_openssh}
            case GitAuthentication.SSH_KEY:
                # Pulumi's CLI drops the last newline, without which ssh says "error in libcrypto".
                key = pulumi.Output.secret(args["ssh_key"])
                data = {"gitSshKey": key.apply(lambda key: key.replace("\r\n", "\n").strip() + "\n")}
            case GitAuthentication.TOKEN:
                secret_name = names.git_token
                token = pulumi.Output.secret(args["token"])
                for prefix in ("GIT_SYNC", "GITSYNC"):  # the chart sets the variables of git-sync 3 and 4
                    data |= {f"{prefix}_USERNAME": args.get("username", "git"), f"{prefix}_PASSWORD": token}
        if data:
            make_secret(f"{name}-secret", secret_name, args, data, child)
            self.digests[secret_name] = digest(args["salt"], data)
        self.register_outputs({"deploy_key": self.deploy_key, "digests": self.digests})
