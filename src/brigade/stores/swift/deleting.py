"""Deleting: large objects with their segments, all else in batches."""

from __future__ import annotations

from collections.abc import Sequence

from brigade.errors import NotFound, StoreError
from brigade.stores.base import ALWAYS, Condition
from brigade.stores.swift.bulk import SINGLE_DELETES_AT_ONCE, Result
from brigade.stores.swift.headers import is_slo
from brigade.stores.swift.manifests import Manifest
from brigade.stores.swift.objects import ObjectCalls
from brigade.stores.together import for_each


class DeletingCalls(ObjectCalls):
    """`delete`."""

    async def delete(self, keys: Sequence[str], *, condition: Condition = ALWAYS) -> Result:  # noqa: ARG002
        """Delete the keys; each is answered with None or its error. Swift deletes on no condition, and none is claimed.

        Unless the settings say otherwise each key is looked at first, because a large object's segments go with it.
        """
        keys = list(dict.fromkeys(keys))
        result: Result = {}
        if self.settings.delete_segments and self._limits.has_slo:
            looks = await for_each(keys, self._look, at_once=SINGLE_DELETES_AT_ONCE)
            for key, (error, large) in zip(keys, looks, strict=True):
                if error is not None or large:
                    result[key] = error or await self._delete_large(key)
        plain = [key for key in keys if key not in result]
        result |= await self._remove(self.settings.container, plain, "delete")
        return {key: result[key] for key in keys}

    async def _look(self, key: str) -> tuple[StoreError | None, bool]:
        """Whether the key is a static large object; an error where it cannot be told."""
        try:
            answer = await self.caller.ask("delete", key, "HEAD", self._path(key, "delete"))
        except StoreError as error:
            return error, False
        if answer.status >= 300 and answer.status != 404:
            return self.caller.refusal("delete", key, answer), False
        return None, is_slo(answer.headers)

    async def _delete_large(self, key: str) -> StoreError | None:
        """The manifest with its segments; without them where they are needed still.

        That is if one is an object of this very container, listed by itself, or if older versions of the manifest stay.
        """
        try:
            manifest = await self._read_manifest("delete", key)
            if manifest is None or self._names_neighbours(manifest) or await self._keeps_versions():
                return await self._remove_one(self.settings.container, key, "delete")
            target = f"{self._path(key, 'delete')}?multipart-manifest=delete"
            answer = await self.caller.call("delete", key, "DELETE", target, [("accept", "application/json")])
            outcome = self._outcome(answer, "delete", key)
        except NotFound:
            return None
        except StoreError as error:
            return error
        if outcome.failed:
            path, words = outcome.failed[0]
            return self._failed("delete", key, f"{words} ({path})")
        return self._failed("delete", key, str(outcome.status)) if outcome.status >= 300 else None

    def _names_neighbours(self, manifest: Manifest) -> bool:
        place = f"/{self.settings.container}/"
        return any(segment.path.startswith(place) for segment in manifest.segments)
