"""The table of vendors, and the page that shows it to people."""

from __future__ import annotations

from pathlib import Path

import pytest

from brigade.stores.s3.settings import Vendor
from brigade.stores.s3.vendors import TRAITS

PAGE = Path(__file__).parents[4] / "docs" / "stores" / "s3.md"
ROWS = {
    "listing order": "listing_order",
    "listing from any key": "start_after",
    "checks `Content-MD5`": "verifies_md5",
    "conditional writes": "conditional_writes",
    "tags": "tags",
    "storage classes": "storage_classes",
    "ACLs": "acl",
    "object lock": "object_lock",
    "empty metadata values": "empty_metadata_values",
    "a copy keeps a multipart ETag": "copy_keeps_etag",
}


def table() -> dict[str, list[str]]:
    rows = [line.strip("| ").split(" | ") for line in PAGE.read_text().splitlines() if line.startswith("| ")]
    return {row[0]: row[1:] for row in rows}


def test_every_vendor_has_its_traits() -> None:
    assert set(TRAITS) == set(Vendor) - {Vendor.AUTO}


@pytest.mark.parametrize(("row", "capability"), ROWS.items())
def test_the_page_shows_what_the_table_says(row: str, capability: str) -> None:
    head = next(line for line in PAGE.read_text().splitlines() if line.startswith("| | aws"))
    names = head.strip("| ").split(" | ")
    shown = dict(zip(names, table()[row], strict=True))
    for vendor, traits in TRAITS.items():
        value = getattr(traits.capabilities, capability)
        expected = {True: "yes", False: "no"}[value] if isinstance(value, bool) else str(value)
        assert shown[vendor] == expected, vendor


def test_every_setting_stands_on_the_page() -> None:
    from brigade.config.stores import S3Section

    text = PAGE.read_text()
    own = set(S3Section.model_fields) - {"type", "concurrency", "requests_per_second", "bandwidth"}
    assert [name for name in own if f"`{name}`" not in text] == []
