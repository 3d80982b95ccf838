"""One authorised request after another: builds the target, signs, sends, and turns a refusal into an error."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from typing import NamedTuple

from brigade.clock import Clock
from brigade.errors import InvalidKey, StoreError
from brigade.stores.azure.credentials import Authority, Request
from brigade.stores.base import Body
from brigade.stores.http.base import HttpClient, HttpResponse
from brigade.stores.http.calls import USER_AGENT, Answer, PlacingCaller, retry_after_seconds
from brigade.wire.azureerrors import error_for
from brigade.wire.azurexml import parse_message
from brigade.wire.encoding import encode_key
from brigade.wire.s3time import SECOND_NS
from brigade.wire.sharedkey import http_date

Pairs = Sequence[tuple[str, str]]

NOTHING: Pairs = ()


class Place(NamedTuple):
    """Where the container is: the client's origin, the Host header, the account's path, and the container's."""

    origin: str
    host: str
    account_path: str
    container_path: str


class Caller(PlacingCaller):
    """Makes the requests of one store."""

    def __init__(
        self, store: str, client: HttpClient, place: Place, authority: Authority, clock: Clock, *, version: str
    ) -> None:
        super().__init__(store)
        self.client = client
        self.place = place
        self.authority = authority
        self._clock = clock
        self._dated_seconds = 0
        self._dated = ("x-ms-date", http_date(0))
        self._fixed = [("host", place.host), ("x-ms-version", version), USER_AGENT]

    def path(self, key: str | None, operation: str) -> str:
        """The encoded path of a key, or of the container."""
        if key is None:
            return self.place.container_path
        try:
            return f"{self.place.container_path}/{encode_key(key)}"
        except UnicodeEncodeError as error:
            raise InvalidKey(
                "the key is not valid Unicode, which Azure demands", store=self.store, operation=operation, key=key
            ) from error

    def url(self, key: str, operation: str) -> str:
        """The whole URL of a key, by which the server itself can read it; it may hold a secret."""
        return f"{self.place.origin}{self.path(key, operation)}{self.authority.source_query()}"

    async def send(
        self,
        operation: str,
        method: str,
        key: str | None,
        query: Pairs = NOTHING,
        headers: Pairs = NOTHING,
        body: bytes | Body | None = None,
        path: str | None = None,
    ) -> AbstractAsyncContextManager[HttpResponse]:
        """Authorise a request and hand it to the client; `path` stands for another than the key's."""
        path = path if path is not None else self.path(key, operation)
        length_bytes = 0 if body is None else len(body) if isinstance(body, bytes) else body.size_bytes
        request = Request(method, path, query, [*self._fixed, self._date(), *headers], length_bytes)
        sent = await self.authority.authorise(request)
        return self.client.send(method, f"{path}?{sent}" if sent else path, request.headers, body)

    def _date(self) -> tuple[str, str]:
        seconds = self._clock.now_ns() // SECOND_NS
        if seconds != self._dated_seconds:
            self._dated_seconds = seconds
            self._dated = ("x-ms-date", http_date(seconds))
        return self._dated

    async def ask(
        self,
        operation: str,
        method: str,
        key: str | None,
        query: Pairs = NOTHING,
        headers: Pairs = NOTHING,
        body: bytes | Body | None = None,
        path: str | None = None,
    ) -> Answer:
        """One request and its whole answer, a refusal too."""
        try:
            async with await self.send(operation, method, key, query, headers, body, path) as response:
                return Answer(response.status, response.headers, await response.read())
        except StoreError as error:
            raise self.placed(error, operation, key) from error.__cause__

    async def call(
        self,
        operation: str,
        method: str,
        key: str | None,
        query: Pairs = NOTHING,
        headers: Pairs = NOTHING,
        body: bytes | Body | None = None,
        path: str | None = None,
    ) -> Answer:
        """One request and its whole answer. Raises the error that a status of 300 and more stands for."""
        answer = await self.ask(operation, method, key, query, headers, body, path)
        if answer.status >= 300:
            raise self.refusal(operation, key, *answer)
        return answer

    def refusal(
        self, operation: str, key: str | None, status: int, headers: Mapping[str, str], body: bytes
    ) -> StoreError:
        """The error for a refused request."""
        return error_for(
            status,
            headers.get("x-ms-error-code", ""),
            parse_message(body) if body else "",
            store=self.store,
            operation=operation,
            key=key,
            retry_after_seconds=retry_after_seconds(headers.get("retry-after"), self._clock),
        )
