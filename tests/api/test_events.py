"""What changes is told as it changes: to whoever listens, and to whoever comes back."""

from __future__ import annotations

import asyncio
import json
from contextlib import asynccontextmanager
from typing import Any

import pytest

from brigade.api import events, inside
from brigade.control import feed


class Listener:
    """Reads `/events` as a browser does."""

    def __init__(self, app, last_id=None):
        self._app = app
        self._headers = [(b"host", b"127.0.0.1")]
        if last_id is not None:
            self._headers.append((b"last-event-id", last_id.encode()))
        self._texts = asyncio.Queue()
        self.status = None

    async def run(self):
        asked = False

        async def receive():
            nonlocal asked
            if asked:
                await asyncio.Event().wait()
            asked = True
            return {"type": "http.request", "body": b"", "more_body": False}

        async def send(message):
            if message["type"] == "http.response.start":
                self.status = message["status"]
            for text in message.get("body", b"").decode().split("\n\n"):
                # A line that begins with a colon only keeps the connection alive.
                if text and not text.startswith(":"):
                    self._texts.put_nowait(text)

        path = "/api/v1/events"
        scope: dict[str, Any] = {
            "type": "http",
            "asgi": {"version": "3.0"},
            "http_version": "1.1",
            "method": "GET",
            "scheme": "http",
        }
        scope |= {"path": path, "raw_path": path.encode(), "query_string": b"", "headers": self._headers}
        await self._app({**scope, "server": ("127.0.0.1", 80), "client": ("127.0.0.1", 0)}, receive, send)

    async def next(self):
        """The next event: its id, its kind and its data."""
        async with asyncio.timeout(80):
            fields = dict(line.split(": ", 1) for line in (await self._texts.get()).splitlines())
        return fields.get("id"), fields["event"], json.loads(fields["data"])


@asynccontextmanager
async def listening(app, last_id=None):
    listener = Listener(app, last_id)
    async with asyncio.TaskGroup() as group:
        task = group.create_task(listener.run())
        yield listener
        task.cancel()


@pytest.fixture(autouse=True)
def _quick(monkeypatch):
    monkeypatch.setattr(feed, "LOOK_SECONDS", 0.02)
    monkeypatch.setattr(events, "LOOK_SECONDS", 0.02)


async def test_a_listener_sees_how_all_stand_and_then_what_changes(app, ask, state):
    photos = await state.replications.ensure("photos", "m:photos → m:copies")
    async with listening(app) as listener:
        _, kind, found = await listener.next()
        assert (kind, [each["name"] for each in found]) == ("snapshot", ["photos"])
        await ask("POST", "/replications/photos/pause", body={})
        _, kind, found = await listener.next()
        assert (kind, found["standing"]) == ("status", "paused")
        await state.control.activity.add(photos, [{"key": "a\nb", "action": "copy"}])
        _, kind, found = await listener.next()
        assert (kind, found["replication"], found["outcome"]["key"]) == ("activity", "photos", "a\nb")
        await ask("POST", "/replications", body={"name": "new", "settings": {"source": "m:a", "target": "m:b"}})
        assert (await listener.next())[2]["name"] == "new"
        await ask("DELETE", "/replications/new")
        assert (await listener.next())[1:] == ("gone", {"name": "new"})


async def test_who_comes_back_misses_nothing(app, ask):
    async with listening(app) as listener:
        last_id, _, _ = await listener.next()
    await ask("POST", "/replications/photos/pause", body={})
    async with listening(app, last_id) as listener:
        last_id, kind, found = await listener.next()
        assert (kind, found["standing"]) == ("status", "paused")
    for unknown in (f"{last_id}0", "00000000-1", "x", "-"):
        async with listening(app, unknown) as listener:
            assert (await listener.next())[1] == "snapshot", unknown


async def test_who_missed_too_much_begins_anew(app, ask, monkeypatch):
    async with listening(app) as listener:
        first_id, _, _ = await listener.next()
        boot, _, number = first_id.partition("-")
        broadcast = app.state.broadcast
        for _ in range(2):
            await ask("POST", "/replications/photos/pause", body={})
            await listener.next()
            await ask("POST", "/replications/photos/resume")
            await listener.next()
    kept = list(broadcast.feed._events)[-2:]
    broadcast.feed._events.clear()
    broadcast.feed._events.extend(kept)
    assert broadcast.feed.since(int(number)) is None
    assert [event.number for event in broadcast.feed.since(kept[0].number)] == [kept[1].number]
    assert boot == broadcast.boot


async def test_listeners_are_bounded_and_end_with_the_process(app, ask, office, monkeypatch):
    monkeypatch.setattr(events, "MOST_LISTENERS", 1)
    listener = Listener(app)
    async with asyncio.timeout(80), asyncio.TaskGroup() as group:
        group.create_task(listener.run())
        await listener.next()
        assert (await ask("GET", "/events")).json()["error"]["code"] == "busy"
        office.ends.set()
    assert (await ask("GET", "/events")).status == 200
    assert app.state.broadcast.listeners == 0


async def test_activity_and_samples_are_read_by_name_and_by_whole_store(ask, state):
    for number, name in enumerate(("all/a", "all/b")):
        replication_id = await state.replications.ensure(name, f"m:{number}")
        await state.control.activity.add(replication_id, [{"key": name}])
        await state.control.activity.sample(feed_sample(replication_id, lag_seconds=number))
    found = (await ask("GET", "/activity", query={"replication": "all"})).json()
    assert [(each["replication"], each["outcome"]["key"]) for each in found] == [("all/a", "all/a"), ("all/b", "all/b")]
    after = {"after": str(found[0]["id"])}
    assert [each["replication"] for each in (await ask("GET", "/activity", query=after)).json()] == ["all/b"]
    (sample,) = (await ask("GET", "/replications/all/samples", query={"since": "0"})).json()
    assert (sample["settled"], sample["backlog"], sample["lag_seconds"]) == (2, 6, 1)
    assert (await ask("GET", "/replications/photos/samples")).json() == []
    assert (await ask("GET", "/replications/nothing/samples")).status == 404
    assert (await ask("GET", "/activity", query={"replication": "nothing"})).status == 404


def feed_sample(replication_id, *, lag_seconds):
    from brigade.state.control_rows import Sample

    at_seconds = 4_000_000_000
    return Sample(replication_id, at_seconds, 1, 10, 0, 3, lag_seconds)


async def test_probes_need_no_token_and_metrics_do(app, tokens, office):
    assert (await inside.ask(app, "GET", "/livez")).status == 200
    unready = await inside.ask(app, "GET", "/readyz")
    assert (unready.status, unready.json()["reasons"]) == (503, {"state": "the state has not been asked yet"})
    ready = await inside.ask(app, "GET", "/readyz", query={"exclude": "state"})
    assert (ready.status, ready.json()["ready"]) == (200, True)
    assert (await inside.ask(app, "GET", "/readyz", query={"exclude": "all"})).status == 400
    assert (await inside.ask(app, "GET", "/metrics")).status == 401
    headers = {"authorization": f"Bearer {next(iter(tokens.values()))}"}
    answer = await inside.ask(app, "GET", "/metrics", headers=headers)
    assert (answer.status, b"brigade_" in answer.body) == (200, True)
