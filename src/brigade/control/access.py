"""Use cases: the tokens of the API, what each opens, and who a token is.

A token is `brg_ID_SECRET`. Its secret has 256 random bits, so a plain digest of it is as good as a slow one.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from enum import StrEnum
from typing import NamedTuple

from brigade.clock import Clock
from brigade.control.desk import Desk
from brigade.errors import Missing, UsageError
from brigade.state.control_rows import TokenRow
from brigade.state.state import State

_PREFIX = "brg"
_ID_BYTES = 6
_SECRET_BYTES = 32
_USED_SECONDS = 60
_SECOND_NS = 1_000_000_000


class Scope(StrEnum):
    """What a token opens; each opens what the one before does, too.

    `READ`: look at everything. `OPERATE`: pause, resume, run, retry, routes. `ADMIN`: set up, users, tokens.
    """

    READ = "read"
    OPERATE = "operate"
    ADMIN = "admin"

    def opens(self, needed: Scope) -> bool:
        """Whether this scope is enough for what needs the other."""
        return _RANKS[self] >= _RANKS[needed]


_RANKS = {scope: rank for rank, scope in enumerate(Scope)}


class Identity(NamedTuple):
    """Who asks, what he may, and which token says so."""

    actor: str
    scope: Scope
    token_id: str = ""


LOCAL = Identity("local", Scope.ADMIN)
"""Whoever sits at the machine: the command line on the state itself, and an API that has no tokens and only loopback."""


async def create_token(desk: Desk, name: str, scope: Scope, *, lifetime_seconds: float | None = None) -> str:
    """A new token, shown this once. Raises `UsageError` for a name that says nothing."""
    if not name.strip() or len(name) > 128 or not name.isprintable():
        raise UsageError(
            "a token has a name of at most 128 characters, all of which can be seen, that says whose it is"
        )
    token_id, secret = secrets.token_hex(_ID_BYTES), secrets.token_urlsafe(_SECRET_BYTES)
    now_ns = desk.clock.now_ns()
    expires_ns = None if lifetime_seconds is None else now_ns + round(lifetime_seconds * _SECOND_NS)
    await desk.state.control.tokens.add(
        TokenRow(token_id, name, scope.value, _digest(secret), now_ns, expires_ns, None)
    )
    await desk.record("create", f"token {token_id}", {"name": name, "scope": scope.value})
    return f"{_PREFIX}_{token_id}_{secret}"


async def revoke_token(desk: Desk, token_id: str) -> None:
    """From now on it opens nothing. Raises `Missing`."""
    if not await desk.state.control.tokens.revoke(token_id):
        raise Missing(f"there is no token {token_id!r}")
    await desk.record("revoke", f"token {token_id}")


async def identify(state: State, clock: Clock, text: str) -> Identity | None:
    """Who holds this token; None if it is wrong, revoked or expired."""
    prefix, _, rest = text.partition("_")
    token_id, _, secret = rest.partition("_")
    if prefix != _PREFIX or not secret:
        return None
    row = await state.control.tokens.find(token_id)
    if row is None or not hmac.compare_digest(row.digest, _digest(secret)):
        return None
    return await _identity(state, clock, row)


def token_id_of(text: str) -> str:
    """Which token a text is, whether it is right or not."""
    return text.split("_", 2)[1]


async def identity_of(state: State, clock: Clock, token_id: str) -> Identity | None:
    """Who has shown this token before; None if it has been revoked or has expired since."""
    row = await state.control.tokens.find(token_id)
    return None if row is None else await _identity(state, clock, row)


async def _identity(state: State, clock: Clock, row: TokenRow) -> Identity | None:
    now_ns = clock.now_ns()
    if row.expires_ns is not None and row.expires_ns <= now_ns:
        return None
    # Once a minute is enough to tell a token in use from a forgotten one.
    if row.used_ns is None or now_ns - row.used_ns > _USED_SECONDS * _SECOND_NS:
        await state.control.tokens.used(row.id)
    return Identity(f"{row.name} ({row.id})", Scope(row.scope), row.id)


def _digest(secret: str) -> bytes:
    return hashlib.sha256(secret.encode()).digest()
