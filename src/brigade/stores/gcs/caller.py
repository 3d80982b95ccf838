"""One request after another: builds the target, adds the token, sends, and turns a refusal into an error."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Any
from urllib.parse import urlsplit

from brigade.errors import NotFound, StoreError, Unavailable
from brigade.stores.base import Body
from brigade.stores.gcs.credentials import TokenSource
from brigade.stores.gcs.settings import GcsSettings
from brigade.stores.http.base import HttpClient, HttpResponse
from brigade.stores.http.calls import USER_AGENT, Answer, PlacingCaller
from brigade.wire.encoding import encode_value
from brigade.wire.gcs import Refusal, error_for, missing_what, parse_refusal

Pairs = Sequence[tuple[str, str]]
Resource = dict[str, Any]

_JSON = ("content-type", "application/json; charset=UTF-8")


class Caller(PlacingCaller):
    """Makes the requests of one store."""

    def __init__(self, store: str, client: HttpClient, source: TokenSource, settings: GcsSettings) -> None:
        super().__init__(store)
        self.client = client
        self.source = source
        parts = urlsplit(settings.endpoint)
        base = parts.path.rstrip("/")
        self.bucket_name = settings.bucket
        self.buckets = f"{base}/storage/v1/b"
        self.bucket = f"{self.buckets}/{encode_value(settings.bucket)}"
        self.objects = f"{self.bucket}/o"
        self.uploads = f"{base}/upload/storage/v1/b/{encode_value(settings.bucket)}/o"
        payer = settings.user_project
        self._always: list[tuple[str, str]] = [("userProject", payer)] if payer is not None else []

    def path(self, key: str) -> str:
        """The path of an object."""
        return f"{self.objects}/{encode_value(key)}"

    async def send(
        self, method: str, path: str, query: Pairs = (), headers: Pairs = (), body: bytes | Body | None = None
    ) -> AbstractAsyncContextManager[HttpResponse]:
        """Hand a request to the client."""
        token = await self.source.get()
        all_headers = [USER_AGENT, *headers]
        if token is not None:
            all_headers.append(("authorization", token))
        pairs = [f"{name}={encode_value(value)}" for name, value in (*query, *self._always)]
        return self.client.send(method, f"{path}?{'&'.join(pairs)}" if pairs else path, all_headers, body)

    async def ask(
        self,
        operation: str,
        key: str | None,
        method: str,
        path: str,
        query: Pairs = (),
        headers: Pairs = (),
        body: bytes | Body | None = None,
    ) -> Answer:
        """One request and its whole answer, a refusal too."""
        try:
            exchange = await self.send(method, path, query, headers, body)
            async with exchange as response:
                return Answer(response.status, response.headers, await response.read())
        except StoreError as error:
            raise self.placed(error, operation, key) from error.__cause__

    async def call(
        self,
        operation: str,
        key: str | None,
        method: str,
        path: str,
        query: Pairs = (),
        *,
        document: Resource | None = None,
        headers: Pairs = (),
        body: bytes | Body | None = None,
    ) -> Resource:
        """One request and the document that it is answered with. Raises the error that another status stands for."""
        if document is not None:
            body, headers = json.dumps(document).encode(), (_JSON,)
        answer = await self.ask(operation, key, method, path, query, headers, body)
        if answer.status >= 300:
            raise await self.refusal(operation, key, answer.status, answer.headers, answer.body)
        try:
            return json.loads(answer.body) if answer.body else {}
        except ValueError as error:
            text = f"the answer cannot be read: {error}"
            raise Unavailable(text, store=self.store, operation=operation, key=key) from error

    async def refusal(
        self, operation: str, key: str | None, status: int, headers: Mapping[str, str], body: bytes
    ) -> StoreError:
        """The error for a refused request. Where a 404 does not say what is missing, the bucket is looked for."""
        said = parse_refusal(body)
        if status == 404 and key is not None and missing_what(said) is None and await self.has_bucket():
            said = Refusal(said.reason, f"No such object: {self.bucket_name}/{key}")
        return error_for(
            status,
            said,
            store=self.store,
            operation=operation,
            key=key,
            retry_after_seconds=_retry_after(headers.get("retry-after")),
        )

    async def has_bucket(self) -> bool:
        """Whether the bucket is there, as far as these credentials may see. Raises what is neither yes nor no."""
        answer = await self.ask("look for the bucket", None, "GET", self.objects, [("maxResults", "1")])
        if answer.status < 300 or answer.status == 404:
            return answer.status < 300
        raise error_for(answer.status, parse_refusal(answer.body), store=self.store, operation="list_page")

    def gone(self, operation: str, key: str, text: str) -> NotFound:
        """The error for what is not there as far as this store's own words go."""
        return NotFound(text, store=self.store, operation=operation, key=key)


def _retry_after(text: str | None) -> float | None:
    return float(text) if text is not None and re.fullmatch(r"[0-9]{1,9}", text.strip()) else None
