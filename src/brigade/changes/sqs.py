"""The queue feed: events that a bucket sends to Amazon SQS, straight or through SNS or EventBridge.

Messages are deleted after their marks are durable, and only then. If they cannot be made durable the messages are left
alone, and SQS hands them out again when their visibility timeout has passed.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from brigade.changes.base import Change, Intake, pause
from brigade.changes.events import parse_events
from brigade.changes.sqs_queue import Message, Queue, SqsSettings
from brigade.clock import Clock
from brigade.errors import BrigadeError

# Some imitations answer at once however long they were asked to wait; they are asked once a second.
_IMPATIENT_SECONDS = 0.2
_PAUSE_SECONDS = 1.0


class SqsFeed:
    """Drains one queue into the backlog, by a few pollers so that one's deletion does not hold up another's receipt."""

    def __init__(self, settings: SqsSettings, queue: Queue, intake: Intake, clock: Clock) -> None:
        self.intake = intake
        self._settings = settings
        self._queue = queue
        self._clock = clock

    async def run(self) -> None:
        """Poll until cancelled. The queue is closed at the end."""
        try:
            async with asyncio.TaskGroup() as pollers:
                for _ in range(self._settings.pollers):
                    pollers.create_task(self._poll())
        finally:
            await self._queue.close()

    async def _poll(self) -> None:
        failures = 0
        while True:
            try:
                await self._turn()
                failures = 0
            except BrigadeError as error:
                failures += 1
                self.intake.note(str(error))
                await pause(self._clock, failures)

    async def _turn(self) -> None:
        began_seconds = self._clock.monotonic_seconds()
        messages = await self._queue.receive()
        if messages:
            await self._delete(await self._take(messages))
        elif self._clock.monotonic_seconds() - began_seconds < _IMPATIENT_SECONDS:
            await self._clock.sleep(_PAUSE_SECONDS)

    async def _take(self, messages: Sequence[Message]) -> list[Message]:
        """Mark what the messages say; those that are done with."""
        changes: list[Change] = []
        done: list[Message] = []
        ignored = failed = 0
        for message in messages:
            parsed = parse_events(message.body)
            changes += parsed.changes
            ignored += parsed.ignored
            failed += parsed.failed
            if parsed.malformed:
                self.intake.note(f"message {message.message_id}: {parsed.malformed}")
            if not parsed.is_unreadable or message.receives >= self._settings.poison_receives:
                done.append(message)
        await self.intake.take(changes, ignored=ignored, failed=failed)
        return done

    async def _delete(self, messages: Sequence[Message]) -> None:
        """What cannot be deleted comes again, and marks its keys once more."""
        if messages and (failures := await self._queue.delete(messages)):
            self.intake.note(f"{len(failures)} messages could not be deleted: {failures[0]}")
