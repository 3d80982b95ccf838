"""Requests and events that are wrong, huge, slow or malicious: each is refused in its sender's own terms, others are
served meanwhile, memory stays where it was, and nothing that was refused became an object."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

import pytest
import pytest_asyncio

from brigade.testing.buckets import Bucket
from brigade.testing.command import Command
from brigade.testing.live import CLIENT, Process, behind, one_user, stop, until
from brigade.wire.s3xml import parse_error
from brigade.wire.sigv4 import Credentials, Signer, canonical_path, canonical_query

# One process serves all tests here, so they share its loop.
pytestmark = [pytest.mark.server, pytest.mark.asyncio(loop_scope="module")]

MEBIBYTE = 1024 * 1024
SECRET = "correct horse"
# What a process may grow by while it is attacked: hundreds of connections cost something, bodies must not.
ROOM_BYTES = 64 * MEBIBYTE
# Eight levels of ten times each other: a hundred million letters, if somebody wrote them out.
BOMB = (
    b'<?xml version="1.0"?><!DOCTYPE x [<!ENTITY a "lol">'
    + b"".join(b'<!ENTITY %c "%b">' % (98 + level, b"&%c;" % (97 + level) * 10) for level in range(8))
    + b"]>"
)


@dataclass
class Scene:
    """A process that serves a gateway and a webhook and follows one bucket."""

    process: Process
    through: Bucket
    source: Bucket
    target: Bucket
    host: str
    events: str

    def memory_bytes(self) -> int:
        """The most that the process has held so far."""
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        return int(status.partition("VmHWM:")[2].split()[0]) * 1024

    def head(
        self, method: str, path: str, query: str = "", headers: Sequence[tuple[str, str]] = (), content_hash: str = ""
    ) -> bytes:
        """The signed head of a request, without the line that ends it."""
        signer = Signer(self.through.endpoint.region)
        credentials = Credentials(CLIENT["access_key"], CLIENT["secret_key"])
        named = [("host", self.host), *headers]
        hashed = content_hash or sha256(b"").hexdigest()
        canonical = canonical_query(query) if query else ""
        signed = signer.sign(credentials, method, canonical_path(path), canonical, named, hashed, time.time_ns())
        lines = [f"{method} {path}{'?' if query else ''}{query} HTTP/1.1", *(f"{k}: {v}" for k, v in signed)]
        return "".join(f"{line}\r\n" for line in lines).encode()

    def whole(self, method: str, path: str, query: str = "", body: bytes = b"", more: bytes = b"") -> bytes:
        """A signed request with its body; the connection ends with its answer."""
        head = self.head(method, path, query, content_hash=sha256(body).hexdigest())
        return head + b"content-length: %d\r\nconnection: close\r\n%b\r\n%b" % (len(body), more, body)

    def key(self, name: str) -> str:
        return f"/{self.through.name}/{self.through.prefix}{name}"


async def raw(host: str, data: bytes, seconds: float = 20) -> bytes:
    """Send bytes as they are; everything that comes back until the connection ends."""
    reader, writer = await asyncio.open_connection(*host.split(":"))
    try:
        writer.write(data)
        return await asyncio.wait_for(reader.read(), seconds)
    finally:
        writer.close()


def refusal(answer: bytes) -> tuple[int, str]:
    """Status and code of an answer."""
    return int(answer[9:12]), parse_error(answer.partition(b"\r\n\r\n")[2]).code


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def scene(running, tmp_path_factory) -> AsyncIterator[Scene]:
    server = running("seaweed")
    source = Bucket(server.endpoint, server.make_bucket("bad"), "in/")
    target = Bucket(server.endpoint, source.name, "out/")
    brigade = Command(tmp_path_factory.mktemp("bad-input"))
    a, b = brigade.reach("a", source), brigade.reach("b", target)
    brigade.gateway = one_user("a")
    brigade.webhook = {"listen": "127.0.0.1:0", "secrets": [SECRET]}
    brigade.replications = {"photos": {"source": a, "target": b, "live": ["gateway", "webhook"], "delete": "tracked"}}
    brigade.write_config()
    process = await brigade.start("run")
    said = [await brigade.said(process, "listens on") for _ in range(2)]
    urls = {line.partition(":")[0]: line.partition("http://")[2].split()[0] for line in said}
    through = behind(f"http://{urls['gateway']}", source)
    events = urls["webhook"].partition("/")[0]
    yield Scene(process, through, source, target, urls["gateway"], events)
    await stop(brigade, process)
    for bucket in (through, source, target):
        bucket.close()


@pytest_asyncio.fixture(loop_scope="module", autouse=True)
async def unharmed(scene) -> AsyncIterator[None]:
    """After each test the gateway serves, what it takes is followed, nothing else was written, memory is where it was."""
    before = scene.memory_bytes()
    yield
    await asyncio.to_thread(scene.through.put, "good", b"1")
    await until(lambda: scene.target.keys() == ["good"])
    assert scene.source.keys() == ["good"]
    await asyncio.to_thread(scene.through.delete, "good")
    await until(lambda: scene.target.keys() == [])
    assert scene.memory_bytes() - before < ROOM_BYTES


async def test_what_is_not_http_or_not_s3_is_answered_in_xml(scene):
    key, bucket = scene.key("k"), f"/{scene.through.name}"
    put = scene.head("PUT", key, content_hash="UNSIGNED-PAYLOAD")
    for data, code in (
        (b"rubbish\r\n\r\n", "BadRequest"),
        (b"GET /b/\x00k HTTP/1.1\r\nhost: h\r\n\r\n", "BadRequest"),
        (b"GET http://elsewhere/b/k HTTP/1.1\r\nhost: h\r\nconnection: close\r\n\r\n", "InvalidURI"),
        (b"GET /b/%ff HTTP/1.1\r\nhost: h\r\nconnection: close\r\n\r\n", "InvalidURI"),
        (scene.whole("GET", "/.."), "InvalidBucketName"),
        (scene.whole("GET", f"{bucket}%2Fk"), "InvalidBucketName"),
        # Lengths that lie, and requests that two readers would end at different bytes.
        (put + b"content-length: -1\r\n\r\nx", "BadRequest"),
        (put + b"content-length: 1e3\r\n\r\nx", "BadRequest"),
        (put + b"content-length: 1\r\ncontent-length: 2\r\n\r\nxx", "BadRequest"),
        (put + b"content-length: 5\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n", "BadRequest"),
        (put + b"transfer-encoding: chunked\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n", "BadRequest"),
        (put + b"transfer-encoding : chunked\r\n\r\n0\r\n\r\n", "BadRequest"),
        (put + b"transfer-encoding: xchunked\r\n\r\n0\r\n\r\n", "BadRequest"),
        (put + b"x-folded: 1\r\n 2\r\ncontent-length: 1\r\n\r\nx", "BadRequest"),
        (put + b"transfer-encoding: chunked\r\nconnection: close\r\n\r\n1\r\nx\r\n0\r\n\r\n", "MissingContentLength"),
        (put + b"connection: close\r\n\r\n", "MissingContentLength"),
        # One header twice.
        (put + b"host: elsewhere\r\ncontent-length: 1\r\n\r\nx", "BadRequest"),
        (
            put + b"authorization: AWS4-HMAC-SHA256 x\r\nconnection: close\r\ncontent-length: 1\r\n\r\nx",
            "InvalidRequest",
        ),
        # Limits.
        (scene.whole("PUT", scene.key("k" * (1025 - len(scene.through.prefix))), body=b"x"), "KeyTooLongError"),
        (scene.whole("PUT", scene.key("k" * 5000), body=b"x"), "KeyTooLongError"),
        (put + b"".join(b"x-%d: 1\r\n" % number for number in range(250)) + b"\r\n", "BadRequest"),
        (put + b"x-long: " + b"x" * 64 * 1024 + b"\r\n\r\n", "RequestHeaderSectionTooLarge"),
        (b"GET /%b HTTP/1.1\r\nhost: h\r\n\r\n" % (b"k" * 100_000), "RequestHeaderSectionTooLarge"),
    ):
        answer = await raw(scene.host, data)
        status, said = refusal(answer)
        assert (status in (400, 411), said) == (True, code), (data[-200:], answer)


async def test_what_follows_a_body_is_never_a_request_of_somebody_else(scene):
    """The hidden request is in the body, so it is content; what two servers could read differently ends the connection."""
    hidden = b"DELETE %b HTTP/1.1\r\nhost: h\r\n\r\n" % scene.key("k").encode()
    answer = await raw(scene.host, scene.whole("PUT", scene.key("k"), body=hidden))
    assert answer.startswith(b"HTTP/1.1 200 ")
    assert answer.count(b"HTTP/1.") == 1
    assert scene.source.get("k") == hidden
    # Two requests in one breath are two answers, in their order.
    first = scene.whole("GET", scene.key("k")).replace(b"connection: close\r\n", b"")
    answer = await raw(scene.host, first + scene.whole("DELETE", scene.key("k")))
    assert [piece[:3] for piece in answer.split(b"HTTP/1.1 ")[1:]] == [b"200", b"204"]
    smuggled = scene.head("PUT", scene.key("k")) + b"content-length: 4\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n"
    answer = await raw(scene.host, smuggled + scene.whole("GET", scene.key("k")))
    assert answer.count(b"HTTP/1.") == 1
    assert answer[9:12] == b"400"


async def test_absurd_ranges_are_the_stores_to_judge(scene):
    await asyncio.to_thread(scene.through.put, "k", b"0123456789")
    for given, status in (
        ("bytes=0-99999999999999999999999999", (206, 416)),
        ("bytes=100-", (416,)),
        ("bytes=-0", (416,)),
        ("bytes=" + ",".join(f"{number}-{number}" for number in range(1000)), (200, 206, 416)),
        ("furlongs=1-2", (200, 206, 416)),
    ):
        answer = await raw(scene.host, scene.whole("GET", scene.key("k"), more=f"range: {given}\r\n".encode()))
        assert int(answer[9:12]) in status, answer[:500]
    await asyncio.to_thread(scene.through.delete, "k")


async def test_documents_that_explode_or_are_none_change_nothing(scene):
    await asyncio.to_thread(scene.through.put, "kept", b"1")
    bucket, key = f"/{scene.through.name}", scene.key("kept")
    delete = b"<Delete><Object><Key>%b</Key></Object></Delete>" % (scene.through.prefix + "kept").encode()
    tags = b"<Tagging><TagSet><Tag><Key>a</Key><Value>&i;</Value></Tag></TagSet></Tagging>"
    parts = (
        b"<CompleteMultipartUpload><Part><PartNumber>1</PartNumber><ETag>&i;</ETag></Part></CompleteMultipartUpload>"
    )
    padded = delete.replace(b"<Delete>", b"<Delete>" + b" " * 10 * MEBIBYTE)
    nested = b"<Delete>" + b"<a>" * 100_000 + b"</a>" * 100_000 + b"</Delete>"
    for method, path, query, body in (
        ("POST", bucket, "delete=", BOMB + delete.replace(b"kept", b"kept&i;")),
        ("POST", bucket, "delete=", BOMB + delete),
        ("POST", bucket, "delete=", delete[:-3]),
        ("POST", bucket, "delete=", b"\xff\xfe" + delete),
        ("POST", bucket, "delete=", nested),
        ("POST", bucket, "delete=", padded),
        ("POST", bucket, "delete=", b'{"Objects": [{"Key": "kept"}]}'),
        ("PUT", key, "tagging=", BOMB + tags),
        ("PUT", key, "tagging=", b"<Tagging>"),
        ("POST", key, "uploadId=none", BOMB + parts),
    ):
        answer = await raw(scene.host, scene.whole(method, path, query, body))
        assert refusal(answer)[0] in (400, 404), answer
        assert refusal(answer)[1] in ("MalformedXML", "MaxMessageLengthExceeded", "NoSuchUpload"), answer
    assert scene.source.tags("kept") == {}
    await asyncio.to_thread(scene.through.delete, "kept")


async def test_many_large_bodies_at_once_are_not_held(scene):
    body = b"<Delete>" + b" " * 10 * MEBIBYTE
    requests = [scene.whole("POST", f"/{scene.through.name}", "delete=", body) for _ in range(16)]
    answers = await asyncio.gather(*(raw(scene.host, request) for request in requests))
    assert {refusal(answer) for answer in answers} == {(400, "MaxMessageLengthExceeded")}


async def test_slow_clients_keep_nobody_from_being_served(scene):
    """Connections that say nothing, heads and bodies that trickle, answers that nobody takes: many of each at once."""
    await asyncio.to_thread(scene.through.put, "large", bytes(8 * MEBIBYTE))
    begun = scene.head("PUT", scene.key("slow"), content_hash="UNSIGNED-PAYLOAD") + b"content-length: 100000\r\n\r\nx"
    untaken = scene.head("GET", scene.key("large")) + b"\r\n"
    async with AsyncExitStack() as stack:
        writers = []
        for data in [b""] * 150 + [b"GET /b/k HTTP/1.1\r\nx-a: "] * 100 + [begun] * 50 + [untaken] * 20:
            _, writer = await asyncio.open_connection(*scene.host.split(":"), limit=1024)
            stack.callback(writer.transport.abort)
            writer.write(data)
            writers.append(writer)
        for number in range(10):
            for writer in writers[150:300]:
                writer.write(b"x")
            await asyncio.to_thread(scene.through.put, "quick", b"%d" % number)
            assert await asyncio.to_thread(scene.through.get, "quick") == b"%d" % number
        await asyncio.to_thread(scene.through.delete, "quick", "large")


async def post(host: str, body: bytes, head: bytes = b"") -> int:
    """The status that the webhook answers."""
    head = head or b"content-length: %d\r\n" % len(body)
    secret = f"POST /events/a HTTP/1.1\r\nhost: h\r\nconnection: close\r\nauthorization: Bearer {SECRET}\r\n".encode()
    return int((await raw(host, secret + head + b"\r\n" + body))[9:12])


async def test_events_that_are_none_are_refused_and_others_are_marked_meanwhile(scene):
    huge = b'{"Records": [' + b" " * 10 * MEBIBYTE + b"]}"
    in_chunks = b"".join(b"10000\r\n%b\r\n" % huge[at : at + 65536] for at in range(0, 160 * 65536, 65536))
    for body, head, status in (
        (huge, b"", 413),
        (in_chunks + b"0\r\n\r\n", b"transfer-encoding: chunked\r\n", 413),
        (b"{", b"", 400),
        (b"\xff\xfe\x00", b"", 400),
        (b"[" * 200_000, b"", 400),
        (b'{"Records":' * 50_000, b"", 400),
        (b'{"Records": [{"s3": ' + b"1" * 100_000 + b"}]}", b"", 400),
        (BOMB + b"<Event>&i;</Event>", b"", 400),
        (b"", b"", 400),
    ):
        assert await post(scene.events, body, head) == status, body[:40]
    # Behind the gateway's back: only the event tells of it.
    scene.source.put("told", b"1")
    foreign = [
        {"eventSource": "aws:s3", "s3": {"bucket": {"name": "foreign"}, "object": {"key": str(n)}}} for n in range(3000)
    ]
    ours = {"bucket": {"name": scene.source.name}, "object": {"key": f"{scene.source.prefix}told"}}
    flood = [json.dumps({"Records": foreign}).encode()] * 20
    told = json.dumps({"Records": [{"eventSource": "aws:s3", "s3": ours}]}).encode()
    assert set(await asyncio.gather(*(post(scene.events, body) for body in [*flood, told]))) == {200}
    await until(lambda: scene.target.keys() == ["told"])
    scene.source.delete("told")
    assert await post(scene.events, told) == 200
    await until(lambda: scene.target.keys() == [])
