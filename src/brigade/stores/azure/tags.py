"""Index tags, and the ACLs that Azure does not have."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from brigade.objects import Grant
from brigade.stores.azure.container import Container
from brigade.stores.azure.headers import check_tags
from brigade.wire.azurexml import build_tags, parse_tags


def version_query(version_id: str | None) -> list[tuple[str, str]]:
    """What names a version in a query, or a snapshot (`snapshot=…`); nothing for the blob as it is now."""
    if version_id is None:
        return []
    word, equals, value = version_id.partition("=")
    return [(word, value)] if equals else [("versionid", version_id)]


class TagCalls(Container):
    """`read_tags`, `write_tags`, `read_acl`, `write_acl`."""

    async def read_tags(self, key: str, *, version_id: str | None = None) -> dict[str, str]:
        """The tags of a blob; empty if it has none."""
        self._need("tags", "read_tags", key)
        answer = await self.caller.call("read_tags", "GET", key, [("comp", "tags"), *version_query(version_id)])
        with self._reading("read_tags", key):
            return parse_tags(answer.body)

    async def write_tags(self, key: str, tags: Mapping[str, str]) -> None:
        """Make these the tags of the blob."""
        self._need("tags", "write_tags", key)
        with self._placing("write_tags", key):
            check_tags(tags)
        headers = [("content-type", "application/xml; charset=utf-8")]
        await self.caller.call("write_tags", "PUT", key, [("comp", "tags")], headers, build_tags(tags))

    async def read_acl(self, key: str) -> tuple[Grant, ...]:
        """Blobs have no ACL of this kind."""
        self._need("acl", "read_acl", key)
        return ()

    async def write_acl(self, key: str, acl: Sequence[Grant]) -> None:  # noqa: ARG002 (nothing is written)
        """Blobs have no ACL of this kind."""
        self._need("acl", "write_acl", key)
