"""Whether a process lives and is fit for work, with the reasons where it is not. Knows nothing of HTTP but the codes."""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Awaitable, Callable, Collection, Iterator
from contextlib import contextmanager
from typing import NamedTuple, Protocol

from brigade.clock import Clock
from brigade.errors import StateError

LOOK_SECONDS = 2.0
STATE_SILENT_SECONDS = 15.0
"""A state that does not answer for so long is out of reach, though no error came: longer than a busy moment."""

_LOOP_DELAY_SECONDS = 5.0
_LOOKS_KEPT = 15

CHECKS = ("starting", "stopping", "failed", "state", "leases", "loop", "configuration")
"""What `ready` looks at; each can be left out by its name."""


class Answer(NamedTuple):
    """What to tell whoever asked, in words of HTTP."""

    status: int
    content_type: str
    body: bytes


class Leases(Protocol):
    """Somebody who must renew leases. `unrenewed_seconds`: since when that has not gone well."""

    @property
    def unrenewed_seconds(self) -> float: ...
    @property
    def lease_seconds(self) -> float: ...


class Health:
    """Collects what units say of themselves, and looks at the state and the event loop itself while `run` goes on.

    `refused` holds why the latest configuration was not taken up, `failed` the parts of the process that ended with an
    error, by their keys. A store that is away makes no process unfit: it is
    waited for.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self.refused = ""
        self.stopping = False
        self.failed: dict[str, str] = {}
        self._starting: set[str] = set()
        self._leases: dict[int, tuple[str, Leases]] = {}
        self._state_trouble = "the state has not been asked yet"
        self._answered_seconds = clock.monotonic_seconds()
        self._delays_seconds: deque[float] = deque([0.0], maxlen=_LOOKS_KEPT)

    @property
    def loop_delay_seconds(self) -> float:
        """The longest of late: how much later than asked for the event loop came back."""
        return max(self._delays_seconds)

    def starts(self, name: str) -> None:
        """What is not ready yet makes the process unready."""
        self._starting.add(name)

    def started(self, name: str) -> None:
        """It is ready, or it is not wanted any more."""
        self._starting.discard(name)

    @contextmanager
    def renewing(self, name: str, leases: Leases) -> Iterator[None]:
        """While the block runs, these leases must be renewed."""
        self._leases[id(leases)] = name, leases
        try:
            yield
        finally:
            del self._leases[id(leases)]

    async def run(self, ping: Callable[[], Awaitable[None]]) -> None:
        """Look at the state and the event loop again and again, until cancelled. One question at a time."""
        while True:
            try:
                await ping()
            except StateError as error:
                self._state_trouble = str(error)
            else:
                self._state_trouble = ""
                self._answered_seconds = self._clock.monotonic_seconds()
            before_seconds = self._clock.monotonic_seconds()
            await self._clock.sleep(LOOK_SECONDS)
            self._delays_seconds.append(self._clock.monotonic_seconds() - before_seconds - LOOK_SECONDS)

    def reasons(self, without: Collection[str] = ()) -> dict[str, str]:
        """What keeps this process from its work, by check; nothing if it is fit."""
        found = {
            "starting": ", ".join(sorted(self._starting)),
            "stopping": "it was asked to end" if self.stopping else "",
            "failed": ", ".join(f"{key}: {words}" for key, words in self.failed.items()),
            "state": self.state_trouble,
            "leases": self._late_leases(),
            "loop": self._loop_trouble(),
            "configuration": self.refused,
        }
        return {check: words for check, words in found.items() if words and check not in without}

    @property
    def state_trouble(self) -> str:
        """What is wrong with the state, empty if it answers."""
        if self._state_trouble:
            return self._state_trouble
        silent_seconds = self._clock.monotonic_seconds() - self._answered_seconds
        return f"the state has not answered for {silent_seconds:.0f} s" if silent_seconds > STATE_SILENT_SECONDS else ""

    def live(self) -> Answer:
        """The event loop turns: that this was asked at all says so."""
        return _answer(200, {"alive": True})

    def ready(self, without: Collection[str] = ()) -> Answer:
        """Whether this process does its work: 200, or 503 with the reasons."""
        reasons = self.reasons(without)
        return _answer(503 if reasons else 200, {"ready": not reasons, "reasons": reasons})

    def _late_leases(self) -> str:
        late = [
            f"{name}: not renewed for {leases.unrenewed_seconds:.0f} s"
            for name, leases in self._leases.values()
            if leases.unrenewed_seconds > leases.lease_seconds
        ]
        return ", ".join(sorted(late)[:10])

    def _loop_trouble(self) -> str:
        latest = self._delays_seconds[-1]
        return f"the event loop came back {latest:.1f} s late" if latest > _LOOP_DELAY_SECONDS else ""


def _answer(status: int, values: object) -> Answer:
    return Answer(status, "application/json", json.dumps(values).encode())
