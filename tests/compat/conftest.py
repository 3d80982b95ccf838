"""Real stores, each reached directly and through a gateway in front of it."""

from __future__ import annotations

import asyncio
import re
import secrets
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import Any, Self

import boto3
import pytest
import uvloop
from botocore.config import Config
from botocore.exceptions import ClientError

from brigade.clock import SystemClock
from brigade.gateway.app import serve
from brigade.gateway.settings import FixedCredentials, GatewaySettings, StoreTarget, User
from brigade.testing.available import SERVERS
from brigade.testing.servers import Endpoint, Server
from brigade.wire.sigv4 import SPACES_ONLY, UNICODE_BLANKS, Credentials
from brigade.wire.verify import AccessKey

CLIENT = Credentials("GATEWAYKEY", "gateway-secret")
BLANKS = {"seaweedfs": UNICODE_BLANKS, "ceph": SPACES_ONLY}


# Moments, ids and framing: different at every request, and said to be so.
_DROPPED = {
    "date",
    "last-modified",
    "x-amz-request-id",
    "x-amz-id-2",
    "x-rgw-request-id",
    "x-amzn-requestid",
    "connection",
    "keep-alive",
    "transfer-encoding",
    # Ids and moments of SeaweedFS's own; moto keeps the signature's headers as if they were the object's.
    "seaweed-x-amz-version-id",
    "seaweed-x-amz-noncurrent-since-ns",
    "seaweed-x-amz-retention-until-date",
    "x-amz-content-sha256",
}
_DELETED = re.compile(r"<Deleted>.*?</Deleted>")
# The one thing that a store says of itself in an answer: the URL of what was made.
_LOCATION = re.compile(r"<Location>https?://[^/<]+/")
_ELEMENTS = re.compile(
    r"<(RequestId|HostId|LastModified|CreationDate|Initiated|Date|ContinuationToken|NextContinuationToken)>.*?</\1>",
    re.DOTALL,
)
_IDS = re.compile(r"<(UploadId|(?:Next)?UploadIdMarker|(?:DeleteMarker)?VersionId|(?:Next)?VersionIdMarker)>(.*?)</\1>")
_MOMENTS = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d[.\d]*Z?")


@dataclass
class Recorder:
    """A boto3 client whose every answer is taken down."""

    client: Any
    bucket: str
    seen: list[Any] = field(default_factory=list)
    ids: dict[str, str] = field(default_factory=dict)

    def __enter__(self) -> Self:
        self.client.meta.events.register("after-call.s3", self._take)
        return self

    def __exit__(self, *_: object) -> None:
        self.client.meta.events.unregister("after-call.s3", self._take)

    def __getattr__(self, operation: str) -> Any:
        """Any operation of the client; a refusal is an answer, too."""

        def call(**arguments: Any) -> Any:
            try:
                return getattr(self.client, operation)(**arguments)
            except ClientError as error:
                return error.response

        return call

    def note(self, what: str, value: object) -> None:
        """Take down something that the case itself looked at."""
        self.seen.append((what, self.normal(str(value)) if not isinstance(value, bytes) else value))

    def answer(self, what: str, status: int, headers: Any, body: bytes) -> None:
        """Take down an answer that boto3 did not fetch."""
        self.seen.append((what, status, self._headers(headers), self.normal(body.decode("utf-8", "replace"))))

    def _take(self, http_response: Any, model: Any, **_: Any) -> None:
        streamed = model.has_streaming_output and http_response.status_code < 300
        body = "" if streamed else self.normal(http_response.content.decode("utf-8", "replace"))
        self.seen.append((model.name, http_response.status_code, self._headers(http_response.headers), body))

    def _headers(self, headers: Any) -> dict[str, str]:
        found = {name.lower(): self.normal(value) for name, value in headers.items() if name.lower() not in _DROPPED}
        if "xml" in found.get("content-type", "") or "html" in found.get("content-type", ""):
            # The length follows from names and ids of different length.
            found.pop("content-length", None)
        for name in ("x-amz-version-id", "x-amz-copy-source-version-id", "x-amz-delete-marker-version-id"):
            if name in found:
                found[name] = self._id(found[name])
        return found

    def normal(self, text: str) -> str:
        """Text without names, moments and ids of this very visit."""
        text = _ELEMENTS.sub(r"<\1/>", text)
        text = _IDS.sub(lambda match: f"<{match.group(1)}>{self._id(match.group(2))}</{match.group(1)}>", text)
        # Ceph deletes at once and answers in the order in which it was done.
        text = re.sub(
            r"(?:<Deleted>.*?</Deleted>)+", lambda rows: "".join(sorted(_DELETED.findall(rows.group()))), text
        )
        text = _LOCATION.sub("<Location>ENDPOINT/", text)
        text = text.replace(self.bucket, "BUCKET").replace(self.client.meta.endpoint_url, "ENDPOINT")
        text = text.replace(self.client.meta.endpoint_url.partition("//")[2], "HOST")
        return _MOMENTS.sub("MOMENT", text)

    def _id(self, text: str) -> str:
        return self.ids.setdefault(text, f"id-{len(self.ids)}") if text not in ("", "null") else text


@dataclass(frozen=True)
class Access:
    """One way to reach a store."""

    url: str
    region: str
    access_key: str
    secret_key: str

    def client(self, **options: Any) -> Any:
        """boto3 as it comes: default checksums on; only retries are off."""
        session = boto3.session.Session(self.access_key, self.secret_key, region_name=self.region)
        verify = options.pop("verify", None)
        style = {"addressing_style": "path", **options.pop("s3", {})}
        return session.client(
            "s3",
            endpoint_url=self.url,
            verify=verify,
            # Left to itself, boto3 still presigns by version 2 for us-east-1.
            config=Config(signature_version="s3v4", retries={"max_attempts": 0}, s3=style, **options),
        )


@dataclass(frozen=True)
class Pair:
    """The same store twice."""

    name: str
    direct: Access
    through: Access


def gateway_settings(endpoint: Endpoint, **options: Any) -> GatewaySettings:
    store = StoreTarget(
        "store",
        endpoint.url,
        FixedCredentials(Credentials(endpoint.access_key, endpoint.secret_key)),
        region=endpoint.region,
        trailers=endpoint.name != "ceph",
        **({"blanks": BLANKS[endpoint.name]} if endpoint.name in BLANKS else {}),
    )
    users = (User("client", (AccessKey(CLIENT),)),)
    return GatewaySettings((store,), users, store="store", port=0, **options)


@contextmanager
def running_gateway(settings: GatewaySettings) -> Iterator[int]:
    """A gateway in a thread of its own; gives its port."""
    started: list[Any] = []
    ready = threading.Event()

    async def run() -> None:
        async with serve(settings, clock=SystemClock(), drain_seconds=2) as gateway:
            stop = asyncio.Event()
            started.extend([gateway.address[1], stop, asyncio.get_running_loop()])
            ready.set()
            await stop.wait()

    thread = threading.Thread(target=lambda: uvloop.run(run()), daemon=True)
    thread.start()
    assert ready.wait(20)
    port, stop, loop = started
    try:
        yield port
    finally:
        loop.call_soon_threadsafe(stop.set)
        thread.join(20)


@pytest.fixture(scope="session")
def gateways(running: Callable[[str], Server]) -> Iterator[Callable[[str], Pair]]:
    """Gives the pair of a store's name; store and gateway run until the session ends."""
    pairs: dict[str, Pair] = {}
    with ExitStack() as stack:

        def pair(name: str) -> Pair:
            if name not in pairs:
                endpoint = running(name).endpoint
                port = stack.enter_context(running_gateway(gateway_settings(endpoint, anonymous=True)))
                pairs[name] = Pair(
                    name,
                    Access(endpoint.url, endpoint.region, endpoint.access_key, endpoint.secret_key),
                    Access(f"http://127.0.0.1:{port}", endpoint.region, CLIENT.access_key, CLIENT.secret_key),
                )
            return pairs[name]

        yield pair


@pytest.fixture(params=["seaweed", "ceph", "moto"])
def pair(request: pytest.FixtureRequest, gateways: Callable[[str], Pair]) -> Pair:
    """Every store that can run here."""
    missing = SERVERS[request.param].missing()
    if missing:
        pytest.skip(missing)
    return gateways(request.param)


@pytest.fixture
def open_gateway(running: Callable[[str], Server]) -> Callable[..., AbstractContextManager[int]]:
    """Opens a gateway with settings of its own before a running store."""

    def opened(name: str, **options: Any) -> AbstractContextManager[int]:
        return running_gateway(gateway_settings(running(name).endpoint, **options))

    return opened


Visit = Callable[[Any], None]


@pytest.fixture(scope="session")
def clients() -> Iterator[Callable[[Access], Any]]:
    """Gives the one client of an access: making one takes longer than most cases."""
    made: dict[Access, Any] = {}

    def client(access: Access) -> Any:
        if access not in made:
            made[access] = access.client()
        return made[access]

    yield client
    for each in made.values():
        each.close()


@pytest.fixture
def visits(pair: Pair, clients: Callable[[Access], Any]) -> Callable[[Visit], tuple[list[Any], list[Any]]]:
    """Runs a case twice, directly and through the gateway, each time in a bucket of its own."""

    def both(case: Visit) -> tuple[list[Any], list[Any]]:
        return visit(clients(pair.direct), case), visit(clients(pair.through), case)

    return both


def visit(client: Any, case: Visit) -> list[Any]:
    """What a case sees of a store."""
    bucket = f"compat-{secrets.token_hex(4)}"
    client.create_bucket(Bucket=bucket)
    with Recorder(client, bucket) as recorder:
        case(recorder)
    return recorder.seen
