"""Stand-in for pulumi-tls: ED25519 keys with the notations and the state of the official plugin."""

import base64
import hashlib

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

from sandbox.plugins.property_values import UNKNOWN, Properties, plain, secret
from sandbox.plugins.protocol import InvalidInputError, Provider, Request, ResourceType, accept_only

_DEFAULTS = {"ecdsaCurve": "P224", "rsaBits": 2048}
_PUBLIC = ("id", "publicKeyFingerprintMd5", "publicKeyFingerprintSha256", "publicKeyOpenssh", "publicKeyPem")
_PRIVATE = ("privateKeyOpenssh", "privateKeyPem", "privateKeyPemPkcs8")


class _PrivateKey(ResourceType):
    """A key pair, generated once."""

    def check(self, request: Request) -> Properties:
        accept_only(("algorithm",), request.inputs)
        algorithm = plain(request.inputs.get("algorithm"))
        if algorithm in ("RSA", "ECDSA"):
            raise InvalidInputError(
                "algorithm", f"the sandbox's stand-in plugin does not implement {algorithm}. It accepts: ED25519"
            )
        if algorithm != "ED25519":
            raise InvalidInputError(
                "",
                "Invalid Attribute Value Match. Attribute algorithm value must be one of: "
                f'["RSA" "ECDSA" "ED25519"], got: "{algorithm}". Examine values at \'{request.name}.algorithm\'.',
            )
        return request.inputs

    def create(self, request: Request) -> tuple[str, Properties]:
        known = _DEFAULTS | request.inputs
        if request.preview:
            secrets = dict.fromkeys(_PRIVATE, secret(UNKNOWN))
            return "", known | dict.fromkeys(_PUBLIC, UNKNOWN) | secrets
        outputs = _notations(Ed25519PrivateKey.generate())
        noted = {"__meta": '{"schema_version":"1"}', "__pulumi_raw_state_delta": {"obj": {}}}
        return outputs["id"], known | outputs | noted


def _notations(key: Ed25519PrivateKey) -> Properties:
    public = key.public_key()
    der = public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    line = public.public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH).decode()
    blob = base64.b64decode(line.split()[1])
    pkcs8 = secret(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode())
    return {
        "id": hashlib.sha1(der.strip()).hexdigest(),  # noqa: S324  (a name, not a signature)
        "privateKeyOpenssh": secret(key.private_bytes(Encoding.PEM, PrivateFormat.OpenSSH, NoEncryption()).decode()),
        "privateKeyPem": pkcs8,
        "privateKeyPemPkcs8": pkcs8,
        "publicKeyFingerprintMd5": hashlib.md5(blob).digest().hex(":"),  # noqa: S324  (as above)
        "publicKeyFingerprintSha256": f"SHA256:{base64.b64encode(hashlib.sha256(blob).digest()).decode().rstrip('=')}",
        "publicKeyOpenssh": f"{line}\n",
        "publicKeyPem": public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode(),
    }


PROVIDER = Provider("tls", {"tls:index/privateKey:PrivateKey": _PrivateKey()})
