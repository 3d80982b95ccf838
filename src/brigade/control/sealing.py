"""Secrets at rest: what is set up at run time is kept in the state, and its secrets sealed with a key from outside.

AES-256-GCM (NIST SP 800-38D) with a random nonce; the place of the secret is authenticated with it, so that a sealed
value that was moved to another store or another field does not open.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import os
from collections.abc import Callable, Mapping
from typing import Any

from brigade.errors import ConfigError, UsageError

SECRET_FIELDS = frozenset(
    {
        *("secret_key", "session_token", "customer_key"),
        *("key", "sas", "connection_string", "client_secret"),
        *("credentials", "access_token"),
        *("token", "application_credential_secret"),
    }
)
"""The keys of settings whose values are secrets, wherever they stand."""

MASK = "********"
"""What is shown in the place of a secret. Given back unchanged, it means the secret that is there."""

SHORTEST_KEY = 32
_SEALED = "sealed"
_NONCE_BYTES = 12


class Sealer:
    """Seals and opens the secrets of settings. `key_text` is any text that nobody can guess."""

    def __init__(self, key_text: str) -> None:
        if len(key_text) < SHORTEST_KEY:
            raise ConfigError(
                f"seal_key has fewer than {SHORTEST_KEY} characters", hint="`openssl rand -base64 32` makes a good one"
            )
        self._key = hashlib.sha256(b"brigade seal " + key_text.encode()).digest()

    def seal(self, settings: Mapping[str, Any], place: str) -> dict[str, Any]:
        """The settings with every secret sealed. `place` says whose they are."""
        return _each_secret(settings, place, lambda secret, where: {_SEALED: self._seal(secret, where)})

    def open(self, settings: Mapping[str, Any], place: str) -> dict[str, Any]:
        """The settings with every secret as it was. Raises `ConfigError` if they were sealed with another key."""
        return _each_secret(settings, place, lambda secret, where: self._open(secret[_SEALED], where))

    def _seal(self, secret: Any, where: str) -> str:
        if not isinstance(secret, str):
            raise ConfigError(f"{where}: a secret is a text")
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM

        nonce = os.urandom(_NONCE_BYTES)
        return base64.b64encode(nonce + AESGCM(self._key).encrypt(nonce, secret.encode(), where.encode())).decode()

    def _open(self, sealed: str, where: str) -> str:
        from cryptography.exceptions import InvalidTag
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM

        try:
            data = base64.b64decode(sealed, validate=True)
            opened = AESGCM(self._key).decrypt(data[:_NONCE_BYTES], data[_NONCE_BYTES:], where.encode())
        except (InvalidTag, binascii.Error, ValueError):
            raise ConfigError(
                f"{where}: it was sealed with another seal_key", hint="give the key it was sealed with, or set it anew"
            ) from None
        return opened.decode()


def has_secrets(settings: Mapping[str, Any]) -> bool:
    """Whether there is anything to seal, or to open."""
    found = False

    def note(_: object, where: str) -> str:
        nonlocal found
        found = True
        return where

    _each_secret(settings, "", note)
    return found


def masked(settings: Mapping[str, Any]) -> dict[str, Any]:
    """The settings as they may be shown."""
    return _each_secret(settings, "", lambda _, __: MASK)


def unmasked(settings: Mapping[str, Any], before: Mapping[str, Any]) -> dict[str, Any]:
    """The settings with the secrets of `before` where a mask was given back. Raises `UsageError` where it hides none."""
    known: dict[str, Any] = {}
    _each_secret(before, "", lambda secret, where: known.setdefault(where, secret))

    def revealed(secret: Any, where: str) -> Any:
        if secret != MASK:
            return secret
        if where not in known:
            raise UsageError(f"{where.removeprefix('.')}: there is no secret that the mask could stand for")
        return known[where]

    return _each_secret(settings, "", revealed)


def _each_secret(value: Mapping[str, Any], place: str, change: Callable[[Any, str], Any]) -> dict[str, Any]:
    return {
        name: change(inner, f"{place}.{name}")
        if name in SECRET_FIELDS and inner is not None
        else _walk(inner, f"{place}.{name}", change)
        for name, inner in value.items()
    }


def _walk(value: Any, place: str, change: Callable[[Any, str], Any]) -> Any:
    if isinstance(value, Mapping):
        return _each_secret(value, place, change)
    if isinstance(value, list):
        return [_walk(inner, f"{place}[{_label(inner, number)}]", change) for number, inner in enumerate(value)]
    return value


def _label(value: Any, number: int) -> str:
    """A pair of keys is known by its access key: its secret stays with it when others before it go."""
    name = value.get("access_key") if isinstance(value, Mapping) else None
    return name if isinstance(name, str) else str(number)
