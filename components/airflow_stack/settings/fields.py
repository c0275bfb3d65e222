"""Types of settings: a closed and frozen model, and strings of one form with an error message of their own."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated, Any, get_args

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic.alias_generators import to_camel
from pydantic_core import core_schema

from .kubernetes_rules import KEY, LABEL_VALUE, SUBDOMAIN, Amount, wrong_amount


class Model(BaseModel):
    """Closed, so that a misspelt key is an error, and frozen."""

    model_config = ConfigDict(frozen=True, extra="forbid", alias_generator=to_camel, validate_by_name=True)


@dataclass(frozen=True)
class MayBeOutput:
    """Mark of a setting that a program may give as an output of another resource: no resource depends on its value.

    `stand_in` is validated with the other settings; the value itself once it is known (`inputs/deferred.py`).
    """

    stand_in: str | int


@dataclass(frozen=True)
class Matching:
    """A string of one form; the error message is `must be ...` rather than the pattern."""

    pattern: str
    must: str

    def __get_pydantic_core_schema__(self, source: type, handler: GetCoreSchemaHandler) -> core_schema.CoreSchema:
        """Check the form once pydantic has seen a string."""
        return core_schema.no_info_after_validator_function(self._check, handler(source))

    def __get_pydantic_json_schema__(
        self, schema: core_schema.CoreSchema, handler: GetJsonSchemaHandler
    ) -> dict[str, Any]:
        """Let editors check the form too."""
        return {**handler(schema), "pattern": self.pattern}

    def _check(self, value: str) -> str:
        if not re.search(self.pattern, value, re.ASCII) or value.endswith("\n"):
            raise ValueError(f"must be {self.must}")
        return value


Name = Annotated[str, Matching(r"^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$", "a name of lowercase letters, digits and -")]
ObjectName = Annotated[
    str, Matching(f"^{SUBDOMAIN}$", "a name of lowercase letters, digits, - and ., at most 253 characters")
]
"""Name of a Secret, StorageClass or IngressClass: a DNS subdomain (Kubernetes, "Object Names and IDs")."""
_PLAIN_QUANTITY = Matching(r"^[0-9]+(\.[0-9]+)?(m|k|Ki|M|Mi|G|Gi|T|Ti)?$", "a Kubernetes quantity such as 500m or 2Gi")


def _amount(kind: Amount) -> AfterValidator:
    def checked(text: str) -> str:
        if wrong := wrong_amount(kind, text):
            raise ValueError(wrong)
        return text

    return AfterValidator(checked)


Cpu = Annotated[str, _PLAIN_QUANTITY, _amount(Amount.CPU)]
Memory = Annotated[str, _PLAIN_QUANTITY, _amount(Amount.MEMORY)]
Storage = Annotated[str, _PLAIN_QUANTITY, _amount(Amount.STORAGE)]
Line = Annotated[str, Matching(r"^[^\x00-\x1f\x7f]+$", "one line of text, not empty")]
Generation = Annotated[int, Field(ge=1, le=99)]
Port = Annotated[int, Field(ge=1, le=65535)]
LabelKey = Annotated[str, Matching(f"^{KEY}$", "a Kubernetes label or annotation key such as team or example.com/team")]
LabelValue = Annotated[str, Matching(f"^{LABEL_VALUE}$", "a label value of letters, digits, -, _ and ., at most 63")]
# A first part without dot, port or `localhost` is part of the path (distribution/reference).
_HOST = r"((?=[^/]*[.:]|localhost/)[A-Za-z0-9]([-A-Za-z0-9.]*[A-Za-z0-9])?(:[0-9]{1,5})?/)?"
_PATH = r"[a-z0-9]+((\.|__?|-+)[a-z0-9]+)*"
Repository = Annotated[
    str,
    Field(max_length=255),
    Matching(
        rf"^{_HOST}{_PATH}(/{_PATH})*$",
        "an image repository without tag, such as registry.example.com/acme/airflow; the tag has a key of its own",
    ),
]
Registry = Annotated[
    str,
    Field(max_length=200),
    Matching(
        rf"^([A-Za-z0-9]([-A-Za-z0-9.]*[A-Za-z0-9])?(:[0-9]{{1,5}})?|{_PATH})(/{_PATH})*$",
        "a registry without https:// and without a slash at the end, such as registry.example.com/mirror",
    ),
]
Tag = Annotated[str, Matching(r"^[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}$", "an image tag such as 3.3.2")]
EnvironmentName = Annotated[str, Matching(r"^[A-Za-z_][A-Za-z0-9_]*$", "the name of an environment variable")]


def nested_model(annotation: object) -> type[Model] | None:
    """The model inside an annotation such as `Ingress | None` or `dict[str, SecretKey]`; None without one."""
    if isinstance(annotation, type) and issubclass(annotation, Model):
        return annotation
    return next((model for inner in get_args(annotation) if (model := nested_model(inner))), None)


def models(model: type[Model], path: str = "") -> Iterator[tuple[str, type[Model]]]:
    """Every model below one, itself first, with the path of the setting; `<name>` where users choose the key."""
    yield path, model
    for name, field in model.model_fields.items():
        if inner := nested_model(field.annotation):
            step = f"{to_camel(name)}.<name>" if str(field.annotation).startswith("dict") else to_camel(name)
            yield from models(inner, f"{path}.{step}".lstrip("."))
