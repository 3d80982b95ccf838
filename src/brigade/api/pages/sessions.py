"""Sessions of browsers: who has shown a token, until when, and what each of his forms must carry.

They are kept in the state, so that they outlive this process and hold at every other that serves the pages. What is kept
opens nothing: a digest of the session's id, and which token was shown, so that revoking it ends the session too.
"""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import dataclass
from typing import NamedTuple

from brigade.clock import Clock
from brigade.state.sessions import SessionRow
from brigade.state.state import State

SESSION_SECONDS = 12 * 3600
MOST_SESSIONS = 10_000
_SECOND_NS = 1_000_000_000
_LOCAL_FORMS = "local forms"


class Session(NamedTuple):
    """One browser's."""

    token_id: str
    csrf: str


@dataclass(slots=True)
class Sessions:
    """Begin, find, end."""

    state: State
    clock: Clock
    _local_csrf: str = ""

    async def local_csrf(self) -> str:
        """What forms carry while nobody needs to log in: the same at every process on this state."""
        if not self._local_csrf:
            kept = await self.state.control.keepsakes.get_or_keep(_LOCAL_FORMS, secrets.token_bytes(32))
            self._local_csrf = kept.hex()
        return self._local_csrf

    async def begin(self, token_id: str) -> str:
        """A new session; its id, which only the browser keeps."""
        session_id = secrets.token_urlsafe(32)
        until_ns = self.clock.now_ns() + SESSION_SECONDS * _SECOND_NS
        row = SessionRow(_digest("session", session_id), token_id, until_ns)
        await self.state.control.sessions.begin(row, most=MOST_SESSIONS)
        return session_id

    async def find(self, session_id: str) -> Session | None:
        """None if there is none of this id, or it has ended."""
        if not session_id:
            return None
        found = await self.state.control.sessions.find(_digest("session", session_id))
        if found is None or found.until_ns <= self.clock.now_ns():
            return None
        return Session(found.token_id, _digest("form", session_id).hex())

    async def end(self, session_id: str) -> None:
        """It opens nothing any more."""
        await self.state.control.sessions.end(_digest("session", session_id))


def _digest(purpose: str, session_id: str) -> bytes:
    """Neither digest tells the id, or the other."""
    return hashlib.sha256(f"{purpose} {session_id}".encode("utf-8", "replace")).digest()
