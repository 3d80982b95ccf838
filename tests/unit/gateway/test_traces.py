"""The gateway tells whoever traces: what came, which keys it may change, how it ended."""

from __future__ import annotations

import asyncio

from brigade.changes.base import Routes, Subscription
from brigade.clock import SystemClock
from brigade.gateway.app import serve
from brigade.gateway.noting import BacklogCapture, Hearing


class Backlog:
    async def mark(self, replication_id, keys, *, live, hold_until_ns=0):
        pass

    async def settle(self, replication_id, keys):
        pass


class Recorder:
    """Traces that write down what they are told."""

    def __init__(self):
        self.told = []

    def begin(self, headers):
        self.told.append(("begin", headers.get("traceparent")))
        return self

    def noted(self, keys):
        self.told.append(("noted", keys))

    def end(self, served):
        self.told.append(("end", served.operation, served.key, served.status))


async def test_each_request_is_told_from_its_begin_to_its_end(scene):
    recorder = Recorder()
    hearing = Hearing(Routes([Subscription(7, "bucket", "p/")]))
    capture = BacklogCapture(Backlog(), {"one": hearing}, SystemClock())
    async with serve(scene.settings, clock=SystemClock(), capture=capture, drain_seconds=2, traces=recorder) as gateway:
        scene.client.__init__(gateway.address[1])
        await scene.client.send("PUT", "/bucket/p/key", headers=[("traceparent", "00-x")], body=b"1")
        await scene.client.send("GET", "/bucket/p/key", signed=False)
        await scene.client.close()
        async with asyncio.timeout(80):
            while len(recorder.told) < 5:  # noqa: ASYNC110  nothing tells
                await asyncio.sleep(0.01)
    assert recorder.told == [
        ("begin", "00-x"),
        ("noted", {7: ["key"]}),
        ("end", "PutObject", "p/key", 200),
        ("begin", None),
        ("end", "GetObject", "p/key", 403),
    ]
