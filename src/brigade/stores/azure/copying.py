"""Copying inside the account, and changing what a blob carries, without moving the bytes through here."""

from __future__ import annotations

from collections.abc import Mapping

from brigade.errors import Unavailable
from brigade.objects import Attributes, ObjectInfo
from brigade.stores.azure.bodies import base64_of
from brigade.stores.azure.container import condition_headers, match_value
from brigade.stores.azure.headers import content_headers, metadata_headers, tag_headers, tier_headers
from brigade.stores.azure.multipart import MultipartCalls
from brigade.stores.azure.tags import TagCalls
from brigade.stores.base import ALWAYS, Condition

POLL_SECONDS = 1.0


class CopyCalls(MultipartCalls, TagCalls):
    """`copy` by Copy Blob, or by setting properties, metadata, tags and tier where source and target are the same blob."""

    async def copy(
        self,
        source_key: str,
        target_key: str,
        *,
        attributes: Attributes | None = None,
        condition: Condition = ALWAYS,
    ) -> ObjectInfo:
        """Copy one blob; `attributes` replaces all of them, `condition` is on the source."""
        self._check_key(target_key, "copy")
        if attributes is not None:
            self._attribute_headers(attributes, "copy", target_key)
        source = await self.head(source_key)
        if condition.if_match not in (None, "*", source.etag):
            raise self._changed("copy", source_key, f"the blob has the ETag {source.etag} by now")
        if source_key != target_key:
            source = await self._copy_blob(source, target_key, attributes)
        etag = source.etag if attributes is None else await self._change(source, attributes)
        now = await self.head(target_key)
        if etag not in (None, now.etag):
            raise self._changed("copy", target_key, "somebody else has written the blob meanwhile")
        return now._replace(attributes=None)

    async def _copy_blob(self, source: ObjectInfo, target_key: str, attributes: Attributes | None) -> ObjectInfo:
        """Copy with all that the source carries, or with new metadata; the rest of what is new is set afterwards."""
        carried = source.attributes or Attributes()
        tags = attributes.tags if attributes is not None else None
        if tags is None and source.tag_count != 0 and self._capabilities.tags:
            tags = await self.read_tags(source.key)
        url = self.caller.url(source.key, "copy")
        headers = [("x-ms-copy-source", url), *condition_headers(Condition(if_match=source.etag), "x-ms-source-")]
        with self._placing("copy", target_key):
            headers += tag_headers(tags) + tier_headers(attributes or carried)
        answer = await self.caller.call("copy", "PUT", target_key, (), headers)
        etag, status = answer.headers.get("etag", "").strip('"'), answer.headers.get("x-ms-copy-status", "")
        if status == "pending":
            etag = await self._copied(target_key, answer.headers.get("x-ms-copy-id", ""))
        return source._replace(key=target_key, etag=etag or None, attributes=carried.with_tags(tags))

    async def _copied(self, key: str, copy_id: str) -> str:
        """Wait until the server has copied all; within an account it rarely takes more than the request."""
        while True:
            await self._clock.sleep(POLL_SECONDS)
            said = (await self.caller.call("copy", "HEAD", key)).headers
            status = said.get("x-ms-copy-status")
            if said.get("x-ms-copy-id") != copy_id:
                raise self._changed("copy", key, "somebody else has written the target of the copy meanwhile")
            if status == "success":
                return said.get("etag", "").strip('"')
            if status != "pending":
                why = said.get("x-ms-copy-status-description", "")
                raise Unavailable(
                    f"the server gave the copy up ({status}): {why}", store=self.name, operation="copy", key=key
                )

    async def _change(self, info: ObjectInfo, attributes: Attributes) -> str | None:
        """Give a blob these attributes; the answer is the ETag that it has then. Tier and tags leave it as it is.

        Each call names the ETag that the one before has left, so that no other write is met.
        """
        held = info.attributes or Attributes()
        etag = info.etag
        if _metadata(held) != _metadata(attributes):
            with self._placing("copy", info.key):
                headers = metadata_headers(attributes, encode_names=self.settings.encode_metadata_names)
            etag = await self._set(info.key, "metadata", headers, etag)
        wanted = content_headers(attributes)
        if content_headers(held) != wanted:
            if info.checksum is not None:
                # What is not named here is taken away from the blob.
                wanted.append(("x-ms-blob-content-md5", base64_of(info.checksum.hex)))
            etag = await self._set(info.key, "properties", wanted, etag)
        tier = tier_headers(attributes)
        if tier and tier != tier_headers(held):
            await self._set(info.key, "tier", tier, None)
        if attributes.tags is not None and attributes.tags != held.tags:
            await self.write_tags(info.key, attributes.tags)
        return etag

    async def _set(self, key: str, what: str, headers: list[tuple[str, str]], etag: str | None) -> str | None:
        condition = [("if-match", match_value(etag))] if etag is not None else []
        answer = await self.caller.call("copy", "PUT", key, [("comp", what)], [*headers, *condition])
        return answer.headers.get("etag", "").strip('"') or None


def _metadata(attributes: Attributes) -> tuple[Mapping[str, str], str | None]:
    return dict(attributes.metadata), attributes.expires
