"""Texts that need not be text: keys with bytes that are no UTF-8 pass through JSON unharmed, as escapes."""

from __future__ import annotations

import json
from typing import Annotated, Any

from fastapi.responses import JSONResponse
from pydantic import PlainSerializer, PlainValidator, WithJsonSchema


class Ascii(JSONResponse):
    """JSON in ASCII: half a surrogate pair has an escape, and no bytes of its own."""

    def render(self, content: Any) -> bytes:
        return json.dumps(content, separators=(",", ":"), allow_nan=False).encode()


def _key(value: Any) -> str:
    if not isinstance(value, str):
        raise ValueError("a key is a text")  # noqa: TRY004 - what pydantic understands
    return value


Key = Annotated[
    str,
    PlainValidator(_key),
    PlainSerializer(lambda value: value, return_type=Any),
    WithJsonSchema(
        {"type": "string", "description": "The key of an object; a byte that is no UTF-8 is \\udc80 to \\udcff"}
    ),
]
"""The key of an object, whatever it holds."""
