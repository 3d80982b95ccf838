"""The notification settings of a bucket: read, written, and, where Ceph has them, topics that post to a webhook."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from hashlib import md5, sha256
from typing import TYPE_CHECKING

from brigade.errors import NotFound, Rejected
from brigade.stores.s3.headers import base64_of
from brigade.stores.s3.settings import Vendor
from brigade.wire.encoding import encode_query, encode_value
from brigade.wire.s3notifications import Entry, build_notifications, parse_notifications
from brigade.wire.xml import XmlError, parse

if TYPE_CHECKING:
    from brigade.stores.s3.store import S3Store


class BucketNotifications:
    """The notifications of an opened store's bucket."""

    def __init__(self, store: S3Store) -> None:
        self.name = store.name
        self.bucket = store.settings.bucket
        self.vendor = str(store.vendor)
        self._store = store
        # Ceph adds what is put to what is there, takes no empty configuration, and deletes by id instead.
        self._merges = store.vendor is Vendor.CEPH

    async def read(self) -> list[Entry]:
        """All entries, also those of others. Raises `StoreError`."""
        answer = await self._store.caller.call("read_notifications", "GET", None, "notification=")
        try:
            return parse_notifications(answer.body)
        except XmlError as error:
            raise Rejected(
                f"the notifications cannot be read: {error}", store=self.name, operation="read_notifications"
            ) from None

    async def write(self, entries: Sequence[Entry], *, removed: Collection[str] = ()) -> None:
        """Make these the entries; `removed` are the ids of those that were there and are not wanted."""
        if self._merges:
            await self._delete(removed)
            if {entry.id for entry in entries} <= {entry.id for entry in await self.read()}:
                return  # Nothing is new. To put the entries of others again could fail by a topic that is gone.
        body = build_notifications(entries)
        headers = [("content-md5", base64_of(md5(body, usedforsecurity=False).hexdigest()))]
        await self._store.caller.call(
            "write_notifications", "PUT", None, "notification=", headers, body, sha256(body).hexdigest()
        )

    async def create_topic(self, name: str, push_endpoint: str) -> str:
        """Make a topic of Ceph that posts to a URL, or change its URL. Returns its ARN."""
        body = await self._topics(
            [
                ("Action", "CreateTopic"),
                ("Name", name),
                ("Attributes.entry.1.key", "push-endpoint"),
                ("Attributes.entry.1.value", push_endpoint),
            ]
        )
        try:
            arn = parse(body).text_of("CreateTopicResult", "TopicArn")
        except XmlError:
            arn = None
        if not arn:
            raise Rejected("the answer names no topic", store=self.name, operation="create_topic")
        return arn

    async def delete_topic(self, arn: str) -> None:
        """Delete a topic of Ceph; one that is not there is fine."""
        try:
            await self._topics([("Action", "DeleteTopic"), ("TopicArn", arn)])
        except NotFound:
            return

    async def _delete(self, ids: Collection[str]) -> None:
        for entry_id in ids:
            query = f"notification={encode_value(entry_id)}"
            try:
                await self._store.caller.call("write_notifications", "DELETE", None, query)
            except NotFound:
                continue

    async def _topics(self, pairs: Sequence[tuple[str, str]]) -> bytes:
        body = encode_query(pairs).encode()
        headers = [("content-type", "application/x-www-form-urlencoded")]
        caller = self._store.service_caller("sns")
        answer = await caller.call("topics", "POST", None, "", headers, body, sha256(body).hexdigest())
        return answer.body
