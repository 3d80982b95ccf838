"""Promises about keys: opaque text, kept exactly or refused."""

from __future__ import annotations

import unicodedata

import pytest

from brigade.errors import InvalidKey, NotFound, Rejected
from brigade.stores.base import Store
from brigade.testing.conformance.support import keys, put, read

_UMLAUT = "\u00fc"

ODD_KEYS = {
    "double-slash": "a//b",
    "leading-slash": "/lead",
    "trailing-slash": "trail/",
    "space": "sp ace",
    "space-at-end": "end ",
    "plus": "plus+",
    "percent": "per%cent",
    "percent-encoded-slash": "a%2Fb",
    "umlaut-composed": unicodedata.normalize("NFC", f"{_UMLAUT}-NFC"),
    "umlaut-decomposed": unicodedata.normalize("NFD", f"{_UMLAUT}-NFD"),
    "emoji": "\U0001f600",
    "tab": "tab\t",
    "newline": "new\nline",
    "carriage-return": "carriage\rreturn",
    "control": "bell\x07",
    "query": "q?&=#",
    "xml": "<a>&'\"</a>",
    "backslash": "back\\slash",
    "colon": "c:olon",
    "star": "st*ar",
    "dot": "a/./b",
    "dot-dot": "a/../b",
    "leading-dot-slash": "./a",
    "leading-dot-dot": "../a",
    "only-dot": ".",
    "hidden": ".hidden",
    "tilde": "~home",
    "long-component": "n" * 300,
    "1024-bytes": "k/" * 511 + "kk",
    "1024-bytes-of-umlauts": _UMLAUT * 512,
    "outside-the-basic-plane-order": "\U0001f600/\uffee",
}

PAIRS = {
    "case": ("Key", "key"),
    "normal-forms": (unicodedata.normalize("NFC", _UMLAUT), unicodedata.normalize("NFD", _UMLAUT)),
    "slash-at-end": ("pair", "pair/"),
    "double-slash": ("x/y", "x//y"),
    "leading-slash": ("lead", "/lead"),
    "plus-and-space": ("p+q", "p q"),
    "percent": ("a%2Fb", "a/b"),
    "object-beside-prefix": ("d", "d/e"),
    "dot": ("s/t", "s/./t"),
}


@pytest.mark.parametrize("key", ODD_KEYS.values(), ids=ODD_KEYS)
async def test_a_key_is_kept_exactly_or_refused_without_a_trace(store: Store, key: str) -> None:
    try:
        await put(store, key, b"content")
    except (InvalidKey, Rejected):
        assert await keys(store) == []
        return
    assert await keys(store) == [key]
    assert (await store.head(key)).key == key
    assert await read(store, key) == b"content"
    assert await store.delete([key]) == {key: None}
    assert await keys(store) == []


@pytest.mark.parametrize("pair", PAIRS.values(), ids=PAIRS)
async def test_keys_that_look_alike_are_two_objects_or_one_is_refused(store: Store, pair: tuple[str, str]) -> None:
    kept = {}
    for number, key in enumerate(pair):
        try:
            await put(store, key, b"%d" % number)
        except (InvalidKey, Rejected):
            continue
        kept[key] = b"%d" % number
    assert kept, "one of the two must be possible"
    assert {key: await read(store, key) for key in kept} == kept
    assert set(await keys(store)) == set(kept)


async def test_an_empty_key_is_refused_before_anything_is_written(store: Store) -> None:
    with pytest.raises((InvalidKey, Rejected)):
        await put(store, "", b"content")
    assert await keys(store) == []


async def test_a_key_that_is_too_long_is_refused_before_anything_is_written(store: Store) -> None:
    most_bytes = store.capabilities.max_key_bytes
    with pytest.raises((InvalidKey, Rejected)):
        await put(store, f"{'k/' * (most_bytes // 2)}kk"[: most_bytes + 1], b"content")
    assert await keys(store) == []


async def test_deleting_a_key_leaves_its_neighbours(store: Store) -> None:
    for key in ("foo", "foobar", "foo-bar/x"):
        await put(store, key, b"1")
    assert await store.delete(["foo"]) == {"foo": None}
    assert sorted(await keys(store)) == ["foo-bar/x", "foobar"]


async def test_deleting_answers_each_key_and_absent_ones_are_fine(store: Store) -> None:
    await put(store, "here", b"1")
    await put(store, "sp ace+&<>", b"1")
    wanted = ["here", "gone", "sp ace+&<>"]
    assert await store.delete(wanted) == dict.fromkeys(wanted)
    assert await keys(store) == []


async def test_an_absent_object_is_not_found(store: Store) -> None:
    with pytest.raises(NotFound):
        await store.head("gone")
    with pytest.raises(NotFound):
        async with store.get("gone"):
            pass
