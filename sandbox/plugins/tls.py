"""Stand-in for pulumi-tls: private keys in every notation of the official `PrivateKey`."""

import base64
import hashlib
from collections.abc import Callable
from typing import TypeAlias

from cryptography.hazmat.primitives import serialization as form
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

from sandbox.plugins.protocol import InvalidInputError, PluginError, Provider, Resource, Subject
from sandbox.plugins.wire import Properties, plain, secret

_Key: TypeAlias = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey

_CURVES: dict[str, Callable[[], ec.EllipticCurve]] = {
    "P224": ec.SECP224R1,
    "P256": ec.SECP256R1,
    "P384": ec.SECP384R1,
    "P521": ec.SECP521R1,
}
_ALGORITHMS: dict[str, Callable[[Properties], _Key]] = {
    "ECDSA": lambda inputs: ec.generate_private_key(_CURVES[inputs.get("ecdsaCurve", "P224")]()),
    "ED25519": lambda inputs: ed25519.Ed25519PrivateKey.generate(),
    "RSA": lambda inputs: rsa.generate_private_key(65537, int(inputs.get("rsaBits", 2048))),
}


def _private(key: _Key, notation: form.PrivateFormat) -> str:
    return key.private_bytes(form.Encoding.PEM, notation, form.NoEncryption()).decode()


def _openssh(key: _Key) -> Properties:
    """Return the OpenSSH notations; they are empty for P224, which OpenSSH does not know."""
    if isinstance(key, ec.EllipticCurvePrivateKey) and isinstance(key.curve, ec.SECP224R1):
        fields = "publicKeyOpenssh", "publicKeyFingerprintMd5", "publicKeyFingerprintSha256"
        return {"privateKeyOpenssh": secret(""), **dict.fromkeys(fields, "")}
    line = key.public_key().public_bytes(form.Encoding.OpenSSH, form.PublicFormat.OpenSSH).decode()
    blob = base64.b64decode(line.split()[1])
    sha256 = base64.b64encode(hashlib.sha256(blob).digest()).decode().rstrip("=")
    return {
        "privateKeyOpenssh": secret(_private(key, form.PrivateFormat.OpenSSH)),
        "publicKeyOpenssh": line + "\n",
        "publicKeyFingerprintMd5": hashlib.md5(blob, usedforsecurity=False).digest().hex(":"),
        "publicKeyFingerprintSha256": f"SHA256:{sha256}",
    }


class _PrivateKey(Resource):
    """A key pair that lives in state only; any change of its inputs makes a new one."""

    def check(self, subject: Subject) -> Properties:
        inputs = plain(subject.inputs)
        for prop, allowed in (("algorithm", _ALGORITHMS), ("ecdsaCurve", _CURVES)):
            if inputs.get(prop, next(iter(allowed))) not in allowed:
                raise InvalidInputError(prop, f"{prop} must be one of {', '.join(allowed)}, got {inputs[prop]!r}")
        return subject.inputs

    def create(self, subject: Subject) -> tuple[str, Properties]:
        if subject.preview:
            return "", subject.inputs
        inputs = plain(subject.inputs)
        key = _ALGORITHMS[inputs["algorithm"]](inputs)
        pkcs8 = _private(key, form.PrivateFormat.PKCS8)
        public = key.public_key().public_bytes(form.Encoding.PEM, form.PublicFormat.SubjectPublicKeyInfo)
        edwards = isinstance(key, ed25519.Ed25519PrivateKey)
        outputs = {
            "ecdsaCurve": "P224",
            "rsaBits": 2048,
            **subject.inputs,
            **_openssh(key),
            "privateKeyPem": secret(pkcs8 if edwards else _private(key, form.PrivateFormat.TraditionalOpenSSL)),
            "privateKeyPemPkcs8": secret(pkcs8),
            "publicKeyPem": public.decode(),
        }
        return hashlib.sha1(public, usedforsecurity=False).hexdigest(), outputs

    def read(self, subject: Subject) -> tuple[str, Properties, Properties]:
        if not subject.outputs:
            raise PluginError("a PrivateKey cannot be imported; give the key as configuration instead")
        return subject.id, subject.inputs, subject.outputs


class _Tls(Provider):
    name = "tls"
    implemented = ("tls:index/privateKey:PrivateKey",)

    def resource(self, type_: str) -> Resource | None:
        return _PrivateKey() if type_ in self.implemented else None


PROVIDER: Provider = _Tls()
