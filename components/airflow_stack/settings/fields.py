"""The forms that settings are made of: a closed and frozen model, and strings of one kind, refused in words."""

import re
from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic.alias_generators import to_camel
from pydantic_core import PydanticCustomError, core_schema


class Model(BaseModel):
    """Closed and frozen: a misspelt key is an error, and no one changes a setting on the way."""

    model_config = ConfigDict(frozen=True, extra="forbid", alias_generator=to_camel, validate_by_name=True)


def at_most_one(model: Model, *names: str) -> None:
    """Refuse two answers to one question.

    Raises:
        ValueError: more than one of the fields is given.
    """
    given = [name for name in names if getattr(model, name) is not None]
    if len(given) > 1:
        raise ValueError(f"give one of {', '.join(map(to_camel, names))}; {' and '.join(map(to_camel, given))} are set")


def wrong(field: str, reason: str, allowed: str = "") -> PydanticCustomError:
    """The error of one field, or of a part of it (`a.b`), that only the whole model can see."""
    more = {"allowed": allowed} if allowed else {}
    return PydanticCustomError("field", "{reason}", {"field": field, "reason": reason, **more})


@dataclass(frozen=True)
class Matching:
    """A string of one form, refused in words rather than by its regular expression."""

    pattern: str
    must: str

    def __get_pydantic_core_schema__(self, source: type, handler: GetCoreSchemaHandler) -> core_schema.CoreSchema:
        """Check the form after pydantic has seen that it is a string."""
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
Quantity = Annotated[
    str, Matching(r"^[0-9]+(\.[0-9]+)?(m|k|Ki|M|Mi|G|Gi|T|Ti)?$", "a Kubernetes quantity such as 500m or 2Gi")
]
Line = Annotated[str, Matching(r"^[^\x00-\x1f\x7f]+$", "one line of text, not empty")]
Generation = Annotated[int, Field(ge=1, le=99)]
Port = Annotated[int, Field(ge=1, le=65535)]
LabelKey = Annotated[
    str,
    Matching(
        r"^([a-z0-9.-]{1,253}/)?[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?$",
        "a Kubernetes label or annotation key such as team or example.com/team",
    ),
]
LabelValue = Annotated[
    str,
    Matching(
        r"^([A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?)?$",
        "a label value of letters, digits, -, _ and ., at most 63",
    ),
]
Repository = Annotated[str, Matching(r"^[a-z0-9][a-z0-9._:/-]*$", "an image repository without tag")]
Tag = Annotated[str, Matching(r"^[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}$", "an image tag such as 3.3.2")]
EnvironmentName = Annotated[str, Matching(r"^[A-Za-z_][A-Za-z0-9_]*$", "the name of an environment variable")]
