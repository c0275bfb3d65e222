"""Stand-in for pulumi-random: passwords, strings, ids and bytes.

`bcryptHash` is not filled in: nothing here needs it, and it would cost a dependency.
"""

import base64
import secrets
import string

from sandbox.plugins.protocol import InvalidInputError, Provider, Resource, Subject
from sandbox.plugins.wire import Properties, plain, secret

_SIGNS = {
    "lower": string.ascii_lowercase,
    "upper": string.ascii_uppercase,
    "numeric": string.digits,
    "special": "!@#$%&*()-_=+[]{}<>:?",  # the official provider's set
}


class _Generated(Resource):
    """A value made once, kept in state only, and replaced when any input changes."""

    length = "length"
    secret_outputs: tuple[str, ...] = ()

    def check(self, subject: Subject) -> Properties:
        length = plain(subject.inputs.get(self.length))
        if not isinstance(length, str) and (not length or length < 1):
            raise InvalidInputError(self.length, f"{self.length} must be at least 1, got {length}")
        return subject.inputs

    def create(self, subject: Subject) -> tuple[str, Properties]:
        inputs = plain(subject.inputs)
        if subject.preview:
            return "", subject.inputs
        id_, drawn = self.value(inputs, self.draw(inputs))
        return id_, self.marked(drawn) | subject.inputs

    def read(self, subject: Subject) -> tuple[str, Properties, Properties]:
        if subject.outputs:
            return subject.id, subject.inputs, subject.outputs
        inputs, raw = self.parse(subject.id)
        id_, drawn = self.value(inputs, raw)
        return id_, inputs, self.marked(drawn) | inputs

    def marked(self, drawn: Properties) -> Properties:
        return {key: secret(v) if key in self.secret_outputs else v for key, v in drawn.items()}

    def draw(self, inputs: Properties) -> bytes:
        return secrets.token_bytes(int(inputs[self.length]))

    def value(self, inputs: Properties, raw: bytes) -> tuple[str, Properties]:
        raise NotImplementedError

    def parse(self, imported: str) -> tuple[Properties, bytes]:
        raise NotImplementedError


class _String(_Generated):
    """Letters, digits and signs, with a minimum of each class."""

    def check(self, subject: Subject) -> Properties:
        inputs = plain(super().check(subject))
        wanted = sum(_minimum(inputs, kind) for kind in _SIGNS)
        if not isinstance(inputs["length"], str) and wanted > inputs["length"]:
            raise InvalidInputError("length", f"length must be at least {wanted}, the minimums' sum")
        if not _pool(inputs):
            raise InvalidInputError("special", f"one of {', '.join(_SIGNS)} must be true")
        return subject.inputs

    def draw(self, inputs: Properties) -> bytes:
        drawn = [secrets.choice(_signs(inputs, kind)) for kind in _SIGNS for _ in range(_minimum(inputs, kind))]
        drawn += [secrets.choice(_pool(inputs)) for _ in range(int(inputs["length"]) - len(drawn))]
        secrets.SystemRandom().shuffle(drawn)
        return "".join(drawn).encode()

    def value(self, inputs: Properties, raw: bytes) -> tuple[str, Properties]:
        flags = dict.fromkeys((*_SIGNS, "number"), True)
        minimums = {f"min{kind.capitalize()}": 0 for kind in _SIGNS}
        return raw.decode(), flags | minimums | {"result": raw.decode()}

    def parse(self, imported: str) -> tuple[Properties, bytes]:
        return {"length": len(imported)}, imported.encode()


def _minimum(inputs: Properties, kind: str) -> int:
    return int(inputs.get(f"min{kind.capitalize()}", 0))


def _signs(inputs: Properties, kind: str) -> str:
    return str((kind == "special" and inputs.get("overrideSpecial")) or _SIGNS[kind])


def _pool(inputs: Properties) -> str:
    deprecated = {"numeric": inputs.get("number", True)}
    allowed = (kind for kind in _SIGNS if inputs.get(kind, deprecated.get(kind, True)))
    return "".join(_signs(inputs, kind) for kind in allowed)


class _Password(_String):
    """A random string that stays secret."""

    secret_outputs = ("result",)

    def value(self, inputs: Properties, raw: bytes) -> tuple[str, Properties]:
        return "none", super().value(inputs, raw)[1]


class _Bytes(_Generated):
    """Secret bytes."""

    secret_outputs = ("base64", "hex")

    def value(self, inputs: Properties, raw: bytes) -> tuple[str, Properties]:
        return "none", {"base64": base64.b64encode(raw).decode(), "hex": raw.hex()}

    def parse(self, imported: str) -> tuple[Properties, bytes]:
        raw = base64.b64decode(imported, validate=True)
        return {"length": len(raw)}, raw


class _Id(_Generated):
    """Bytes that may be seen, for names that must not collide."""

    length = "byteLength"

    def value(self, inputs: Properties, raw: bytes) -> tuple[str, Properties]:
        url = base64.urlsafe_b64encode(raw).decode().rstrip("=")
        notations = {
            "b64Std": base64.b64encode(raw).decode(),
            "b64Url": url,
            "dec": str(int.from_bytes(raw)),
            "hex": raw.hex(),
        }
        return url, {key: inputs.get("prefix", "") + text for key, text in notations.items()}

    def parse(self, imported: str) -> tuple[Properties, bytes]:
        prefix, _, url = imported.rpartition(",")
        raw = base64.urlsafe_b64decode(url + "=" * (-len(url) % 4))
        return {"byteLength": len(raw)} | ({"prefix": prefix} if prefix else {}), raw


_TYPES: dict[str, Resource] = {
    "random:index/randomBytes:RandomBytes": _Bytes(),
    "random:index/randomId:RandomId": _Id(),
    "random:index/randomPassword:RandomPassword": _Password(),
    "random:index/randomString:RandomString": _String(),
}


class _Random(Provider):
    name = "random"
    implemented = tuple(_TYPES)

    def resource(self, type_: str) -> Resource | None:
        return _TYPES.get(type_)


PROVIDER: Provider = _Random()
