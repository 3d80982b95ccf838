"""Copying inside the store, and giving an object other attributes where it lies."""

from __future__ import annotations

from typing import Any

from brigade.errors import Corrupt, StoreError
from brigade.objects import Attributes, ObjectInfo
from brigade.stores.base import ALWAYS, Condition
from brigade.stores.gcs.attributes import FIELDS, Resource, attributes_of, patch_of
from brigade.stores.gcs.objects import ObjectCalls, Query
from brigade.wire.encoding import encode_value

_REWRITE_FIELDS = f"done,rewriteToken,resource({FIELDS})"


class CopyCalls(ObjectCalls):
    """`copy` by objects.rewrite, or objects.patch where the bytes stay as they are."""

    async def copy(
        self,
        source_key: str,
        target_key: str,
        *,
        attributes: Attributes | None = None,
        condition: Condition = ALWAYS,
    ) -> ObjectInfo:
        """Copy one object; `attributes` replaces all of them, `condition` is on the source."""
        self.check_key(target_key, "copy")
        now = await self.look("copy", source_key)
        self.check_condition(condition, "copy", source_key, now)
        try:
            chosen = attributes or attributes_of(now)
            patch = patch_of(chosen, now)
        except StoreError as error:
            raise self.caller.placed(error, "copy", source_key) from None
        wanted = {"storageClass": now.get("storageClass"), **self.resource(chosen, "copy", target_key)}
        if source_key == target_key and _stays(wanted, now):
            answer = await self._patch(target_key, now, patch)
        else:
            answer = await self.rewrite("copy", now, target_key, wanted)
        self.forget(target_key)
        return self.info("copy", target_key, answer)

    async def _patch(self, key: str, now: Resource, patch: Resource) -> Resource:
        query = [
            ("ifGenerationMatch", str(now["generation"])),
            ("ifMetagenerationMatch", str(now.get("metageneration", ""))),
            ("fields", FIELDS),
        ]
        return await self.caller.call("copy", key, "PATCH", self.caller.path(key), query, document=patch)

    async def rewrite(
        self, operation: str, source: Resource, target_key: str, wanted: Resource, query: Query | None = None
    ) -> Resource:
        """Make exactly this generation another object, which carries what is `wanted`. The answer is that object's resource.

        A copy into another class may take several calls, each of which goes on where the last one ended.
        """
        caller = self.caller
        path = (
            f"{caller.path(source['name'])}/rewriteTo/b/{encode_value(caller.bucket_name)}/o/{encode_value(target_key)}"
        )
        fixed = [("ifSourceGenerationMatch", str(source["generation"])), ("fields", _REWRITE_FIELDS), *(query or ())]
        document = {name: value for name, value in wanted.items() if value is not None}
        token = ""
        while True:
            more = [("rewriteToken", token)] if token else []
            answer: dict[str, Any] = await caller.call(
                operation, target_key, "POST", path, fixed + more, document=document
            )
            if answer.get("done"):
                break
            if not answer.get("rewriteToken"):
                raise self.rejected(operation, target_key, "the server does not say how a copy under way goes on")
            token = answer["rewriteToken"]
        written: Resource = answer.get("resource") or {}
        if written.get("crc32c") != source.get("crc32c") or written.get("size") != source.get("size"):
            await self.delete_generation(operation, target_key, str(written.get("generation", "")))
            text = "the copy has another checksum than what was copied"
            raise Corrupt(text, store=self.name, operation=operation, key=target_key)
        return written


def _stays(wanted: Resource, now: Resource) -> bool:
    """True where a patch will do. It cannot move to another class, and Google lets nobody take a custom time back."""
    if wanted.get("storageClass") != now.get("storageClass"):
        return False
    return now.get("customTime") in (None, wanted.get("customTime"))
