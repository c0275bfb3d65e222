"""Login of the UI by an identity provider: Airflow's configuration of it, and the client secret."""

from typing import NotRequired

import pulumi

from airflow_stack.credentials import LOGIN_CLIENT_SECRET
from airflow_stack.names import LOGIN_CONFIG

from .kubernetes import KubernetesObject, PlacedArgs, digest, make_secret, metadata


class LoginAccessArgs(PlacedArgs):
    """Arguments of `LoginAccess`."""

    config: str
    """Text of `webserver_config.py`; not secret."""
    client_secret: NotRequired[pulumi.Input[str]]
    """Client secret at the provider; left out: an existing Secret has it. Secret."""
    salt: pulumi.Input[str]
    """Salt of the digest. Secret."""


class LoginAccess(pulumi.ComponentResource):
    """The ConfigMap with `webserver_config.py`, and the Secret with the client secret. Only the API server reads them."""

    digests: dict[str, pulumi.Output[str]]
    """Digest of the Secret's content, by the Secret's name."""

    def __init__(self, name: str, args: LoginAccessArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("airflow:index:LoginAccess", name, None, opts)
        child, self.digests = pulumi.ResourceOptions(parent=self), {}
        manifest = {"metadata": metadata(LOGIN_CONFIG, args), "data": {"webserver_config.py": args["config"]}}
        KubernetesObject(f"{name}-config", "v1", "ConfigMap", manifest, child)
        if "client_secret" in args:
            data = {LOGIN_CLIENT_SECRET.key: args["client_secret"]}
            make_secret(f"{name}-client", LOGIN_CLIENT_SECRET.secret, args, data, child)
            self.digests[LOGIN_CLIENT_SECRET.secret] = digest(args["salt"], data)
        self.register_outputs({})
