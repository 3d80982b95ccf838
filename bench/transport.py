"""Our HTTP client against aiohttp's, in turn, in one run: CPU of the client process and nothing else.

    python -m bench.transport [--rounds N] [--endpoint URL]

Workloads: GET + PUT of 4 KiB objects, 32 at once, and GET streamed into PUT of 64 MiB objects, 4 at once. Each
runs against a stub server in another process, which answers at once and keeps nothing, and against a SeaweedFS
that is started for it (or, with `--endpoint`, any S3 server; keys come from AWS_ACCESS_KEY_ID and
AWS_SECRET_ACCESS_KEY). URLs are presigned beforehand, so no signing is measured. The result is the table in
docs/decisions/0002-transport.md.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import os
import resource
import secrets
import statistics
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, asynccontextmanager, contextmanager
from typing import Any, NamedTuple
from urllib.parse import urlsplit

import aiohttp
import uvloop
from yarl import URL

from brigade.stores.base import Body, BytesBody
from brigade.stores.http import open_client
from brigade.stores.http.base import HttpClient, HttpResponse
from brigade.testing.servers import Endpoint, SeaweedServer

SMALL_BYTES = 4096
LARGE_BYTES = 64 * 1024 * 1024
SMALL_AT_ONCE = 32
LARGE_AT_ONCE = 4
CONNECTIONS = 64
REGION = "us-east-1"


class Targets(NamedTuple):
    """Request targets, presigned where the server checks: pairs of what to GET and what to PUT."""

    origin: str
    small: list[tuple[str, str]]
    large: list[tuple[str, str]]


class Sample(NamedTuple):
    """One workload of one round: CPU of this process and wall time, for one object or one GiB."""

    cpu_seconds: float
    wall_seconds: float


# ------------------------------------------------------------------------------------------------ aiohttp


class AiohttpClient:
    """aiohttp as lean as it goes: no cookies, no decompression, no added headers, large read buffer."""

    def __init__(self, origin: str) -> None:
        self._origin = origin
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=CONNECTIONS),
            timeout=aiohttp.ClientTimeout(total=None, sock_connect=10, sock_read=60),
            cookie_jar=aiohttp.DummyCookieJar(),
            auto_decompress=False,
            skip_auto_headers=("Accept", "Accept-Encoding", "User-Agent", "Content-Type"),
            read_bufsize=256 * 1024,
        )

    @asynccontextmanager
    async def send(
        self, method: str, target: str, headers: Sequence[tuple[str, str]], body: bytes | Body | None = None
    ) -> AsyncIterator[HttpResponse]:
        data: Any = body
        sent = list(headers)
        if isinstance(body, BytesBody):
            data = body.data
        elif body is not None and not isinstance(body, bytes):
            data = body.chunks()
            sent.append(("Content-Length", str(body.size_bytes)))
        url = URL(self._origin + target, encoded=True)
        async with self._session.request(method, url, headers=sent, data=data, allow_redirects=False) as response:
            yield AiohttpResponse(response)

    async def close(self) -> None:
        await self._session.close()


class AiohttpResponse:
    def __init__(self, response: aiohttp.ClientResponse) -> None:
        self.status = response.status
        self.headers: Mapping[str, str] = {name.lower(): value for name, value in response.headers.items()}
        self.read = response.read
        self.chunks = response.content.iter_any


def open_own(origin: str) -> HttpClient:
    return open_client(
        origin, ssl=None, connections=CONNECTIONS, connect_timeout_seconds=10.0, idle_timeout_seconds=60.0
    )


CLIENTS: dict[str, Callable[[str], Any]] = {"aiohttp": AiohttpClient, "our own": open_own}


# ---------------------------------------------------------------------------------------------- workloads


class Relay:
    """A body that is another answer's."""

    replayable = False

    def __init__(self, response: HttpResponse) -> None:
        self.size_bytes = int(response.headers["content-length"])
        self.chunks = response.chunks


async def copy_small(client: HttpClient, headers: list[tuple[str, str]], pair: tuple[str, str]) -> None:
    async with client.send("GET", pair[0], headers) as response:
        content = await response.read()
        assert (response.status, len(content)) == (200, SMALL_BYTES)
    async with client.send("PUT", pair[1], headers, BytesBody(content)) as response:
        await response.read()
        assert response.status == 200


async def copy_large(client: HttpClient, headers: list[tuple[str, str]], pair: tuple[str, str]) -> None:
    async with client.send("GET", pair[0], headers) as source:
        assert source.status == 200
        async with client.send("PUT", pair[1], headers, Relay(source)) as response:
            await response.read()
            assert response.status == 200


async def measured(client: HttpClient, origin: str, copy: Any, pairs: list[tuple[str, str]], at_once: int) -> Sample:
    """`copy` over all pairs; the sums of one round."""
    headers = [("Host", urlsplit(origin).netloc)]
    left: Iterator[tuple[str, str]] = iter(pairs)

    async def worker() -> None:
        for pair in left:
            await copy(client, headers, pair)

    gc.collect()
    before, begin = resource.getrusage(resource.RUSAGE_SELF), time.perf_counter()
    async with asyncio.TaskGroup() as group:
        for _ in range(at_once):
            group.create_task(worker())
    after = resource.getrusage(resource.RUSAGE_SELF)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return Sample(cpu, time.perf_counter() - begin)


async def one_round(name: str, targets: Targets) -> tuple[Sample, Sample]:
    """Both workloads with one client: seconds for one object, seconds for one GiB."""
    client: HttpClient = CLIENTS[name](targets.origin)
    try:
        await measured(client, targets.origin, copy_small, targets.small[:SMALL_AT_ONCE], SMALL_AT_ONCE)
        small = await measured(client, targets.origin, copy_small, targets.small, SMALL_AT_ONCE)
        large = await measured(client, targets.origin, copy_large, targets.large, LARGE_AT_ONCE)
    finally:
        await client.close()
    objects, gibibytes = len(targets.small), len(targets.large) * LARGE_BYTES / 1024**3
    return (
        Sample(small.cpu_seconds / objects, small.wall_seconds / objects),
        Sample(large.cpu_seconds / gibibytes, large.wall_seconds / gibibytes),
    )


# -------------------------------------------------------------------------------------------- stub server


class StubProtocol(asyncio.Protocol):
    """GET /…/N answers N bytes, PUT takes and forgets. Only for well-behaved clients."""

    HEADERS = (
        b'HTTP/1.1 200 OK\r\nETag: "620f0b67a91f7f74151bc5be745b7110"\r\nServer: stub\r\nAccept-Ranges: bytes\r\n'
        b"Last-Modified: Fri, 20 Nov 2026 06:18:11 GMT\r\nDate: Fri, 20 Nov 2026 06:18:11 GMT\r\n"
        b"Content-Type: application/octet-stream\r\nx-amz-request-id: 17A2B3C4D5E6F\r\nContent-Length: %d\r\n\r\n"
    )
    BLOCK = bytes(1024 * 1024)

    def connection_made(self, transport: Any) -> None:
        self.transport = transport
        self.partial = b""
        self.body_left_bytes = 0
        self.answer_left_bytes = 0
        self.paused = False

    def data_received(self, data: bytes) -> None:
        taken = min(self.body_left_bytes, len(data))
        if taken:
            self.body_left_bytes -= taken
            if not self.body_left_bytes:
                self.transport.write(self.HEADERS % 0)
            return
        head, end, rest = (self.partial + data).partition(b"\r\n\r\n")
        self.partial = b"" if end else head
        if not end:
            return
        if head.startswith(b"PUT"):
            self.body_left_bytes = int(head.lower().partition(b"content-length: ")[2].split(b"\r\n", 1)[0])
            if rest:
                self.data_received(rest)
            return
        size = int(head.split(b" ", 2)[1].rpartition(b"/")[2])
        if size <= SMALL_BYTES:
            self.transport.write(self.HEADERS % size + self.BLOCK[:size])
        else:
            self.transport.write(self.HEADERS % size)
            self.answer_left_bytes = size
            self.resume_writing()

    def pause_writing(self) -> None:
        self.paused = True

    def resume_writing(self) -> None:
        self.paused = False
        while self.answer_left_bytes and not self.paused:
            block = self.BLOCK[: self.answer_left_bytes]
            self.answer_left_bytes -= len(block)
            self.transport.write(block)


async def run_stub() -> None:
    server = await asyncio.get_running_loop().create_server(StubProtocol, "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


@contextmanager
def stub(small: int, large: int) -> Iterator[Targets]:
    """The stub server in a process of its own."""
    with subprocess.Popen([sys.executable, "-m", "bench.transport", "--stub"], stdout=subprocess.PIPE) as process:
        assert process.stdout
        try:
            origin = f"http://127.0.0.1:{int(process.stdout.readline())}"
            yield Targets(origin, [(f"/b/{SMALL_BYTES}", "/b/k")] * small, [(f"/b/{LARGE_BYTES}", "/b/k")] * large)
        finally:
            process.terminate()


# ---------------------------------------------------------------------------------------------- S3 server


@contextmanager
def bucket(endpoint: Endpoint, small: int, large: int) -> Iterator[Targets]:
    """A bucket with the objects in it; it and they are deleted at the end."""
    client = endpoint.client()
    name = f"transport-{secrets.token_hex(4)}"
    client.create_bucket(Bucket=name)

    def target(verb: str, key: str) -> str:
        url = client.generate_presigned_url(verb, Params={"Bucket": name, "Key": key}, ExpiresIn=36_000)
        return str(url).removeprefix(endpoint.url)

    def pairs(kind: str, count: int, size: int) -> list[tuple[str, str]]:
        distinct = [
            (target("get_object", f"{kind}/{n}"), target("put_object", f"copy/{kind}/{n}")) for n in range(count)
        ]
        for number in range(count):
            client.put_object(Bucket=name, Key=f"{kind}/{number}", Body=os.urandom(size))
        return distinct

    try:
        few = min(small, 256)
        some = pairs("small", few, SMALL_BYTES)
        yield Targets(endpoint.url, (some * (small // few + 1))[:small], pairs("large", large, LARGE_BYTES))
    finally:
        for page in client.get_paginator("list_objects_v2").paginate(Bucket=name):
            client.delete_objects(Bucket=name, Delete={"Objects": [{"Key": o["Key"]} for o in page["Contents"]]})
        client.delete_bucket(Bucket=name)
        client.close()


# ------------------------------------------------------------------------------------------------- report


def compare(title: str, rounds: int, opened: Callable[[], AbstractContextManager[Targets]]) -> None:
    """All clients in turn, `rounds` times, and the medians as rows of a Markdown table."""
    samples: dict[str, list[tuple[Sample, Sample]]] = {name: [] for name in CLIENTS}
    order = list(CLIENTS)
    for _ in range(rounds):
        with opened() as targets:
            for name in order:
                samples[name].append(uvloop.run(one_round(name, targets)))
        # Who comes second meets a server that is still writing; let that be each in turn.
        order.reverse()
    for name, taken in samples.items():
        small_cpu = statistics.median(small.cpu_seconds for small, _ in taken) * 1e6
        small_rate = 1 / statistics.median(small.wall_seconds for small, _ in taken)
        large_cpu = statistics.median(large.cpu_seconds for _, large in taken)
        large_rate = 1024 / statistics.median(large.wall_seconds for _, large in taken)
        print(
            f"| {title} | {name} | {small_cpu:.0f} | {small_rate:,.0f} | {large_cpu:.2f} | {large_rate:,.0f} |",
            flush=True,
        )


def main() -> None:
    parser = argparse.ArgumentParser(description="Compare HTTP clients.")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--endpoint", help="an S3 server to use instead of starting SeaweedFS")
    parser.add_argument("--stub", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.stub:
        uvloop.run(run_stub())
        return
    print("| server | client | CPU µs per 4 KiB object | objects/s | CPU s per GiB | MiB/s |")
    print("|---|---|---:|---:|---:|---:|")
    compare("stub", options.rounds, lambda: stub(8000, 16))
    if options.endpoint:
        keys = os.environ["AWS_ACCESS_KEY_ID"], os.environ["AWS_SECRET_ACCESS_KEY"]
        endpoint = Endpoint("given", options.endpoint.rstrip("/"), REGION, *keys)
        compare("S3", options.rounds, lambda: bucket(endpoint, 3000, 8))
    else:
        with SeaweedServer() as server:
            compare("SeaweedFS", options.rounds, lambda: bucket(server.endpoint, 3000, 8))


if __name__ == "__main__":
    main()
