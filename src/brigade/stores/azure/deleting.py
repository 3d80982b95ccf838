"""Deleting, one request for each blob, some at once."""

from __future__ import annotations

from collections.abc import Sequence

from brigade.errors import NotFound, StoreError
from brigade.stores.azure.container import Container
from brigade.stores.azure.keys import never_held
from brigade.stores.together import for_each

DELETES_AT_ONCE = 16


class DeletingCalls(Container):
    """`delete` by Delete Blob. A batch would save no cost: Azure bills each blob in it."""

    async def delete(self, keys: Sequence[str]) -> dict[str, StoreError | None]:
        """Delete the keys; each is answered with None or its error."""
        wanted = list(dict.fromkeys(keys))
        outcomes = await for_each(wanted, self._delete_one, at_once=DELETES_AT_ONCE)
        return dict(zip(wanted, outcomes, strict=True))

    async def _delete_one(self, key: str) -> StoreError | None:
        # Without this header a blob with snapshots stays, and the server says so.
        headers = [("x-ms-delete-snapshots", "include")] if self.settings.delete_snapshots else []
        if never_held(key):
            return None
        try:
            await self.caller.call("delete", "DELETE", key, (), headers)
        except NotFound:
            return None
        except StoreError as error:
            return error
        return None
