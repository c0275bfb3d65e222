"""Stand-in for pulumi-tls: ED25519 keys, in every notation and with the state that the official plugin has."""

import base64
import hashlib

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

from sandbox.plugins.property_values import UNKNOWN, Properties, changes, dotted, plain, secret
from sandbox.plugins.protocol import InvalidInputError, Provider, Request, ResourceDiff, ResourceType, take_only

_DEFAULTS = {"ecdsaCurve": "P224", "rsaBits": 2048}
_PUBLIC = ("id", "publicKeyFingerprintMd5", "publicKeyFingerprintSha256", "publicKeyOpenssh", "publicKeyPem")
_PRIVATE = ("privateKeyOpenssh", "privateKeyPem", "privateKeyPemPkcs8")


class _PrivateKey(ResourceType):
    """A key pair, made once."""

    def check(self, subject: Request) -> Properties:
        take_only(("algorithm",), subject.inputs)
        algorithm = plain(subject.inputs.get("algorithm"))
        if algorithm in ("RSA", "ECDSA"):
            raise InvalidInputError("algorithm", f"the sandbox's stand-in makes only ED25519 keys, not {algorithm}")
        if algorithm != "ED25519":
            raise InvalidInputError(
                "",
                "Invalid Attribute Value Match. Attribute algorithm value must be one of: "
                f'["RSA" "ECDSA" "ED25519"], got: "{algorithm}". Examine values at \'{subject.name}.algorithm\'.',
            )
        return subject.inputs

    def diff(self, subject: Request) -> ResourceDiff:
        found = changes(plain(subject.old_inputs), plain(subject.inputs))
        paths = {dotted(path): (kind, False) for path, kind in found}
        return ResourceDiff(paths, list(paths), detailed=False)

    def create(self, subject: Request) -> tuple[str, Properties]:
        known = _DEFAULTS | subject.inputs
        if subject.preview:
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
