"""Deleting: a bounded number of single requests at once."""

from __future__ import annotations

from collections.abc import Sequence

from brigade.errors import InvalidKey, NotFound, StoreError
from brigade.stores.gcs.listing import ListingCalls
from brigade.stores.together import for_each

DELETES_AT_ONCE = 32


class DeletingCalls(ListingCalls):
    """`delete` by objects.delete."""

    async def delete(self, keys: Sequence[str]) -> dict[str, StoreError | None]:
        """Delete the keys; each is answered with None or its error."""
        wanted = list(dict.fromkeys(keys))
        answers = await for_each(wanted, self._delete_one, at_once=DELETES_AT_ONCE)
        return dict(zip(wanted, answers, strict=True))

    async def _delete_one(self, key: str) -> StoreError | None:
        try:
            self.check_path(key, "delete")
            await self.caller.call("delete", key, "DELETE", self.caller.path(key))
        except (NotFound, InvalidKey):
            # What the server cannot hold is not there either.
            return None
        except StoreError as error:
            return error
        return None

    async def delete_generation(self, operation: str, key: str, generation: str) -> None:
        """Take back exactly what was written here; fine if it is not there any more."""
        try:
            await self.caller.call(operation, key, "DELETE", self.caller.path(key), [("generation", generation)])
        except NotFound:
            return
