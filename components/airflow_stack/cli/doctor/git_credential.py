"""The key or token of a stack, as `pulumi up` would use it."""

import base64
import json
import time
from collections.abc import Callable

import httpx2
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from airflow_stack.choices import GitAuthentication
from airflow_stack.cli.pulumi_state import State, resources
from airflow_stack.credentials import GIT_SSH_KEY, GIT_TOKEN, GITHUB_APP_PRIVATE_KEY
from airflow_stack.git.hosts import github_api
from airflow_stack.git.private_key import UnusableKeyError
from airflow_stack.git.url import GitUrl
from airflow_stack.settings.dags import Dags, GithubApp
from airflow_stack.settings.models import Settings

from .git_probe import GitProbe
from .model import CheckError, Status

_TLS_KEY = "tls:index/privateKey:PrivateKey"
_SECONDS = 20


class GitCredentials:
    """The git credentials of one stack.

    Args:
        settings: Settings of the stack.
        secret: Reads a secret setting; raises `CheckError` if it is not set.
        state: Reads the state of the stack, with secrets decrypted.
    """

    def __init__(self, settings: Settings, secret: Callable[[str], str], state: Callable[[], State]) -> None:
        self._settings, self._secret, self._state = settings, secret, state

    def give(self, probe: GitProbe, name: str = "") -> str:
        """Give a probe the credential for the repository of this name; returns the name of the credential.

        Raises:
            CheckError: there is no credential, or it is not usable.
        """
        dags = self._settings.dags
        match dags.authentication:
            case GitAuthentication.SSH_KEY:
                _use_key(probe, self._secret(GIT_SSH_KEY.setting), GIT_SSH_KEY.command)
                return f"airflow:{GIT_SSH_KEY.setting}, with the public half {probe.public_key}"
            case GitAuthentication.GENERATED_SSH_KEY:
                _use_key(probe, self._generated(name), "raise airflow:rotation.gitSshKey, and run `pulumi up`")
                return f"the stack's own key, with the public half {probe.public_key}"
            case GitAuthentication.TOKEN:
                token = self._secret(GIT_TOKEN.setting)
                if not token.isprintable() or " " in token:
                    raise CheckError(f"airflow:{GIT_TOKEN.setting} contains a space or a line break", GIT_TOKEN.command)
                probe.use_token(dags.username, token)
                return f"airflow:{GIT_TOKEN.setting}, for user {dags.username!r}"
            case GitAuthentication.GITHUB_APP if dags.github_app:
                probe.use_token("x-access-token", self._of_app(dags, dags.github_app))
                return "a token of the GitHub App"
        return "none needed"

    def _generated(self, name: str) -> str:
        """The key that `pulumi up` would use: the oldest kept generation."""
        if key := generated_key(self._state(), name, self._settings.rotation.git_ssh_key_dropped + 1):
            return key
        raise CheckError(
            "the next `pulumi up` generates the key",
            "then add it to the repository as a read-only deploy key, and run this command again",
            Status.SKIPPED,
        )

    def _of_app(self, dags: Dags, app: GithubApp) -> str:
        try:
            key = GITHUB_APP_PRIVATE_KEY.usable(self._secret(GITHUB_APP_PRIVATE_KEY.setting))
        except UnusableKeyError as error:
            raise CheckError(f"airflow:{GITHUB_APP_PRIVATE_KEY.setting} {error.reason}", error.way_out) from None
        base = (app.base_url or github_api(GitUrl.parse(dags.repository))).rstrip("/")
        try:
            with httpx2.Client(timeout=_SECONDS) as client:
                return installation_token(client, base, app, key)
        except httpx2.HTTPError as error:
            message = f"{base} does not answer: {str(error) or type(error).__name__}"
            raise CheckError(message, "allow the connection, or correct airflow:dags.githubApp.baseUrl") from None


def generated_key(state: State, name: str, generation: int) -> str | None:
    """The generated key for the repository of this name in a decrypted state."""
    resource = f"::airflow-git-{f'bundle-{name}-' if name else ''}ssh-key-{generation}"
    for each in resources(state):
        if each["type"] == _TLS_KEY and each["urn"].endswith(resource) and not each.get("delete"):
            key = each.get("outputs", {}).get("privateKeyOpenssh")
            return str(json.loads(key["plaintext"])) if key else None
    return None


def installation_token(client: httpx2.Client, base: str, app: GithubApp, key: str) -> str:
    """A token of an App's installation (docs.github.com, "Generating an installation access token for a GitHub App").

    Args:
        client: HTTP client.
        base: URL of the API.
        app: Settings of the App.
        key: Private key of the App.

    Raises:
        CheckError: GitHub refuses.
    """
    url = f"{base}/app/installations/{app.installation_id}/access_tokens"
    headers = {"Authorization": f"Bearer {_jwt(app, key)}", "Accept": "application/vnd.github+json"}
    answer = client.post(url, headers=headers)
    if answer.status_code == 401:
        fix = f"set airflow:dags.githubApp and airflow:{GITHUB_APP_PRIVATE_KEY.setting} of the same App"
        raise CheckError("GitHub refuses the key for this App (401)", fix)
    if answer.status_code == 404:
        fix = "correct it: the number at the end of the URL of the installation's page"
        raise CheckError(f"the App has no installation {app.installation_id}", fix)
    if not answer.is_success:
        raise CheckError(f"GitHub answers {answer.status_code}", "see the page of the App's installation")
    return str(answer.json()["token"])


def _jwt(app: GithubApp, key: str) -> str:
    now = int(time.time())
    claims = {"iat": now - 60, "exp": now + 300, "iss": app.client_id or str(app.application_id)}
    signed = ".".join(_encoded(json.dumps(part).encode()) for part in ({"alg": "RS256", "typ": "JWT"}, claims))
    private = load_pem_private_key(key.encode(), None)
    if not isinstance(private, RSAPrivateKey):
        raise TypeError("the check of a GitHub App's key accepts only RSA keys")
    return f"{signed}.{_encoded(private.sign(signed.encode(), PKCS1v15(), SHA256()))}"


def _encoded(text: bytes) -> str:
    return base64.urlsafe_b64encode(text).decode().rstrip("=")


def _use_key(probe: GitProbe, key: str, fix: str) -> None:
    try:
        probe.use_key(GIT_SSH_KEY.usable(key))
    except UnusableKeyError as error:
        raise CheckError(f"the key {error.reason}", error.way_out) from None
    except ValueError as error:
        raise CheckError(f"ssh refuses the key: {error}", fix) from None
