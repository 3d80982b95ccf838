"""Removing many objects with one request, where the cluster has it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from brigade.errors import StoreError
from brigade.stores.http.calls import Answer
from brigade.stores.swift.failures import error_for
from brigade.stores.swift.manifests import ManifestCalls
from brigade.stores.together import for_each
from brigade.wire.encoding import encode_key
from brigade.wire.swift import Outcome, parse_outcome

SINGLE_DELETES_AT_ONCE = 16
# Swift refuses longer lines, and what is encoded may be three times as long as the name.
_LONGEST_LINE = 2000
_HEADERS = [("content-type", "text/plain"), ("accept", "application/json")]

Result = dict[str, StoreError | None]


class BulkCalls(ManifestCalls):
    """`_remove` by bulk-delete, or one by one."""

    async def _remove(self, container: str, names: Sequence[str], operation: str) -> Result:
        """Remove plain objects of a container; each is answered with None or its error. Absent ones are fine."""
        lines = {name: f"/{encode_key(container)}/{encode_key(name)}" for name in names}
        # A name of nothing but slashes would look like the container itself.
        fit = [name for name, line in lines.items() if len(line) <= _LONGEST_LINE and name.strip("/")]
        result: Result = {}
        size = self._limits.bulk_deletes
        while size > 1 and len(fit) > 1:
            batch, fit = fit[:size], fit[size:]
            answered = await self._bulk({lines[name]: name for name in batch}, operation)
            if answered is None:
                break
            result |= answered
        rest = [name for name in names if name not in result]
        answers = await for_each(
            rest, lambda name: self._remove_one(container, name, operation), at_once=SINGLE_DELETES_AT_ONCE
        )
        return result | dict(zip(rest, answers, strict=True))

    async def _bulk(self, names: dict[str, str], operation: str) -> Result | None:
        """The answers of one request, by name; None where they have to go one by one."""
        body = "\n".join(names).encode()
        target = f"{self.caller.account_path}?bulk-delete"
        answer = await self.caller.ask(operation, None, "POST", target, _HEADERS, body)
        if answer.status in (404, 405, 501) or (400 <= answer.status < 403 and answer.status != 401):
            self._limits = replace(self._limits, bulk_deletes=0)
            return None
        if answer.status >= 300:
            raise self.caller.refusal(operation, None, answer)
        outcome = self._outcome(answer, operation)
        if (outcome.status >= 300 and not outcome.failed) or outcome.words:
            # It gave up in the middle, and does not say where.
            return None
        if any(path not in names for path, _ in outcome.failed):
            # Some name failed, and which one cannot be told.
            return None
        failed = {names[path]: words for path, words in outcome.failed}
        return {
            name: self._failed(operation, name, failed[name]) if name in failed else None for name in names.values()
        }

    async def _remove_one(self, container: str, name: str, operation: str) -> StoreError | None:
        try:
            answer = await self.caller.ask(operation, name, "DELETE", self.caller.path(container, name, operation))
        except StoreError as error:
            return error
        return self.caller.refusal(operation, name, answer) if answer.status >= 300 and answer.status != 404 else None

    def _outcome(self, answer: Answer, operation: str, key: str | None = None) -> Outcome:
        """What a request says that answers in its body; one that cannot be read is a failure of the server."""
        try:
            return parse_outcome(answer.body)
        except ValueError as error:
            text = f"the answer cannot be read: {error}".encode()
            raise error_for(502, text, store=self.name, operation=operation, key=key) from error

    def _failed(self, operation: str, key: str, words: str) -> StoreError:
        """The error for `412 Precondition Failed` and the like in such an answer."""
        status = int(words[:3]) if words[:3].isdecimal() else 400
        return error_for(status, words.encode(), store=self.name, operation=operation, key=key)
