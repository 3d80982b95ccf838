"""The fidelity table, held to what really happens: an object dressed in all that its store can hold, copied over each pair."""

from __future__ import annotations

import time
from dataclasses import replace

import pytest

from brigade.control.fidelity import Fate, fidelity
from brigade.decide.attributes import is_identifier
from brigade.objects import Attributes, ObjectLock
from brigade.replications import AttributesMode
from brigade.testing.bodies import pattern

pytestmark = pytest.mark.server

HEADERS = {
    "content_type": "text/html; charset=utf-8",
    "content_encoding": "gzip",
    "content_disposition": 'attachment; filename="a b.txt"',
    "content_language": "de, en",
    "cache_control": "max-age=60, public",
    "expires": "Thu, 01 Dec 2033 16:00:00 GMT",
}
METADATA = {"one": "1", "two-words": "2  and, a comma", "utf8": "Gr\u00fc\u00dfe"}
TAGS = {"colour": "red", "with space": "a+b=c:d/e"}
SIZES = {"small": 10, "large": 700_001}


def dressed(side):
    """All that objects of this store can carry."""
    able = side.store.capabilities
    attributes = Attributes(
        metadata=METADATA if not able.identifier_metadata else {k: v for k, v in METADATA.items() if is_identifier(k)},
        tags=TAGS if able.tags else None,
        storage_class="STANDARD_IA" if able.storage_classes else None,
        custom_time="2031-01-02T03:04:05Z" if able.custom_time else None,
        delete_at_seconds=int(time.time()) + 10_000 if able.delete_at else None,
        # A lock of S3 needs a bucket that was made for it; Google's hold needs nothing.
        lock=ObjectLock(legal_hold=True) if able.object_lock and side.kind == "gcs" else None,
    )
    return replace(attributes, **HEADERS) if able.content_headers else attributes


async def looked(side, key):
    attributes = (await side.store.head(key)).attributes
    return attributes.with_tags(await side.store.read_tags(key)) if side.store.capabilities.tags else attributes


def found_fates(sent, there, target):
    """The fate of each aspect as the copy shows it; None where the source had nothing to lose."""

    def fate(had, has):
        if not had:
            return None
        return Fate.CARRIED if had == has else (Fate.PARTLY if has else Fate.LOST)

    wanted_class = target.stored_classes.get(sent.storage_class or "", sent.storage_class)
    return {
        "content headers": fate([getattr(sent, name) for name in HEADERS], [getattr(there, name) for name in HEADERS]),
        "user metadata": fate(dict(sent.metadata), dict(there.metadata)),
        "tags": fate(sent.tags, there.tags),
        "storage class": fate(wanted_class, there.storage_class),
        "object lock": fate(sent.lock, there.lock),
        "custom time": fate(sent.custom_time, there.custom_time),
        "time of deletion": fate(sent.delete_at_seconds, there.delete_at_seconds),
    }


# What is carried in part may arrive whole: these tags and this class fit everywhere.
FITS = {Fate.CARRIED: {Fate.CARRIED}, Fate.PARTLY: {Fate.PARTLY, Fate.CARRIED}, Fate.LOST: {Fate.LOST}}


async def test_the_table_says_what_happens(bench):
    attributes = dressed(bench.source)
    for key, size in SIZES.items():
        await bench.source.put(key, pattern(size, size), attributes)
    ran = await bench.sync()
    assert ran.result.in_step, ran.outcomes
    able, target = bench.source.store.capabilities, bench.target.store.capabilities
    told = {row.what: row.fate for row in fidelity(able, target)}
    for key in SIZES:
        sent, there = await looked(bench.source, key), await looked(bench.target, key)
        assert sent == attributes, "the source holds all that it was given"
        for what, found in found_fates(sent, there, target).items():
            if found is not None:
                assert found in FITS[told[what]], (key, what, told[what], sent, there)
        if target.identifier_metadata and not able.identifier_metadata:
            assert set(there.metadata) == {"one", "utf8"}
    lost = [what for what, fate in told.items() if fate is Fate.LOST and what != "ACL"]
    assert all(what in " ".join(ran.told) for what in lost), "what gets lost is told before anything is copied"
    again = await bench.sync(attributes=AttributesMode.EACH)
    counts = again.result.counts
    assert (counts.copied, counts.metadata_updated) == (0, 0), "what was carried is the same when it is looked at again"
