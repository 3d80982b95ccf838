"""The secrets of a configuration, for whoever must keep them out of what is written."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import get_args
from urllib.parse import quote, unquote, urlsplit

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from brigade.config.model import Config


def secrets_of(config: Config) -> set[str]:
    """Every value of a key that takes a secret, and the password of the state, also as it stands in its URL."""
    return {*_inside(config), *(password_of(config.state) if config.state else ())}


def _inside(section: BaseModel) -> Iterator[str]:
    for name, field in type(section).model_fields.items():
        value = getattr(section, name)
        yield from _found(value, is_secret=is_secret(field))


def is_secret(field: FieldInfo) -> bool:
    """Whether a key takes a secret, or several."""
    return _is_write_only(field) or _declares_secret(field.annotation)


def _is_write_only(field: object) -> bool:
    extra = field.json_schema_extra if isinstance(field, FieldInfo) else None
    return isinstance(extra, dict) and extra.get("writeOnly") is True


def _declares_secret(annotation: object) -> bool:
    """`Secret | None` and `list[Secret]` hold the declaration further inside."""
    if any(_is_write_only(each) for each in getattr(annotation, "__metadata__", ())):
        return True
    return any(_declares_secret(each) for each in get_args(annotation))


def _found(value: object, *, is_secret: bool) -> Iterator[str]:
    match value:
        case BaseModel():
            yield from _inside(value)
        case Mapping():
            for each in value.values():
                yield from _found(each, is_secret=is_secret)
        case list() | tuple():
            for each in value:
                yield from _found(each, is_secret=is_secret)
        case str() if is_secret:
            yield value


def password_of(url: str) -> set[str]:
    """The password in a URL, in each way it may be written; nothing if there is none."""
    try:
        password = urlsplit(url).password
    except ValueError:
        return set()
    return {password, unquote(password), quote(unquote(password), safe="")} if password else set()
