"""`/events`: what changes, as it changes, in the format of server-sent events."""

from __future__ import annotations

import json
import secrets
from collections.abc import AsyncIterator
from typing import Annotated

from fastapi import APIRouter, Header, Request
from fastapi.responses import StreamingResponse
from starlette.types import Receive, Scope, Send

from brigade.api.failing import Refusal
from brigade.api.lately_shapes import ActivityShape
from brigade.api.office import Office, Reader
from brigade.api.shapes import StatusShape
from brigade.control.feed import LOOK_SECONDS, Done, Event, Feed, Gone
from brigade.control.following import pause
from brigade.control.status import Status
from brigade.errors import StateError

router = APIRouter(tags=["live"])

MOST_LISTENERS = 64
_BEAT_SECONDS = 15.0
# A listener comes again, and shows anew who he is.
_LONGEST_SECONDS = 900.0
_EVENT = {
    "type": "object",
    "properties": {"id": {"type": "string"}, "event": {"type": "string"}, "data": {"type": "string"}},
    "required": ["event", "data"],
}


class Broadcast:
    """The feed of an application and who listens to it. `boot` tells numbers of this process from those of another."""

    def __init__(self, office: Office) -> None:
        self.office = office
        self.feed = Feed(office.state, office.clock, office.plans)
        self.boot = secrets.token_hex(4)
        self.listeners = 0

    def position(self, last_id: str | None) -> int | None:
        """The number that a `Last-Event-ID` names; None if it is none of ours."""
        boot, _, number = (last_id or "").partition("-")
        return int(number) if boot == self.boot and number.isdecimal() and len(number) < 18 else None


class _Stream(StreamingResponse):
    """Counts itself among the listeners for as long as it is sent."""

    media_type = "text/event-stream"

    def __init__(self, broadcast: Broadcast, last_id: str | None) -> None:
        headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
        super().__init__(_texts(broadcast, broadcast.position(last_id)), headers=headers)
        self._broadcast = broadcast

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self._broadcast.listeners += 1
        try:
            await super().__call__(scope, receive, send)
        finally:
            self._broadcast.listeners -= 1


@router.get(
    "/events",
    response_class=StreamingResponse,
    responses={200: {"content": {"text/event-stream": {"schema": _EVENT}}, "description": "Events"}},
)
async def listen(
    _: Reader,
    request: Request,
    last_event_id: Annotated[str | None, Header(alias="Last-Event-ID", max_length=64)] = None,
) -> _Stream:
    """What changes, as it changes.

    `snapshot`: how every replication stands, first and whenever events were missed. `status`: one of them has changed.
    `activity`: something was done to an object. `gone`: a replication is no more. `trouble`: the state cannot be read.
    """
    broadcast = request.app.state.broadcast
    assert isinstance(broadcast, Broadcast)
    if broadcast.listeners >= MOST_LISTENERS:
        raise Refusal(429, "busy", f"{MOST_LISTENERS} listen already", "ask /replications every so often instead")
    return _Stream(broadcast, last_event_id)


async def _texts(broadcast: Broadcast, position: int | None) -> AsyncIterator[str]:
    clock, ends = broadcast.office.clock, broadcast.office.ends
    until_seconds = clock.monotonic_seconds() + _LONGEST_SECONDS
    sent_seconds, trouble = float("-inf"), ""
    while clock.monotonic_seconds() < until_seconds:
        texts: list[str] = []
        try:
            await broadcast.feed.look()
        except StateError as error:
            if str(error) != trouble:
                trouble = str(error)
                texts.append(_text("trouble", {"message": trouble}))
        else:
            trouble = ""
            texts, position = _news(broadcast, position)
        if texts or clock.monotonic_seconds() - sent_seconds >= _BEAT_SECONDS:
            sent_seconds = clock.monotonic_seconds()
            yield "".join(texts) or ": so far nothing\n\n"
        if ends.is_set():
            return
        await pause(ends, clock, LOOK_SECONDS)


def _news(broadcast: Broadcast, position: int | None) -> tuple[list[str], int]:
    """What is new behind a position, and where it ends."""
    feed = broadcast.feed
    events = None if position is None else feed.since(position)
    if events is None:
        statuses = [_status(each) for each in feed.statuses()]
        return [_text("snapshot", statuses, f"{broadcast.boot}-{feed.newest}")], feed.newest
    return [_told(event, f"{broadcast.boot}-{event.number}") for event in events], feed.newest


def _told(event: Event, event_id: str) -> str:
    match event.what:
        case Done(replication, row):
            return _text("activity", ActivityShape.of(replication, row).model_dump(mode="json"), event_id)
        case Gone(name):
            return _text("gone", {"name": name}, event_id)
        case found:
            return _text("status", _status(found), event_id)


def _status(found: Status) -> dict[str, object]:
    return StatusShape.of(found).model_dump(mode="json")


def _text(kind: str, data: object, event_id: str | None = None) -> str:
    # JSON in ASCII has no line breaks of its own, which would end a line of the event.
    head = "" if event_id is None else f"id: {event_id}\n"
    return f"{head}event: {kind}\ndata: {json.dumps(data, separators=(',', ':'))}\n\n"
