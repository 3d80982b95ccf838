"""The floor under a copy: GET and PUT each object over Brigade's own S3 store, and do nothing else.

No listing, no comparison, no proof, no state, no report: what is left is the transport. `sync` is held to this.
The endpoint and its keys come in by the environment, the rule of the data's names gives the objects.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections.abc import AsyncIterator, Iterator

import uvloop

from bench.data import key_of
from brigade.clock import SystemClock
from brigade.objects import MEBIBYTE, NO_ATTRIBUTES
from brigade.stores.base import BytesBody, ObjectReader, Store
from brigade.stores.s3.settings import S3Settings
from brigade.stores.s3.store import S3Store

WORKERS = 64
ENDPOINT_VARIABLE = "BENCH_ENDPOINT"


class _Passing:
    """What a reader brings, on its way out."""

    replayable = False

    def __init__(self, reader: ObjectReader) -> None:
        self._reader = reader
        self.size_bytes = reader.info.size_bytes

    def chunks(self) -> AsyncIterator[bytes]:
        return self._reader.chunks()


async def _copy(source: Store, target: Store, keys: Iterator[str]) -> None:
    for key in keys:
        async with source.get(key) as reader:
            if reader.info.size_bytes > MEBIBYTE:
                await target.put(key, _Passing(reader), attributes=NO_ATTRIBUTES)
                continue
            data = await reader.read()
        await target.put(key, BytesBody(data), attributes=NO_ATTRIBUTES)


async def _run(objects: int, buckets: list[str]) -> None:
    place = json.loads(os.environ[ENDPOINT_VARIABLE])
    stores = [S3Store(S3Settings(name=bucket, bucket=bucket, **place), clock=SystemClock()) for bucket in buckets]
    try:
        for store in stores:
            await store.open()
        keys = map(key_of, range(objects))
        async with asyncio.TaskGroup() as group:
            for _ in range(WORKERS):
                group.create_task(_copy(stores[0], stores[1], keys))
    finally:
        for store in stores:
            await store.close()


if __name__ == "__main__":
    uvloop.run(_run(int(sys.argv[1]), sys.argv[2:4]))
