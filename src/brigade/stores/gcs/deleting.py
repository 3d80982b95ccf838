"""Deleting: a bounded number of single requests at once."""

from __future__ import annotations

from collections.abc import Sequence

from brigade.errors import InvalidKey, NotFound, StoreError
from brigade.stores.base import ALWAYS, Condition
from brigade.stores.gcs.listing import ListingCalls
from brigade.stores.together import for_each

DELETES_AT_ONCE = 32


class DeletingCalls(ListingCalls):
    """`delete` by objects.delete."""

    async def delete(self, keys: Sequence[str], *, condition: Condition = ALWAYS) -> dict[str, StoreError | None]:
        """Delete the keys; each is answered with None or its error."""
        wanted = list(dict.fromkeys(keys))
        answers = await for_each(wanted, lambda key: self._delete_one(key, condition), at_once=DELETES_AT_ONCE)
        return dict(zip(wanted, answers, strict=True))

    async def _delete_one(self, key: str, condition: Condition) -> StoreError | None:
        try:
            self.check_path(key, "delete")
            query = await self._only(key, condition)
            await self.caller.call("delete", key, "DELETE", self.caller.path(key), query)
        except (NotFound, InvalidKey):
            # What the server cannot hold is not there either.
            return None
        except StoreError as error:
            return error
        return None

    async def _only(self, key: str, condition: Condition) -> list[tuple[str, str]]:
        """The precondition of a deletion: the generation that has the wanted ETag. Raises `NotFound`."""
        if condition.if_match is None:
            return []
        now = await self.look("delete", key)
        self.check_condition(condition, "delete", key, now)
        return [("ifGenerationMatch", str(now["generation"]))]

    async def delete_generation(self, operation: str, key: str, generation: str) -> None:
        """Take back exactly what was written here; fine if it is not there any more."""
        try:
            await self.caller.call(operation, key, "DELETE", self.caller.path(key), [("generation", generation)])
        except NotFound:
            return
