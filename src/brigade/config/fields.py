"""The kinds of values that configuration keys take, for pydantic: units as text, and their JSON Schema."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, WithJsonSchema

from brigade.config import units
from brigade.errors import UsageError
from brigade.replications import MaxDelete


class Section(BaseModel):
    """A part of the configuration: every key is known, every value has its type."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, validate_default=False, allow_inf_nan=False)


def no_items() -> list[Any]:
    """The default of lists. `list` itself would have pydantic load a tokenizer to read its signature."""
    return []


def _reading(parse: Callable[[Any], Any]) -> BeforeValidator:
    def read(value: object) -> object:
        if not isinstance(value, str | int | float):
            raise ValueError("must be a text or a number")  # noqa: TRY004 - pydantic listens to ValueError only
        try:
            return parse(value)
        except UsageError as error:
            raise ValueError(str(error)) from None

    return BeforeValidator(read)


def _unit(description: str) -> WithJsonSchema:
    return WithJsonSchema(
        {"anyOf": [{"type": "string"}, {"type": "integer", "minimum": 0}], "description": description},
    )


Size = Annotated[int, _reading(units.parse_size), _unit("A size: 64MiB, 10kB, or bytes")]
Duration = Annotated[float, _reading(units.parse_duration), _unit("A duration: 30s, 6h, 2d, or seconds")]
Bandwidth = Annotated[int, _reading(units.parse_bandwidth), _unit("Bytes a second: 50MiB/s")]
Limit = Annotated[MaxDelete, _reading(units.parse_max_delete), _unit("A count (500) or a percentage (10%)")]
Schedule = Annotated[float | str, _reading(units.parse_schedule), _unit("`once`, or a duration: 6h")]
Address = Annotated[
    tuple[str, int],
    _reading(units.parse_address),
    WithJsonSchema({"type": "string", "description": "An address and a port: 127.0.0.1:9000"}),
]
Count = Annotated[int, Field(ge=1)]
Text = Annotated[str, Field(min_length=1)]
Secret = Annotated[str, Field(min_length=1, json_schema_extra={"writeOnly": True})]
