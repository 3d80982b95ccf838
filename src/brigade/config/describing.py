"""The types of stores and what can be said of each, told by the sections themselves: no list of them to keep up."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any

from brigade.config.limited import Limited
from brigade.config.problems import STORE_SECTIONS
from brigade.control.store_fields import FieldKind, StoreField

_TYPE = "type"
_KINDS = {
    "boolean": FieldKind.FLAG,
    "integer": FieldKind.WHOLE,
    "number": FieldKind.NUMBER,
    "string": FieldKind.TEXT,
}


@cache
def store_fields() -> Mapping[str, tuple[StoreField, ...]]:
    """The fields of each type of store, what is needed and common first."""
    return {name: _ordered(section.model_json_schema()) for name, section in STORE_SECTIONS.items()}


def _ordered(schema: Mapping[str, Any]) -> tuple[StoreField, ...]:
    found = [each for each in _fields(schema, schema.get("$defs", {}), "") if each.name != _TYPE]
    return tuple(sorted(found, key=lambda each: (not each.is_needed, not each.is_common, each.name in _LIMITS)))


_LIMITS = frozenset(Limited.model_fields)


def _fields(section: Mapping[str, Any], known: Mapping[str, Any], prefix: str) -> Iterator[StoreField]:
    for name, described in section["properties"].items():
        forms = list(_forms(described, known))
        inner = next((form for form in forms if "properties" in form), None)
        if inner is not None:
            yield from _fields(inner, known, f"{prefix}{name}.")
        elif (kind := _kind(forms)) is not None:
            is_needed = not prefix and name in section.get("required", ())
            yield StoreField(
                f"{prefix}{name}",
                kind,
                described.get("description", ""),
                tuple(str(choice) for form in forms for choice in form.get("enum", ())),
                _usual(described.get("default")),
                is_needed,
                is_needed or (not prefix and kind in (FieldKind.TEXT, FieldKind.SECRET) and len(forms) == 1),
            )


def _forms(described: Mapping[str, Any], known: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """Each form that a value may have, but for none at all."""
    if "anyOf" in described:
        for each in described["anyOf"]:
            yield from _forms(each, known)
    elif "$ref" in described:
        yield known[described["$ref"].rpartition("/")[2]]
    elif described.get("type") != "null":
        yield described


def _kind(forms: list[Mapping[str, Any]]) -> FieldKind | None:
    """None for what no field of a form can take: lists, and sections with names of their own."""
    if any(form.get("writeOnly") for form in forms):
        return FieldKind.SECRET
    if any("enum" in form for form in forms):
        return FieldKind.CHOICE
    # A unit is a text or a number; as a text it can be both.
    types = [form.get("type") for form in forms]
    return FieldKind.TEXT if "string" in types else _KINDS.get(str(types[0])) if types else None


def _usual(value: object) -> str:
    if value is None:
        return ""
    return str(value).lower() if isinstance(value, bool) else str(value)
