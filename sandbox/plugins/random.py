"""Stand-in for pulumi-random: passwords and bytes."""

import base64
import secrets
import string

from sandbox.plugins.protocol import InvalidInputError, Provider, Resource, Subject, take_only
from sandbox.plugins.wire import UNKNOWN, Properties, plain, secret

_SPECIAL = "!@#$%&*()-_=+[]{}<>:?"  # the official provider's set


class _Generated(Resource):
    """A secret value of some length, made once."""

    inputs: tuple[str, ...] = ("length",)

    def check(self, subject: Subject) -> Properties:
        take_only(self.inputs, subject.inputs)
        length = plain(subject.inputs.get("length"))
        if length != UNKNOWN and (not length or length < 1):
            raise InvalidInputError("length", f"length must be at least 1, got {length}")
        return subject.inputs

    def create(self, subject: Subject) -> tuple[str, Properties]:
        if subject.preview:
            return "", subject.inputs
        return "none", subject.inputs | self.generated(plain(subject.inputs))

    def read(self, subject: Subject) -> tuple[str, Properties, Properties] | None:
        if subject.outputs:
            return super().read(subject)
        inputs, outputs = self.imported(subject.id)
        return "none", inputs, inputs | outputs

    def generated(self, inputs: Properties) -> Properties:
        raise NotImplementedError

    def imported(self, value: str) -> tuple[Properties, Properties]:
        raise NotImplementedError


class _Password(_Generated):
    """Letters, digits and, unless they are declined, special signs."""

    inputs = ("length", "special")

    def generated(self, inputs: Properties) -> Properties:
        signs = string.ascii_letters + string.digits + (_SPECIAL if inputs.get("special", True) else "")
        return {"result": secret("".join(secrets.choice(signs) for _ in range(inputs["length"])))}

    def imported(self, value: str) -> tuple[Properties, Properties]:
        return {"length": len(value)}, {"result": secret(value)}


class _Bytes(_Generated):
    def generated(self, inputs: Properties) -> Properties:
        return _notations(secrets.token_bytes(inputs["length"]))

    def imported(self, value: str) -> tuple[Properties, Properties]:
        raw = base64.b64decode(value, validate=True)
        return {"length": len(raw)}, _notations(raw)


def _notations(raw: bytes) -> Properties:
    return {"base64": secret(base64.b64encode(raw).decode()), "hex": secret(raw.hex())}


PROVIDER = Provider(
    "random",
    {"random:index/randomBytes:RandomBytes": _Bytes(), "random:index/randomPassword:RandomPassword": _Password()},
)
