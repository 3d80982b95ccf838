"""Use cases: the gateway's users that are made at run time, and their keys. A secret key is shown once."""

from __future__ import annotations

import secrets
import string
from collections.abc import Mapping
from typing import Any, NamedTuple

from brigade.control import setting_up
from brigade.control.desk import Desk
from brigade.control.setting_up import Origin, Shown
from brigade.errors import Missing, Refused, UsageError
from brigade.state.control_rows import DocumentKind

_KIND = DocumentKind.USER
_ID_CHARACTERS = string.ascii_uppercase + string.digits
_ID_LENGTH = 17
_SECRET_BYTES = 30
_MOST_KEYS = 10


class Key(NamedTuple):
    """A pair that a client signs with."""

    access_key: str
    secret_key: str


async def create_user(desk: Desk, name: str, settings: Mapping[str, Any]) -> tuple[Shown, Key | None]:
    """A new user. Settings without keys get one, which is shown this once. Raises as `setting_up.create`."""
    if settings.get("keys"):
        return await setting_up.create(desk, _KIND, name, settings), None
    key = _new_key()
    return await setting_up.create(desk, _KIND, name, {**settings, "keys": [key._asdict()]}), key


async def add_key(desk: Desk, name: str) -> tuple[Shown, Key]:
    """One more key for a user made at run time, shown this once; those there are stay. Raises `Missing`, `Refused`."""
    shown, version = await _own(desk, name)
    if len(keys := _keys(shown)) >= _MOST_KEYS:
        raise Refused(f"user {name!r} has {_MOST_KEYS} keys already", hint="remove one first")
    key = _new_key()
    settings = {**shown.settings, "keys": [*keys, key._asdict()]}
    return await setting_up.change(desk, _KIND, name, settings, version=version), key


async def remove_key(desk: Desk, name: str, access_key: str) -> Shown:
    """Nobody signs with this key any more. Raises `Missing`, and `UsageError` for the last one."""
    shown, version = await _own(desk, name)
    kept = [key for key in _keys(shown) if key.get("access_key") != access_key]
    if len(kept) == len(_keys(shown)):
        raise Missing(f"user {name!r} has no key {access_key!r}")
    if not kept:
        raise UsageError(f"it is the last key of user {name!r}", hint="delete the user")
    return await setting_up.change(desk, _KIND, name, {**shown.settings, "keys": kept}, version=version)


async def _own(desk: Desk, name: str) -> tuple[Shown, int]:
    shown = await setting_up.show(desk, _KIND, name)
    if shown.origin is Origin.FILE or shown.version is None:
        raise Refused(f"user {name!r} stands in the configuration file and is changed there")
    return shown, shown.version


def _keys(shown: Shown) -> list[dict[str, Any]]:
    keys = shown.settings.get("keys")
    return [each for each in keys if isinstance(each, dict)] if isinstance(keys, list) else []


def _new_key() -> Key:
    name = "".join(secrets.choice(_ID_CHARACTERS) for _ in range(_ID_LENGTH))
    return Key(f"BRG{name}", secrets.token_urlsafe(_SECRET_BYTES))
