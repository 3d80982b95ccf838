"""Deleting, one request for each blob, some at once."""

from __future__ import annotations

from collections.abc import Sequence

from brigade.errors import NotFound, StoreError
from brigade.stores.azure.container import Container, condition_headers
from brigade.stores.azure.headers import HeaderList
from brigade.stores.azure.keys import never_held
from brigade.stores.base import ALWAYS, Condition
from brigade.stores.together import for_each

DELETES_AT_ONCE = 16


class DeletingCalls(Container):
    """`delete` by Delete Blob. A batch would save no cost: Azure bills each blob in it."""

    async def delete(self, keys: Sequence[str], *, condition: Condition = ALWAYS) -> dict[str, StoreError | None]:
        """Delete the keys; each is answered with None or its error."""
        wanted = list(dict.fromkeys(keys))
        conditions = condition_headers(condition)
        outcomes = await for_each(wanted, lambda key: self._delete_one(key, conditions), at_once=DELETES_AT_ONCE)
        return dict(zip(wanted, outcomes, strict=True))

    async def _delete_one(self, key: str, conditions: HeaderList) -> StoreError | None:
        # Without this header a blob with snapshots stays, and the server says so.
        headers = [("x-ms-delete-snapshots", "include")] if self.settings.delete_snapshots else []
        if never_held(key):
            return None
        try:
            await self.caller.call("delete", "DELETE", key, (), [*headers, *conditions])
        except NotFound:
            return None
        except StoreError as error:
            return error
        return None
