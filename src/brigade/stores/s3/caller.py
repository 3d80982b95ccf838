"""One signed request after another: builds the target, signs, sends, and turns a refusal into an error."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from hashlib import sha256
from typing import NamedTuple

from brigade.clock import Clock
from brigade.errors import InvalidKey, StoreError
from brigade.stores.base import Body
from brigade.stores.http.base import HttpClient, HttpResponse
from brigade.stores.http.calls import USER_AGENT, Answer, PlacingCaller, retry_after_seconds
from brigade.stores.s3.credentials import CredentialSource
from brigade.wire.encoding import encode_key
from brigade.wire.s3errors import error_for
from brigade.wire.s3time import SECOND_NS, http_date_ns
from brigade.wire.s3xml import ErrorDocument, parse_error
from brigade.wire.sigv4 import EMPTY_SHA256, Signer

Headers = Sequence[tuple[str, str]]

NO_HEADERS: Headers = ()


def payload_hash_of(body: bytes | None) -> str:
    """The hash that is signed for a small body."""
    return sha256(body).hexdigest() if body else EMPTY_SHA256


class Place(NamedTuple):
    """Where the bucket is: the client's origin, the Host header, the bucket's own path, what stands before a key."""

    origin: str
    host: str
    bucket_path: str
    key_prefix: str


class Caller(PlacingCaller):
    """Makes the requests of one store. `place` and `signer` change only while the store is being opened."""

    def __init__(
        self,
        store: str,
        client: HttpClient,
        place: Place,
        signer: Signer,
        source: CredentialSource,
        clock: Clock,
        *,
        requester_pays: bool = False,
    ) -> None:
        super().__init__(store)
        self.client = client
        self.place = place
        self.signer = signer
        self._source = source
        self._clock = clock
        self._fixed: list[tuple[str, str]] = [("host", place.host)]
        if requester_pays:
            self._fixed.append(("x-amz-request-payer", "requester"))

    def path(self, key: str | None, operation: str) -> str:
        """The encoded path of a key, or of the bucket."""
        if key is None:
            return self.place.bucket_path
        try:
            return self.place.key_prefix + encode_key(key)
        except UnicodeEncodeError as error:
            raise InvalidKey(
                "the key is not valid Unicode, which S3 demands", store=self.store, operation=operation, key=key
            ) from error

    async def send(
        self,
        operation: str,
        method: str,
        key: str | None,
        query: str = "",
        headers: Headers = NO_HEADERS,
        body: bytes | Body | None = None,
        payload_hash: str = EMPTY_SHA256,
    ) -> AbstractAsyncContextManager[HttpResponse]:
        """Sign a request and hand it to the client; `query` is in canonical form."""
        path = self.path(key, operation)
        all_headers = [*self._fixed, *headers]
        credentials = await self._source.get()
        if credentials is not None:
            all_headers = self.signer.sign(
                credentials, method, path, query, all_headers, payload_hash, self._clock.now_ns()
            )
        all_headers.append(USER_AGENT)
        return self.client.send(method, f"{path}?{query}" if query else path, all_headers, body)

    async def ask(
        self,
        operation: str,
        method: str,
        key: str | None,
        query: str = "",
        headers: Headers = NO_HEADERS,
        body: bytes | Body | None = None,
        payload_hash: str = EMPTY_SHA256,
    ) -> Answer:
        """One request and its whole answer, a refusal too."""
        try:
            exchange = await self.send(operation, method, key, query, headers, body, payload_hash)
            async with exchange as response:
                return Answer(response.status, response.headers, await response.read())
        except StoreError as error:
            raise self.placed(error, operation, key) from error.__cause__

    async def call(
        self,
        operation: str,
        method: str,
        key: str | None,
        query: str = "",
        headers: Headers = NO_HEADERS,
        body: bytes | Body | None = None,
        payload_hash: str = EMPTY_SHA256,
    ) -> Answer:
        """One request and its whole answer. Raises the error that a status of 300 and more stands for."""
        answer = await self.ask(operation, method, key, query, headers, body, payload_hash)
        if answer.status >= 300:
            raise self.refusal(operation, key, *answer)
        return answer

    def refusal(
        self, operation: str, key: str | None, status: int, headers: Mapping[str, str], body: bytes
    ) -> StoreError:
        """The error for a refused request."""
        return self.error(operation, key, status, headers, parse_error(body) if body else ErrorDocument("", ""))

    def error(
        self, operation: str, key: str | None, status: int, headers: Mapping[str, str], said: ErrorDocument
    ) -> StoreError:
        """The error for a document of the server."""
        code = said.code or headers.get("x-minio-error-code", "")
        return error_for(
            status,
            code,
            said.message,
            store=self.store,
            operation=operation,
            key=key,
            retry_after_seconds=retry_after_seconds(headers.get("retry-after"), self._clock),
            hint=self._skew(headers) if code in ("RequestTimeTooSkewed", "RequestExpired") else "",
        )

    def _skew(self, headers: Mapping[str, str]) -> str:
        server_ns = http_date_ns(headers.get("date", ""))
        if not server_ns:
            return ""
        seconds = round((self._clock.now_ns() - server_ns) / SECOND_NS)
        return (
            f"this machine's clock is {abs(seconds)} s {'ahead of' if seconds > 0 else 'behind'} the server's: set it"
        )
