"""The containers that an account owns: what `store:*` stands for."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from brigade.clock import Clock
from brigade.stores.swift.caller import Caller
from brigade.stores.swift.settings import SwiftSettings
from brigade.stores.swift.store import connected
from brigade.stores.swift.tokens import client_factory, token_source
from brigade.wire.encoding import encode_query
from brigade.wire.swift import names_of

# Swift's own clients, its S3 front, and the settings here: containers with parts of the objects in others.
_SEGMENTS = ("_segments", "+segments")


async def list_containers(settings: SwiftSettings, clock: Clock) -> list[str]:
    """The names of all containers, sorted, without those that hold the segments of another. Raises `StoreError`."""
    names: list[str] = []
    async with _caller(settings, clock) as caller:
        marker = ""
        while page := await _page(caller, marker):
            names += page
            marker = page[-1]
    known = set(names)
    beside = {name + ending for name in names for ending in _SEGMENTS}
    return sorted(known - beside - {settings.segments_container})


async def has_container(settings: SwiftSettings, clock: Clock) -> bool:
    """True if the account has the container and lets us look at it. Raises `StoreError` if it does not say."""
    async with _caller(settings, clock) as caller:
        path = caller.path(settings.container, None, "head_bucket")
        answer = await caller.ask("head_bucket", None, "HEAD", path)
        if answer.status < 300:
            return True
        if answer.status in (403, 404):
            return False
        raise caller.refusal("head_bucket", None, answer)


async def _page(caller: Caller, marker: str) -> list[str]:
    query = encode_query([("format", "json"), ("marker", marker)] if marker else [("format", "json")])
    answer = await caller.call("list_buckets", None, "GET", f"{caller.account_path}?{query}")
    return names_of(answer.body or b"[]")


@asynccontextmanager
async def _caller(settings: SwiftSettings, clock: Clock) -> AsyncIterator[Caller]:
    connect = client_factory(settings)
    tokens = token_source(settings, clock, connect)
    caller = await connected(f"{settings.name}:*", settings, tokens, connect, clock)
    try:
        yield caller
    finally:
        await caller.client.close()
