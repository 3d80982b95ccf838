"""One request after another under the token of the moment, and what a refusal means."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager
from types import TracebackType
from urllib.parse import urlsplit

from brigade.clock import Clock
from brigade.errors import AccessDenied, InvalidKey, StoreError, Unavailable
from brigade.stores.base import Body, BytesBody
from brigade.stores.http.base import HttpClient, HttpResponse
from brigade.stores.http.calls import USER_AGENT, Answer, PlacingCaller, retry_after_seconds
from brigade.stores.swift.failures import error_for
from brigade.stores.swift.tokens import Token, TokenSource
from brigade.wire.encoding import encode_key

Headers = Sequence[tuple[str, str]]

NO_HEADERS: Headers = ()


class Caller(PlacingCaller):
    """Makes the requests of one store. `account_path` is the path of the account, encoded."""

    def __init__(self, store: str, client: HttpClient, account_path: str, tokens: TokenSource, clock: Clock) -> None:
        super().__init__(store)
        self.client = client
        self.account_path = account_path
        self.tokens = tokens
        self._clock = clock

    def path(self, container: str, key: str | None, operation: str) -> str:
        """The encoded path of an object, or of the container."""
        try:
            place = f"{self.account_path}/{encode_key(container)}"
            return place if key is None else f"{place}/{encode_key(key)}"
        except UnicodeEncodeError as error:
            raise InvalidKey(
                "the key is not valid Unicode, which Swift demands", store=self.store, operation=operation, key=key
            ) from error

    def send(
        self, method: str, target: str, headers: Headers = NO_HEADERS, body: bytes | Body | None = None
    ) -> AbstractAsyncContextManager[HttpResponse]:
        """One request; its answer may be a refusal, but not for a token that has ended."""
        return _Exchange(self.client, self.tokens, method, target, headers, body)

    async def ask(
        self,
        operation: str,
        key: str | None,
        method: str,
        target: str,
        headers: Headers = NO_HEADERS,
        body: bytes | Body | None = None,
    ) -> Answer:
        """One request and its whole answer, a refusal too."""
        try:
            async with self.send(method, target, headers, body) as response:
                return Answer(response.status, response.headers, await response.read())
        except StoreError as error:
            raise self.placed(error, operation, key) from error.__cause__

    async def call(
        self,
        operation: str,
        key: str | None,
        method: str,
        target: str,
        headers: Headers = NO_HEADERS,
        body: bytes | Body | None = None,
    ) -> Answer:
        """One request and its whole answer. Raises the error that a status of 300 and more stands for."""
        answer = await self.ask(operation, key, method, target, headers, body)
        if answer.status >= 300:
            raise self.refusal(operation, key, answer)
        return answer

    def refusal(self, operation: str, key: str | None, answer: Answer) -> StoreError:
        """The error for a refused request."""
        return error_for(
            answer.status,
            answer.body,
            store=self.store,
            operation=operation,
            key=key,
            retry_after_seconds=retry_after_seconds(answer.headers.get("retry-after"), self._clock),
        )


class _Exchange:
    """The context of one request. A refused token is renewed once; all who met the refusal wait for the same log-in."""

    __slots__ = ("_body", "_client", "_headers", "_inner", "_method", "_target", "_tokens")

    def __init__(
        self,
        client: HttpClient,
        tokens: TokenSource,
        method: str,
        target: str,
        headers: Headers,
        body: bytes | Body | None,
    ) -> None:
        self._client = client
        self._tokens = tokens
        self._method = method
        self._target = target
        self._headers = headers
        self._body = body.data if type(body) is BytesBody else body
        self._inner: AbstractAsyncContextManager[HttpResponse] | None = None

    async def __aenter__(self) -> HttpResponse:
        token = await self._tokens.get()
        response = await self._attempt(token)
        if response.status != 401:
            return response
        await self.__aexit__(None, None, None)
        fresh = await self._tokens.renew(token)
        if fresh.value == token.value:
            raise AccessDenied("the server refuses the token", status=401, hint="fetch a new token")
        body = self._body
        if not (body is None or isinstance(body, bytes) or body.replayable):
            raise Unavailable("the token ended while the body was sent, and this body cannot be sent again")
        return await self._attempt(fresh)

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        inner, self._inner = self._inner, None
        if inner is not None:
            await inner.__aexit__(kind, error, trace)

    async def _attempt(self, token: Token) -> HttpResponse:
        headers = [*self._headers, ("x-auth-token", token.value), USER_AGENT]
        exchange = self._client.send(self._method, self._target, headers, self._body)
        response = await exchange.__aenter__()
        self._inner = exchange
        return response


def origin_of(storage_url: str) -> str:
    """Where the client connects to."""
    parts = urlsplit(storage_url)
    return f"{parts.scheme}://{parts.netloc.lower()}"


def account_path_of(storage_url: str, account: str | None) -> str:
    """The path of the account; `account` replaces its last component."""
    path = urlsplit(storage_url).path.rstrip("/")
    return f"{path.rsplit('/', 1)[0]}/{encode_key(account)}" if account else path
