"""The requests to SQS, byte by byte, at a server that only remembers and answers what it is told."""

from __future__ import annotations

import asyncio
import json

import pytest

from brigade.changes.sqs_queue import MAX_ANSWER_BYTES, Message, SqsQueue, SqsSettings
from brigade.errors import AccessDenied, Rejected, StoreError, Throttled, Unavailable
from brigade.testing.clock import ManualClock
from brigade.wire.sigv4 import Credentials

KEYS = Credentials("AKIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY", "a session token")


class Fixed:
    def __init__(self, credentials: Credentials | None) -> None:
        self.credentials = credentials

    async def get(self) -> Credentials | None:
        return self.credentials


class Remembering:
    """Keeps each request as (head lines, body) and answers with `status` and `body`."""

    def __init__(self) -> None:
        self.requests: list[tuple[list[str], bytes]] = []
        self.status = 200
        self.body = b"{}"
        self.url = ""

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")[:-2]
        length = next(int(line.partition(":")[2]) for line in head if line.lower().startswith("content-length"))
        self.requests.append((head, await reader.readexactly(length)))
        writer.write(
            b"HTTP/1.1 %d X\r\nContent-Length: %d\r\nConnection: close\r\n\r\n" % (self.status, len(self.body))
        )
        writer.write(self.body)
        await writer.drain()
        writer.close()


@pytest.fixture
async def server():
    remembering = Remembering()
    listening = await asyncio.start_server(remembering.serve, "127.0.0.1", 0)
    remembering.url = f"http://127.0.0.1:{listening.sockets[0].getsockname()[1]}/123456789012/events"
    yield remembering
    listening.close()


@pytest.fixture
async def open_queue(server):
    queues: list[SqsQueue] = []

    def make(credentials: Credentials | None = KEYS, **settings) -> SqsQueue:
        queues.append(
            SqsQueue(SqsSettings(server.url, region="eu-west-1", **settings), Fixed(credentials), ManualClock())
        )
        return queues[-1]

    yield make
    for queue in queues:
        await queue.close()


async def test_the_signature_is_the_one_that_botocore_makes(server, open_queue):
    from botocore.auth import SigV4Auth
    from botocore.awsrequest import AWSRequest
    from botocore.credentials import Credentials as Theirs

    await open_queue().receive()
    (first, *lines), body = server.requests[0]
    assert first == "POST / HTTP/1.1"
    sent = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines)}
    signed = sent["authorization"].split("SignedHeaders=")[1].split(",")[0].split(";")
    assert {"host", "x-amz-date", "x-amz-target", "x-amz-security-token"} <= set(signed)
    request = AWSRequest("POST", f"http://{sent['host']}/", headers={n: sent[n] for n in signed}, data=body)
    request.context["timestamp"] = sent["x-amz-date"]
    auth = SigV4Auth(Theirs(KEYS.access_key, KEYS.secret_key, KEYS.session_token), "sqs", "eu-west-1")
    text = auth.string_to_sign(request, auth.canonical_request(request))
    assert sent["authorization"].endswith(f"Signature={auth.signature(text, request)}")


async def test_what_is_asked_of_the_queue(server, open_queue):
    queue = open_queue(visibility_seconds=90, wait_seconds=3)
    await queue.receive()
    await queue.delete([Message("m", "receipt", "", 1)])
    bodies = [json.loads(body) for _, body in server.requests]
    assert bodies[0] == {
        "QueueUrl": server.url,
        "MaxNumberOfMessages": 10,
        "WaitTimeSeconds": 3,
        "VisibilityTimeout": 90,
        "AttributeNames": ["ApproximateReceiveCount"],
    }
    assert bodies[1] == {"QueueUrl": server.url, "Entries": [{"Id": "0", "ReceiptHandle": "receipt"}]}


async def test_the_queue_keeps_its_own_visibility_unless_told(server, open_queue):
    await open_queue().receive()
    assert "VisibilityTimeout" not in json.loads(server.requests[0][1])


async def test_messages_and_failed_deletions_are_read(server, open_queue):
    message = {"MessageId": "m", "ReceiptHandle": "r", "Body": "{}", "Attributes": {"ApproximateReceiveCount": "3"}}
    server.body = json.dumps({"Messages": [message]}).encode()
    assert await open_queue().receive() == [Message("m", "r", "{}", 3)]
    server.body = json.dumps({"Failed": [{"Id": "0", "Code": "ReceiptHandleIsInvalid"}]}).encode()
    assert await open_queue().delete([Message("m", "r", "", 1)]) == ["ReceiptHandleIsInvalid"]


async def test_without_keys_nothing_is_signed(server, open_queue):
    await open_queue(None).receive()
    assert not any("authorization" in line.lower() for line in server.requests[0][0])


def said(code: str) -> bytes:
    return json.dumps({"__type": f"com.amazonaws.sqs#{code}", "message": "so it is"}).encode()


@pytest.mark.parametrize(
    ("status", "body", "kind"),
    [
        (400, said("QueueDoesNotExist"), Rejected),
        (400, said("AWS.SimpleQueueService.NonExistentQueue"), Rejected),
        (400, said("InvalidClientTokenId"), AccessDenied),
        (403, said("AccessDeniedException"), AccessDenied),
        (403, b"<html>proxy</html>", AccessDenied),
        (400, said("SignatureDoesNotMatch"), AccessDenied),
        (400, said("RequestThrottled"), Throttled),
        (400, said("ThrottlingException"), Throttled),
        (429, b"", Throttled),
        (503, b"<html>", Unavailable),
        (500, said("InternalFailure"), Unavailable),
        (400, said("InvalidParameterValue"), Rejected),
        (200, b"<html>a web page</html>", Rejected),
        (200, b"[]", Rejected),
        (200, b'{"Messages": [{"Body": "x"}]}', Rejected),
        (200, b'{"Messages": ["x"]}', Rejected),
        (200, b"[" * 100_000, Rejected),
        (200, b" " * (MAX_ANSWER_BYTES + 1), Rejected),
    ],
)
async def test_a_refusal_says_what_and_where(server, open_queue, status, body, kind):
    server.status, server.body = status, body
    with pytest.raises(StoreError) as told:
        await open_queue().receive()
    assert type(told.value) is kind
    assert KEYS.secret_key not in str(told.value)


async def test_the_error_names_the_queue(server, open_queue):
    server.status, server.body = 400, said("QueueDoesNotExist")
    with pytest.raises(Rejected, match="ReceiveMessage: there is no such queue") as told:
        await open_queue().receive()
    assert server.url in str(told.value)
