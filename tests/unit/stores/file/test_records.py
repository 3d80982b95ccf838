"""What a record keeps, and what is made of mtime and mode."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from brigade.objects import Attributes
from brigade.stores.file.records import (
    Record,
    current_attributes,
    decode_record,
    encode_record,
    format_seconds,
    glance,
    plain_attributes,
    requested_times,
)

texts = st.text(max_size=20)


@given(
    st.builds(
        Attributes,
        content_type=st.none() | texts,
        expires=st.none() | texts,
        metadata=st.dictionaries(texts, texts),
        tags=st.dictionaries(texts, texts),
    )
)
def test_a_record_comes_back_equal(attributes: Attributes) -> None:
    record = Record(5, -7, 9, "0" * 32 + "-2", attributes, (2, 3))
    raw = encode_record(record)
    assert decode_record(raw) == record
    first = glance(raw)
    assert first is not None
    assert (first.size_bytes, first.modified_ns, first.inode, first.etag) == record[:4]
    assert first.tag_count == len(attributes.tags or {})


@pytest.mark.parametrize(
    "raw", [b"", b"foreign", b"1 2 3", b"2 1 1 0 - 0\n{}", b"1 1 x 0 - 0\n{}", b"1 1 1 0 \xff 0\n{}"]
)
def test_bytes_of_somebody_else_are_no_record(raw: bytes) -> None:
    assert glance(raw) is None
    assert decode_record(raw) is None


@pytest.mark.parametrize("rest", [b"", b"{", b"[]", b'{"headers":{"unknown":"x"}}'])
def test_a_damaged_record_is_none(rest: bytes) -> None:
    assert decode_record(b"1 1 1 0 - 0\n" + rest) is None


@pytest.mark.parametrize(
    ("modified_ns", "text"),
    [(0, "0"), (1_700_000_000_000_000_000, "1700000000"), (1_500_000_001, "1.500000001"), (-1_250_000_000, "-1.25")],
)
def test_times_are_decimal_seconds_to_the_nanosecond(modified_ns: int, text: str) -> None:
    assert format_seconds(modified_ns) == text
    assert requested_times({"mtime": text}) == (modified_ns, None)


@given(st.integers(-(10**19), 10**20 - 1))
def test_any_time_survives_its_text(modified_ns: int) -> None:
    assert requested_times({"mtime": format_seconds(modified_ns)})[0] == modified_ns


def test_what_cannot_be_read_asks_for_nothing() -> None:
    assert requested_times({"mtime": "yesterday", "mode": "rwx"}) == (None, None)
    assert requested_times({"mtime": "1e9", "mode": "9"}) == (None, None)


def test_privileges_are_never_asked_for() -> None:
    assert requested_times({"mode": "106755"}) == (None, 0o755)


def test_mtime_and_mode_follow_the_file_and_other_metadata_stays(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"")
    path.chmod(0o640)
    os.utime(path, ns=(0, 1_500_000_000))
    status = path.stat()
    kept = Attributes(metadata={"mtime": "1.50", "mode": "0640", "owner": "me"})
    assert current_attributes(kept, status) is kept
    stale = Attributes(metadata={"mtime": "9", "mode": "777", "owner": "me"}, content_type="a/b", tags={"t": "1"})
    fresh = current_attributes(stale, status)
    assert fresh.metadata == {"mtime": "1.5", "mode": "100640", "owner": "me"}
    assert (fresh.content_type, fresh.tags) == ("a/b", {"t": "1"})
    assert current_attributes(Attributes(metadata={"owner": "me"}), status).metadata == {"owner": "me"}
    assert plain_attributes(status).metadata == {"mtime": "1.5", "mode": "100640"}
