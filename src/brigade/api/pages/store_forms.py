"""The settings of a store as the fields of a form, whatever its type. Secrets go in and never come out."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from starlette.datastructures import FormData

from brigade.control.store_fields import FieldKind, StoreField
from brigade.errors import UsageError

FORGET = "forget."
_FIELD = "set."


class Filled(NamedTuple):
    """A field as it is shown. `is_kept`: there is a secret, and it stays unless another one is written."""

    field: StoreField
    html_name: str
    value: str
    is_kept: bool

    @property
    def is_set(self) -> bool:
        """Whether it says something else than is usual."""
        return self.is_kept or self.value != self.field.usual


def filled(fields: Sequence[StoreField], settings: Mapping[str, Any], form: FormData) -> list[Filled]:
    """The fields with what was filled in before, else with what the settings say."""
    return [
        Filled(each, _FIELD + each.name, _shown(each, settings, form), _is_secret_there(each, settings))
        for each in fields
    ]


def settings_of(form: FormData, kind: str, fields: Sequence[StoreField], before: Mapping[str, Any]) -> dict[str, Any]:
    """The settings as they would stand in the file. What no field shows stays as it was. Raises `UsageError`."""
    found: dict[str, Any] = {**copy.deepcopy(dict(before)), "type": kind}
    for field in fields:
        text = form.get(_FIELD + field.name, "")
        value = _value(field, text.strip() if isinstance(text, str) else "")
        if field.kind is FieldKind.SECRET and value is None and FORGET + field.name not in form:
            continue
        _put(found, field.name.split("."), value)
    return found


def _shown(field: StoreField, settings: Mapping[str, Any], form: FormData) -> str:
    if field.kind is FieldKind.SECRET:
        return ""
    if form:
        told = form.get(_FIELD + field.name, "false" if field.kind is FieldKind.FLAG else "")
        return told if isinstance(told, str) else ""
    value = _get(settings, field.name.split("."))
    if value is None:
        return field.usual
    return str(value).lower() if isinstance(value, bool) else str(value)


def _is_secret_there(field: StoreField, settings: Mapping[str, Any]) -> bool:
    return field.kind is FieldKind.SECRET and _get(settings, field.name.split(".")) is not None


def _value(field: StoreField, text: str) -> Any:
    """None: as usual."""
    if field.kind is FieldKind.FLAG:
        is_on = text == "true"
        return None if is_on == (field.usual == "true") else is_on
    if text in ("", field.usual):
        return None
    if field.kind in (FieldKind.WHOLE, FieldKind.NUMBER):
        return _number(field, text)
    return text


def _number(field: StoreField, text: str) -> int | float:
    try:
        return int(text) if field.kind is FieldKind.WHOLE else float(text)
    except ValueError:
        raise UsageError(f"{field.name}: {text[:40]!r} is no {field.kind}") from None


def _get(settings: Mapping[str, Any], path: Sequence[str]) -> Any:
    value: Any = settings
    for name in path:
        value = value.get(name) if isinstance(value, Mapping) else None
    return value


def _put(settings: dict[str, Any], path: Sequence[str], value: Any) -> None:
    """None takes it away, and a section that nothing is left of with it."""
    name, *inner = path
    if not inner:
        if value is None:
            settings.pop(name, None)
        else:
            settings[name] = value
        return
    section = settings.setdefault(name, {})
    if isinstance(section, dict):
        _put(section, inner, value)
    if not section:
        del settings[name]


def groups(found: Sequence[Filled]) -> Iterator[tuple[bool, list[Filled]]]:
    """What is common, and the rest."""
    for is_common in (True, False):
        yield is_common, [each for each in found if each.field.is_common is is_common]
