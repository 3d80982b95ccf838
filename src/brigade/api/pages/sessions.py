"""Sessions of browsers: who has shown a token, until when, and what each of his forms must carry.

They live in the memory of this process: whoever restarts it asks people to log in again. A session holds no token, only
which one was shown, so that revoking it ends the session too.
"""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import dataclass, field
from typing import NamedTuple

from brigade.clock import Clock

SESSION_SECONDS = 12 * 3600
MOST_SESSIONS = 10_000
_SECOND_NS = 1_000_000_000


class Session(NamedTuple):
    """One browser's."""

    token_id: str
    csrf: str
    until_ns: int


@dataclass(slots=True)
class Sessions:
    """Begin, find, end. Kept by a digest of their ids, so that a dump of the memory opens nothing."""

    clock: Clock
    local_csrf: str = field(default_factory=secrets.token_urlsafe)
    """What forms carry while nobody needs to log in."""
    _open: dict[bytes, Session] = field(default_factory=dict)

    def begin(self, token_id: str) -> str:
        """A new session; its id, which only the browser keeps."""
        now_ns = self.clock.now_ns()
        self._open = {digest: each for digest, each in self._open.items() if each.until_ns > now_ns}
        while len(self._open) >= MOST_SESSIONS:
            del self._open[next(iter(self._open))]
        session_id = secrets.token_urlsafe(32)
        until_ns = now_ns + SESSION_SECONDS * _SECOND_NS
        self._open[_digest(session_id)] = Session(token_id, secrets.token_urlsafe(), until_ns)
        return session_id

    def find(self, session_id: str) -> Session | None:
        """None if there is none of this id, or it has ended."""
        found = self._open.get(_digest(session_id))
        return found if found is not None and found.until_ns > self.clock.now_ns() else None

    def end(self, session_id: str) -> None:
        """It opens nothing any more."""
        self._open.pop(_digest(session_id), None)


def _digest(session_id: str) -> bytes:
    return hashlib.sha256(session_id.encode("utf-8", "replace")).digest()
