"""Stand-in for pulumi-random: passwords and bytes. What the state holds is as the official plugin has it, but for `bcryptHash`."""

import base64
import secrets
import string

from sandbox.plugins.property_values import UNKNOWN, Properties, changes, dotted, plain, secret
from sandbox.plugins.protocol import InvalidInputError, Provider, Request, ResourceDiff, ResourceType, take_only

_SPECIAL = "!@#$%&*()-_=+[]{}<>:?"  # the official provider's set


def _without(*inputs: str) -> Properties:
    """Note for the bridge to Terraform, which the official plugin is, that inputs were not given."""
    return {"__pulumi_raw_state_delta": {"obj": {"ps": {key: secret({"replace": {"raw": None}}) for key in inputs}}}}


class _Generated(ResourceType):
    """A secret value of some length, made once."""

    inputs: tuple[str, ...] = ("length",)
    defaults: Properties = {}

    def check(self, subject: Request) -> Properties:
        take_only(self.inputs, subject.inputs)
        length = plain(subject.inputs.get("length"))
        if length != UNKNOWN and (not length or length < 1):
            raise InvalidInputError(
                "",
                f"Invalid Attribute Value. Attribute length value must be at least 1, got: {length}. "
                f"Examine values at '{subject.name}.length'.",
            )
        return subject.inputs

    def diff(self, subject: Request) -> ResourceDiff:
        old, new = (self.defaults | plain(inputs) for inputs in (subject.old_inputs, subject.inputs))
        paths = {dotted(path): (kind, False) for path, kind in changes(old, new)}
        return ResourceDiff(paths, list(paths), detailed=False)

    def create(self, subject: Request) -> tuple[str, Properties]:
        given = self.defaults | subject.inputs
        if subject.preview:
            return "", given | self.unknown
        return self.outputs(given, self.generated(plain(given)))

    def read(self, subject: Request) -> tuple[str, Properties, Properties] | None:
        if subject.outputs:
            return super().read(subject)
        inputs, value = self.imported(subject.id)
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
    """Letters, digits and, unless they are declined, special signs."""

    inputs = ("length", "special")
    defaults = dict.fromkeys(("lower", "number", "numeric", "special", "upper"), True) | dict.fromkeys(
        ("minLower", "minNumeric", "minSpecial", "minUpper"), 0
    )
    unknown = {"id": UNKNOWN, "result": secret(UNKNOWN)}

    def generated(self, inputs: Properties) -> str:
        signs = string.ascii_letters + string.digits + (_SPECIAL if inputs["special"] else "")
        return "".join(secrets.choice(signs) for _ in range(inputs["length"]))

    def imported(self, value: str) -> tuple[Properties, str]:
        return {"length": len(value)} | {key: on for key, on in self.defaults.items() if on}, value

    def outputs(self, inputs: Properties, value: str) -> tuple[str, Properties]:
        state = {"__meta": '{"schema_version":"3"}', "id": "none", "result": secret(value)}
        return "none", inputs | state | _without("keepers", "overrideSpecial")


class _Bytes(_Generated):
    """Bytes in two notations. The official plugin makes one of them the id, which no state hides; so does this."""

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
