"""A stand-in of six identity providers: OpenID Connect issuers below `/<provider>`, and GitHub's OAuth and REST API below `/github`.

Every visitor is logged in at once as `person`. The client secret is checked, and ID tokens are signed with RS256.
"""

import base64
import json
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self
from urllib.parse import parse_qs, urlencode, urlsplit

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from tests.support.login import Person

CLIENT_ID, CLIENT_SECRET = "airflow", "canary-of-the-client"
_KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)


def _encoded(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def _number(number: int) -> str:
    return _encoded(number.to_bytes((number.bit_length() + 7) // 8, "big"))


def _signed(claims: dict[str, Any]) -> str:
    head = {"alg": "RS256", "kid": "1", "typ": "JWT"}
    text = ".".join(_encoded(json.dumps(part).encode()) for part in (head, claims))
    return f"{text}.{_encoded(_KEY.sign(text.encode(), padding.PKCS1v15(), hashes.SHA256()))}"


class IdentityProviders:
    """All providers, on a port of this machine."""

    def __init__(self) -> None:
        self.person = Person()
        self.is_down = False
        self.redirects: list[str] = []
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), type("Handler", (_Handler,), {"providers": self}))
        self.url = f"http://127.0.0.1:{self.server.server_port}"

    def __enter__(self) -> Self:
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_: type[BaseException] | BaseException | TracebackType | None) -> None:
        self.server.shutdown()
        self.server.server_close()

    def instead_of_the_internet(self, config: str) -> str:
        """The generated file, with the addresses of this stand-in."""
        for theirs, ours in {
            "https://api.github.com/": f"{self.url}/github/api/",
            "https://github.com": f"{self.url}/github",
            "https://accounts.google.com": f"{self.url}/google",
            "https://login.microsoftonline.com/99999999-8888-7777-6666-555555555555/v2.0": f"{self.url}/azure",
            "https://acme.okta.com": f"{self.url}/okta",
            "https://login.example.com/realms/acme": f"{self.url}/keycloak",
            "https://id.example.com": f"{self.url}/oidc",
        }.items():
            config = config.replace(theirs, ours)
        return config


class _Handler(BaseHTTPRequestHandler):
    providers: IdentityProviders
    nonces: dict[str, str] = {}

    def log_message(self, *_: object) -> None: ...

    def do_GET(self) -> None:
        parts = urlsplit(self.path)
        provider, _, path = parts.path.strip("/").partition("/")
        issuer = f"{self.providers.url}/{provider}"
        if self.providers.is_down:
            return self._answer(503, {})
        if path in ("authorize", "login/oauth/authorize"):
            asked = {key: value[0] for key, value in parse_qs(parts.query).items()}
            self.providers.redirects.append(asked["redirect_uri"])
            self.nonces[provider] = asked.get("nonce", "")
            query = urlencode({"code": f"code-{provider}", "state": asked["state"]})
            self.send_response(302)
            self.send_header("Location", f"{asked['redirect_uri']}?{query}")
            return self.end_headers()
        if path == ".well-known/openid-configuration":
            found = {"issuer": issuer, "jwks_uri": f"{issuer}/keys", "userinfo_endpoint": f"{issuer}/userinfo"}
            ends = {f"{end}_endpoint": f"{issuer}/{end}" for end in ("authorize", "token")}
            ends["authorization_endpoint"] = ends.pop("authorize_endpoint")
            return self._answer(200, {**found, **ends, "id_token_signing_alg_values_supported": ["RS256"]})
        if path == "keys":
            public = _KEY.public_key().public_numbers()
            key = {
                "kty": "RSA",
                "kid": "1",
                "use": "sig",
                "alg": "RS256",
                "n": _number(public.n),
                "e": _number(public.e),
            }
            return self._answer(200, {"keys": [key]})
        if path == "userinfo":
            return self._answer(200, self.providers.person.claims(provider))
        return self._answer(*self.providers.person.github(self.path))

    def do_POST(self) -> None:
        provider = self.path.strip("/").partition("/")[0]
        form = parse_qs(self.rfile.read(int(self.headers["Content-Length"])).decode())
        basic = base64.b64decode(self.headers.get("Authorization", "Basic ")[6:]).decode()
        secret = basic.partition(":")[2] or form.get("client_secret", [""])[0]
        if secret != CLIENT_SECRET:
            return self._answer(401, {"error": "invalid_client"})
        answer: dict[str, Any] = {"access_token": "a-token", "token_type": "Bearer", "expires_in": 3600}
        if provider != "github":
            now = int(time.time())
            claims = {"iss": f"{self.providers.url}/{provider}", "aud": CLIENT_ID, "iat": now, "exp": now + 600}
            claims |= {"nonce": self.nonces[provider], **self.providers.person.claims(provider)}
            answer["id_token"] = _signed(claims)
        return self._answer(200, answer)

    def _answer(self, status: int, content: Any) -> None:
        body = json.dumps(content).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
