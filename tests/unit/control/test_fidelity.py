from __future__ import annotations

from dataclasses import replace

from brigade.control.fidelity import EVERYTHING, Fate, fidelity, losses
from brigade.stores.base import Capabilities

PLAIN = Capabilities(content_headers=False, metadata=False, empty_metadata_values=False)


def fates(source: Capabilities, target: Capabilities) -> dict[str, Fate]:
    return {row.what: row.fate for row in fidelity(source, target)}


def test_a_store_that_has_all_carries_all():
    assert set(fates(EVERYTHING, EVERYTHING).values()) == {Fate.CARRIED}
    assert losses(EVERYTHING, EVERYTHING) == []


def test_what_the_target_lacks_is_lost_and_told():
    assert losses(EVERYTHING, PLAIN) == ["content headers", "user metadata", "tags", "storage class", "object lock"]
    assert losses(EVERYTHING, PLAIN, acl=True)[-2:] == ["ACL", "object lock"]


def test_what_the_source_never_had_is_no_loss():
    assert losses(PLAIN, PLAIN) == []
    assert fates(PLAIN, EVERYTHING)["tags"] is Fate.ABSENT


def test_empty_metadata_values_are_a_row_only_where_they_are_lost():
    drops = replace(EVERYTHING, empty_metadata_values=False)
    assert fates(EVERYTHING, drops)["empty metadata values"] is Fate.LOST
    assert "empty metadata values" not in fates(drops, drops)


def test_what_few_stores_have_is_a_row_only_where_the_source_has_it():
    google = replace(EVERYTHING, custom_time=True, delete_at=True)
    assert fates(google, google)["custom time"] is Fate.CARRIED
    assert losses(google, EVERYTHING) == ["custom time", "time of deletion"]
    assert "custom time" not in fates(EVERYTHING, google)


def test_names_that_the_target_cannot_hold_are_told():
    azure = replace(EVERYTHING, identifier_metadata=True, stored_classes={"DEEP_ARCHIVE": "GLACIER"})
    assert fates(EVERYTHING, azure)["user metadata"] is Fate.PARTLY
    assert fates(azure, azure)["user metadata"] is Fate.CARRIED
    row = next(row for row in fidelity(EVERYTHING, azure) if row.what == "storage class")
    assert (row.fate, row.why) == (Fate.PARTLY, "DEEP_ARCHIVE becomes GLACIER")
    assert fates(EVERYTHING, replace(EVERYTHING, narrow_tags=True))["tags"] is Fate.PARTLY


def test_shorter_keys_are_told():
    assert fates(EVERYTHING, replace(EVERYTHING, max_key_bytes=255))["keys"] is Fate.PARTLY


def test_every_row_says_why():
    assert all(
        row.why for source in (EVERYTHING, PLAIN) for target in (EVERYTHING, PLAIN) for row in fidelity(source, target)
    )
