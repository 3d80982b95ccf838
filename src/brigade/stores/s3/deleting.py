"""Deleting: in batches where the server can, else one by one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from hashlib import md5, sha256

from brigade.errors import NotFound, StoreError, Unsupported
from brigade.stores.base import ALWAYS, Condition
from brigade.stores.s3.bucket import Bucket
from brigade.stores.s3.caller import NO_HEADERS, Headers
from brigade.stores.s3.headers import base64_of
from brigade.stores.together import for_each
from brigade.wire.s3xml import build_delete, parse_deleted
from brigade.wire.xml import XmlError

SINGLE_DELETES_AT_ONCE = 16

Outcome = dict[str, StoreError | None]


class DeletingCalls(Bucket):
    """`delete` by DeleteObjects, or DeleteObject where that is missing or cannot name the key."""

    async def delete(self, keys: Sequence[str], *, condition: Condition = ALWAYS) -> Outcome:
        """Delete the keys; each is answered with None or its error."""
        if condition.if_match is not None and self._capabilities.conditional_deletes:
            headers = [("if-match", f'"{condition.if_match}"')]
            return {key: await self._delete_one(key, headers) for key in keys}
        outcome: Outcome = {}
        while len(outcome) < len(keys := list(dict.fromkeys(keys))):
            size = self._capabilities.delete_batch
            batch = keys[len(outcome) : len(outcome) + max(size, SINGLE_DELETES_AT_ONCE)]
            if size == 1 or len(batch) == 1:
                outcome |= await self._delete_singly(batch)
                continue
            try:
                outcome |= await self._delete_batch(batch)
            except Unsupported:
                self._capabilities = replace(self._capabilities, delete_batch=1)
            except XmlError:
                outcome |= await self._delete_singly(batch)
        return {key: outcome[key] for key in keys}

    async def _delete_batch(self, keys: Sequence[str]) -> Outcome:
        body = build_delete(keys)
        headers = [
            ("content-md5", base64_of(md5(body, usedforsecurity=False).hexdigest())),
            ("content-type", "application/xml"),
        ]
        answer = await self.caller.call("delete", "POST", None, "delete=", headers, body, sha256(body).hexdigest())
        outcome: Outcome = dict.fromkeys(keys)
        for key, said in parse_deleted(answer.body).items():
            error = self.caller.error("delete", key, 400, answer.headers, said)
            if key in outcome and not isinstance(error, NotFound):
                outcome[key] = error
        return outcome

    async def _delete_singly(self, keys: Sequence[str]) -> Outcome:
        answers = await for_each(keys, self._delete_one, at_once=SINGLE_DELETES_AT_ONCE)
        return dict(zip(keys, answers, strict=True))

    async def _delete_one(self, key: str, headers: Headers = NO_HEADERS) -> StoreError | None:
        try:
            await self.caller.call("delete", "DELETE", key, headers=headers)
        except NotFound:
            return None
        except StoreError as error:
            return error
        return None
