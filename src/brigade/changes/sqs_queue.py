"""One queue of Amazon SQS, spoken to in its JSON protocol over our own signing and HTTP: receive and delete."""

from __future__ import annotations

import json
import re
import ssl as tls
from collections.abc import Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any, NamedTuple, Protocol
from urllib.parse import urlsplit

from brigade import __version__
from brigade.clock import Clock
from brigade.errors import AccessDenied, ConfigError, Rejected, StoreError, Throttled, Unavailable
from brigade.stores.http import open_client
from brigade.wire.sigv4 import Credentials, Signer

BATCH = 10
"""SQS hands out and deletes no more at once."""

MAX_ANSWER_BYTES = 16 * 1024 * 1024
"""Ten messages of 1 MiB, escaped."""

_CONNECT_TIMEOUT_SECONDS = 10.0
_ANSWER_SECONDS = 15.0
_AWS_HOST = re.compile(r"sqs\.([a-z0-9-]+)\.amazonaws\.com(?:\.cn)?|([a-z0-9-]+)\.queue\.amazonaws\.com").fullmatch
_FIRST_REGION = "us-east-1"


class CredentialSource(Protocol):
    """Gives the credentials of the moment; None signs nothing."""

    async def get(self) -> Credentials | None:
        """The same object as before as long as it is good: the signer goes by identity."""


class Message(NamedTuple):
    """One message. `receives` is how often it was handed out, this time included."""

    message_id: str
    receipt: str
    body: str
    receives: int


class Queue(Protocol):
    """What the feed needs of a queue."""

    async def receive(self) -> list[Message]:
        """Up to ten messages, after at most the queue's waiting time. Raises `StoreError`."""

    async def delete(self, messages: Sequence[Message]) -> list[str]:
        """Delete up to ten; why each of those that were not deleted was not. Raises `StoreError`."""

    async def close(self) -> None: ...


@dataclass(frozen=True, slots=True)
class SqsSettings:
    """One queue. `region` None is read from an address of AWS, and is the first region elsewhere.

    `visibility_seconds` None leaves the queue's own. It is how long a message whose marks are not durable yet stays
    with us; then SQS hands it out again. A message that cannot be read is deleted when it was handed out
    `poison_receives` times; until then it is left, for a queue with a dead-letter queue behind it.
    """

    queue_url: str
    region: str | None = None
    ssl: tls.SSLContext | None = field(default=None, repr=False)
    wait_seconds: int = 20
    visibility_seconds: int | None = None
    poison_receives: int = 5
    pollers: int = 2

    def __post_init__(self) -> None:
        try:
            parts = urlsplit(self.queue_url)
            usable = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
        except ValueError:
            usable = False
        if not usable:
            hint = "it looks like https://sqs.eu-west-1.amazonaws.com/123456789012/name"
            raise ConfigError(f"the queue {self.queue_url!r} is no URL", hint=hint)
        if not 1 <= self.wait_seconds <= 20:
            raise ConfigError(f"SQS waits for 1 to 20 seconds, not for {self.wait_seconds}")
        if self.poison_receives < 1 or self.pollers < 1:
            raise ConfigError("poison_receives and pollers of a queue are at least 1")

    @property
    def signing_region(self) -> str:
        """The region that requests are signed for."""
        found = _AWS_HOST(urlsplit(self.queue_url).hostname or "")
        return self.region or (found and (found.group(1) or found.group(2))) or _FIRST_REGION


class SqsQueue:
    """The queue at an address. Make it inside a running event loop."""

    def __init__(self, settings: SqsSettings, source: CredentialSource, clock: Clock) -> None:
        parts = urlsplit(settings.queue_url)
        self._settings = settings
        self._source = source
        self._clock = clock
        self._host = parts.netloc
        self._signer = Signer(settings.signing_region, service="sqs")
        self._client = open_client(
            f"{parts.scheme}://{parts.netloc}",
            ssl=settings.ssl,
            connections=2 * settings.pollers,
            connect_timeout_seconds=_CONNECT_TIMEOUT_SECONDS,
            idle_timeout_seconds=settings.wait_seconds + _ANSWER_SECONDS,
        )

    async def receive(self) -> list[Message]:
        settings = self._settings
        request: dict[str, Any] = {
            "MaxNumberOfMessages": BATCH,
            "WaitTimeSeconds": settings.wait_seconds,
            "AttributeNames": ["ApproximateReceiveCount"],
        }
        if settings.visibility_seconds is not None:
            request["VisibilityTimeout"] = settings.visibility_seconds
        answer = await self._call("ReceiveMessage", request)
        return [_message(each) for each in answer.get("Messages") or ()]

    async def delete(self, messages: Sequence[Message]) -> list[str]:
        entries = [{"Id": str(number), "ReceiptHandle": each.receipt} for number, each in enumerate(messages)]
        answer = await self._call("DeleteMessageBatch", {"Entries": entries})
        return [str(each.get("Code") or each) for each in answer.get("Failed") or ()]

    async def close(self) -> None:
        await self._client.close()

    async def _call(self, action: str, request: dict[str, Any]) -> dict[str, Any]:
        try:
            return await self._exchange(action, request)
        except StoreError as error:
            error.store = error.store or self._settings.queue_url
            error.operation = error.operation or action
            raise

    async def _exchange(self, action: str, request: dict[str, Any]) -> dict[str, Any]:
        body = json.dumps({"QueueUrl": self._settings.queue_url} | request).encode()
        headers = [
            ("content-type", "application/x-amz-json-1.0"),
            ("host", self._host),
            ("x-amz-target", f"AmazonSQS.{action}"),
        ]
        credentials = await self._source.get()
        if credentials is not None:
            digest = sha256(body).hexdigest()
            headers = self._signer.sign(credentials, "POST", "/", "", headers, digest, self._clock.now_ns())
        headers.append(("user-agent", f"brigade/{__version__}"))
        async with self._client.send("POST", "/", headers, body) as response:
            pieces, size_bytes = [], 0
            async for piece in response.chunks():
                size_bytes += len(piece)
                if size_bytes > MAX_ANSWER_BYTES:
                    raise Rejected(f"the answer has more than {MAX_ANSWER_BYTES} bytes")
                pieces.append(piece)
            return _answer(response.status, b"".join(pieces))


def _answer(status: int, body: bytes) -> dict[str, Any]:
    """The document of an answer. Raises the error that a refusal stands for."""
    try:
        document = json.loads(body) if body else {}
    except (ValueError, RecursionError):
        document = None
    if not isinstance(document, dict):
        document = {} if status >= 300 else None
    if document is None:
        raise Rejected("the answer is no JSON: this is no SQS", status=status, hint="check the queue's address")
    if status >= 300:
        raise _refusal(status, document)
    return document


def _refusal(status: int, document: dict[str, Any]) -> StoreError:
    code = str(document.get("__type", "")).rpartition("#")[2]
    said = str(document.get("message") or document.get("Message") or "")[:300] or f"SQS answered {status}"
    if "Throttl" in code or code == "OverLimit" or status == 429:
        return Throttled(said, code=code, status=status)
    if status >= 500:
        return Unavailable(said, code=code, status=status)
    if "NonExistentQueue" in code or "QueueDoesNotExist" in code:
        return Rejected("there is no such queue", code=code, status=status, hint="check its address and region")
    if status in (401, 403) or "AccessDenied" in code or "Token" in code or "Signature" in code:
        hint = "these keys need sqs:ReceiveMessage and sqs:DeleteMessage on the queue"
        return AccessDenied(said, code=code, status=status, hint=hint)
    return Rejected(said, code=code, status=status)


def _message(each: dict[str, Any]) -> Message:
    try:
        receives = int((each.get("Attributes") or {}).get("ApproximateReceiveCount", 1))
        return Message(str(each["MessageId"]), str(each["ReceiptHandle"]), str(each["Body"]), receives)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise Rejected(f"a message without {error}: this is no SQS", hint="check the queue's address") from None
