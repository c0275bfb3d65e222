"""Stand-in for pulumi-random: passwords and bytes, with the state of the official plugin except `bcryptHash`."""

import base64
import secrets
import string

from sandbox.plugins.property_values import UNKNOWN, Properties, plain, secret
from sandbox.plugins.protocol import InvalidInputError, Provider, Request, ResourceType, accept_only

_SPECIAL = "!@#$%&*()-_=+[]{}<>:?"  # the official provider's set


def _without(*inputs: str) -> Properties:
    """Mark inputs as not set, for the Terraform bridge in the official plugin."""
    return {"__pulumi_raw_state_delta": {"obj": {"ps": {key: secret({"replace": {"raw": None}}) for key in inputs}}}}


class _Generated(ResourceType):
    """A secret value of a given length, generated once."""

    inputs: tuple[str, ...] = ("length",)

    def check(self, request: Request) -> Properties:
        accept_only(self.inputs, request.inputs)
        length = plain(request.inputs.get("length"))
        if length != UNKNOWN and (not length or length < 1):
            raise InvalidInputError(
                "",
                f"Invalid Attribute Value. Attribute length value must be at least 1, got: {length}. "
                f"Examine values at '{request.name}.length'.",
            )
        return request.inputs

    def create(self, request: Request) -> tuple[str, Properties]:
        given = self.defaults | request.inputs
        if request.preview:
            return "", given | self.unknown
        return self.outputs(given, self.generated(plain(given)))

    def read(self, request: Request) -> tuple[str, Properties, Properties] | None:
        if request.outputs:
            return super().read(request)
        inputs, value = self.imported(request.id)
        id_, outputs = self.outputs(self.defaults | inputs, value)
        return id_, inputs, outputs

    unknown: Properties = {}

    def generated(self, inputs: Properties) -> str:
        raise NotImplementedError

    def imported(self, value: str) -> tuple[Properties, str]:
        raise NotImplementedError

    def outputs(self, inputs: Properties, value: str) -> tuple[str, Properties]:
        raise NotImplementedError


class _Password(_Generated):
    """Letters, digits and, by default, special characters."""

    inputs = ("length", "special")
    defaults = dict.fromkeys(("lower", "number", "numeric", "special", "upper"), True) | dict.fromkeys(
        ("minLower", "minNumeric", "minSpecial", "minUpper"), 0
    )
    unknown = {"id": UNKNOWN, "result": secret(UNKNOWN)}

    def generated(self, inputs: Properties) -> str:
        characters = string.ascii_letters + string.digits + (_SPECIAL if inputs["special"] else "")
        return "".join(secrets.choice(characters) for _ in range(inputs["length"]))

    def imported(self, value: str) -> tuple[Properties, str]:
        return {"length": len(value)} | {key: on for key, on in self.defaults.items() if on}, value

    def outputs(self, inputs: Properties, value: str) -> tuple[str, Properties]:
        state = {"__meta": '{"schema_version":"3"}', "id": "none", "result": secret(value)}
        return "none", inputs | state | _without("keepers", "overrideSpecial")


class _Bytes(_Generated):
    """Bytes in two notations. As in the official plugin, one of them is the id, which is plain in the state."""

    unknown = {"base64": secret(UNKNOWN), "hex": secret(UNKNOWN)}

    def generated(self, inputs: Properties) -> str:
        return base64.b64encode(secrets.token_bytes(inputs["length"])).decode()

    def imported(self, value: str) -> tuple[Properties, str]:
        return {"length": len(base64.b64decode(value, validate=True))}, value

    def outputs(self, inputs: Properties, value: str) -> tuple[str, Properties]:
        notations = {"base64": secret(value), "hex": secret(base64.b64decode(value).hex())}
        return value, inputs | notations | _without("keepers")


PROVIDER = Provider(
    "random",
    {"random:index/randomBytes:RandomBytes": _Bytes(), "random:index/randomPassword:RandomPassword": _Password()},
)
