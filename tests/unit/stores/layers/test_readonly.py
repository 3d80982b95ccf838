from __future__ import annotations

import pytest

from brigade.errors import Rejected
from brigade.objects import NO_ATTRIBUTES
from brigade.stores.base import BytesBody
from brigade.stores.layers.readonly import ReadOnlyStore

WRITES = {
    "put": lambda store: store.put("a", BytesBody(b"2"), attributes=NO_ATTRIBUTES),
    "copy": lambda store: store.copy("a", "b"),
    "delete": lambda store: store.delete(["a"]),
    "write_tags": lambda store: store.write_tags("a", {"k": "v"}),
    "write_acl": lambda store: store.write_acl("a", []),
    "create_multipart": lambda store: store.create_multipart("m", attributes=NO_ATTRIBUTES),
    "put_part": lambda store: store.put_part("m", "upload-000001", 1, BytesBody(b"x")),
    "complete_multipart": lambda store: store.complete_multipart("m", "upload-000001", []),
    "abort_multipart": lambda store: store.abort_multipart("m", "upload-000001"),
    "put_segment": lambda store: store.put_segment("/c/o", BytesBody(b"x")),
    "write_manifest": lambda store: store.write_manifest("m", b"[]", attributes=NO_ATTRIBUTES),
    "create_bucket": lambda store: store.create_bucket(),
    "delete_bucket": lambda store: store.delete_bucket(),
}


@pytest.mark.parametrize("operation", WRITES)
async def test_a_write_is_refused_and_changes_nothing(inner, operation):
    await inner.put("a", BytesBody(b"1"), attributes=NO_ATTRIBUTES)
    await inner.create_multipart("m", attributes=NO_ATTRIBUTES)
    before = ((await inner.list_page()).entries, await inner.list_multiparts(), await inner.read_tags("a"))
    with pytest.raises(Rejected, match="reading only"):
        await WRITES[operation](ReadOnlyStore(inner))
    assert before == ((await inner.list_page()).entries, await inner.list_multiparts(), await inner.read_tags("a"))


async def test_reads_go_through(inner):
    await inner.put("a", BytesBody(b"1"), attributes=NO_ATTRIBUTES)
    store = ReadOnlyStore(inner)
    await store.open()
    assert (await store.head("a")).size_bytes == 1
    async with store.get("a") as reader:
        assert await reader.read() == b"1"
    assert len((await store.list_page()).entries) == 1
    await store.close()
