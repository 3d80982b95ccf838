from __future__ import annotations

import pytest
from bench.stub_s3 import Stub

from brigade.wire.s3listing import parse_listing


@pytest.mark.parametrize("limit", [1000, 7])
def test_pages_follow_each_other_in_byte_order_to_the_last_object(limit: int) -> None:
    stub, keys, token = Stub(2100), [], ""
    while True:
        page = parse_listing(stub.answer("GET", f"/source?list-type=2&max-keys={limit}{token}"))
        keys += [entry.key for entry in page.entries]
        if page.token is None:
            break
        token = f"&continuation-token={page.token}"

    assert len(keys) == 2100
    assert keys == sorted(set(keys))


def test_a_listing_can_begin_behind_a_key() -> None:
    stub = Stub(2100)
    keys = [entry.key for entry in parse_listing(stub.answer("GET", "/source?max-keys=1000")).entries]

    after = parse_listing(stub.answer("GET", f"/source?max-keys=5&start-after={keys[41].replace('/', '%2F')}"))

    assert [entry.key for entry in after.entries] == keys[42:47]


def test_both_buckets_hold_the_same_and_the_target_is_newer() -> None:
    stub = Stub(10)
    source, target = (
        parse_listing(stub.answer("GET", f"/{name}?max-keys=1000")).entries for name in ("source", "target")
    )

    assert [entry[:3] for entry in source] == [entry[:3] for entry in target]
    assert all(ours.modified_ns < theirs.modified_ns for ours, theirs in zip(source, target, strict=True))
