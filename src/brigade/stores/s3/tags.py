"""Tags and ACLs: what hangs on an object and needs calls of its own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from hashlib import md5, sha256

from brigade.objects import Grant
from brigade.stores.s3.bucket import Bucket
from brigade.stores.s3.headers import base64_of, grant_headers
from brigade.wire.encoding import encode_query
from brigade.wire.s3xml import build_tagging, parse_acl, parse_tagging


class TagCalls(Bucket):
    """`read_tags`, `write_tags`, `read_acl`, `write_acl`."""

    async def read_tags(self, key: str, *, version_id: str | None = None) -> dict[str, str]:
        """The tags of an object; empty if it has none."""
        self._need("tags", "read_tags", key)
        query = [("tagging", "")] + ([("versionId", version_id)] if version_id is not None else [])
        answer = await self.caller.call("read_tags", "GET", key, encode_query(query))
        with self._reading("read_tags", key):
            # Ceph 16 answers nothing at all for an object that lost its tags in a copy.
            return parse_tagging(answer.body) if answer.body else {}

    async def write_tags(self, key: str, tags: Mapping[str, str]) -> None:
        """Make these the tags of the object."""
        self._need("tags", "write_tags", key)
        if not tags and not self._traits.loses_etags:
            await self.caller.call("write_tags", "DELETE", key, "tagging=")
            return
        body = build_tagging(tags)
        headers = [("content-md5", base64_of(md5(body, usedforsecurity=False).hexdigest()))]
        await self.caller.call("write_tags", "PUT", key, "tagging=", headers, body, sha256(body).hexdigest())

    async def read_acl(self, key: str) -> tuple[Grant, ...]:
        """Who may do what with the object."""
        self._need("acl", "read_acl", key)
        answer = await self.caller.call("read_acl", "GET", key, "acl=")
        with self._reading("read_acl", key):
            return parse_acl(answer.body)

    async def write_acl(self, key: str, acl: Sequence[Grant]) -> None:
        """Make these the grants of the object."""
        self._need("acl", "write_acl", key)
        await self.caller.call("write_acl", "PUT", key, "acl=", grant_headers(acl))
