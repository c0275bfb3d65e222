"""Stand-in for pulumi-tls: ED25519 keys in OpenSSH's notation."""

import hashlib

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

from sandbox.plugins.protocol import InvalidInputError, Provider, Resource, Subject, take_only
from sandbox.plugins.wire import Properties, plain, secret


class _PrivateKey(Resource):
    """A key pair, made once."""

    def check(self, subject: Subject) -> Properties:
        take_only(("algorithm",), subject.inputs)
        algorithm = plain(subject.inputs.get("algorithm"))
        if algorithm != "ED25519":
            raise InvalidInputError("algorithm", f"the sandbox's stand-in makes only ED25519 keys, not {algorithm}")
        return subject.inputs

    def create(self, subject: Subject) -> tuple[str, Properties]:
        if subject.preview:
            return "", subject.inputs
        key = Ed25519PrivateKey.generate()
        private = key.private_bytes(Encoding.PEM, PrivateFormat.OpenSSH, NoEncryption()).decode()
        public = key.public_key().public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH)
        outputs = {"privateKeyOpenssh": secret(private), "publicKeyOpenssh": f"{public.decode()}\n"}
        return hashlib.sha256(public).hexdigest(), subject.inputs | outputs


PROVIDER = Provider("tls", {"tls:index/privateKey:PrivateKey": _PrivateKey()})
