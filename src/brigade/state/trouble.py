"""Database errors as `StateError`: what happened, where, and the mend. A table by the engine's own codes."""

from __future__ import annotations

from typing import NamedTuple

from sqlalchemy.exc import DataError, DBAPIError, SQLAlchemyError

from brigade.errors import BrigadeError, StateError, Unstorable


class _Words(NamedTuple):
    said: str
    hint: str


_LOCKED = _Words("is locked by another process", "wait for the other process, or stop it, and try again")
_FULL = _Words("has no room left to write", "free some disk space and try again")
_READ_ONLY = _Words("cannot be written", "give this user write permission on the file and its directory")
_CORRUPT = _Words(
    "is damaged", "restore it from a backup, or move it away: a new one is built, at the price of comparing"
)
_FOREIGN = _Words("is not a database", "name another file in `state:`")
_DISK = _Words("cannot be read or written: the disk answered with an error", "check the disk and its file system")
_UNOPENED = _Words("cannot be opened", "check the path in `state:` and the permissions of its directory")
_DENIED = _Words("refuses these credentials", "check user and password in `state:`")
_ABSENT = _Words("does not exist", "create the database, or correct its name in `state:`")
_RIGHTS = _Words("does not let this user do that", "grant the user all rights on the database's schema")
_CROWDED = _Words("takes no more connections", "raise max_connections, or run fewer processes")
_UNREACHABLE = _Words("cannot be reached", "check host, port and network, and that PostgreSQL runs")

_SQLITE = {
    "SQLITE_BUSY": _LOCKED,
    "SQLITE_LOCKED": _LOCKED,
    "SQLITE_FULL": _FULL,
    "SQLITE_READONLY": _READ_ONLY,
    "SQLITE_PERM": _READ_ONLY,
    "SQLITE_CORRUPT": _CORRUPT,
    "SQLITE_NOTADB": _FOREIGN,
    "SQLITE_IOERR": _DISK,
    "SQLITE_CANTOPEN": _UNOPENED,
}
_POSTGRES = {
    "55P03": _LOCKED,
    "53100": _FULL,
    "53300": _CROWDED,
    "25006": _READ_ONLY,
    "42501": _RIGHTS,
    "3D000": _ABSENT,
    "28": _DENIED,
    "XX": _CORRUPT,
    "08": _UNREACHABLE,
    "57": _UNREACHABLE,
}
_TRANSIENT = ("40001", "40P01")
"""Serialization failure and deadlock: PostgreSQL asks to try the transaction again."""


def is_transient(error: Exception) -> bool:
    """True if the same transaction may well succeed at once, on a new connection where this one broke."""
    if not isinstance(error, DBAPIError):
        return False
    return error.connection_invalidated or getattr(error.orig, "sqlstate", None) in _TRANSIENT


def translate(error: Exception, place: str) -> Exception:
    """A database error as a `StateError` about `place`; any other error as it is."""
    if isinstance(error, BrigadeError):
        return error
    if isinstance(error, DataError):
        # Of PostgreSQL: NUL in a text, a number that is too large. What it answers would repeat the value.
        return Unstorable(f"the state {place} cannot hold a value", hint="leave out characters that cannot be seen")
    if isinstance(error, DBAPIError) and error.orig is not None:
        words = _words(error.orig)
        detail = _first_line(error.orig)
        if words is not None:
            return StateError(f"the state {place} {words.said}: {detail}", hint=words.hint)
        return StateError(f"the state {place} failed: {detail}", hint="see the message of the database")
    if isinstance(error, SQLAlchemyError):
        return StateError(f"the state {place} failed: {_first_line(error)}")
    if isinstance(error, UnicodeEncodeError):
        return Unstorable(f"the state {place} cannot hold the text {error.object!r}: it is not valid Unicode")
    return error


def _words(error: BaseException) -> _Words | None:
    name = getattr(error, "sqlite_errorname", None)
    if name is not None:
        return _SQLITE.get("_".join(name.split("_")[:2]))
    code = getattr(error, "sqlstate", None)
    if code is not None:
        return _POSTGRES.get(code) or _POSTGRES.get(code[:2])
    return _connection_words(str(error)) if type(error).__name__ == "OperationalError" else None


def _connection_words(text: str) -> _Words | None:
    """For a connection that never came about psycopg gives no code, only the server's words."""
    if "authentication failed" in text or "no password supplied" in text:
        return _DENIED
    if "does not exist" in text:
        return _ABSENT
    return _CROWDED if "too many clients" in text or "remaining connection slots" in text else _UNREACHABLE


def _first_line(error: BaseException) -> str:
    lines = str(error).strip().splitlines()
    return lines[0] if lines else type(error).__name__
