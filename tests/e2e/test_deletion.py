"""`--delete`: what is deleted when all is well, and that nothing is when the source cannot be trusted."""

from __future__ import annotations

import asyncio
import re
import shutil
from concurrent.futures import ThreadPoolExecutor

import pytest

from brigade.testing.available import available
from brigade.testing.bodies import pattern
from brigade.testing.buckets import Bucket
from brigade.testing.proxy import ProxyAction, ProxyFault, cut_listing

pytestmark = pytest.mark.server

FULL = [name for name in ("seaweed", "ceph") if name in available()]
MANY = {f"{number:02}": b"%d" % number for number in range(20)}
MIRROR = ("--delete", "mirror")


def fill(bucket, objects):
    for key, body in objects.items():
        bucket.put(key, body)


@pytest.fixture
def pair(brigade, place):
    """A source with one object less than the target, which is a deletion within the default limit."""
    source, target = place("seaweed"), place("seaweed")
    fill(source, MANY)
    fill(target, {**MANY, "extra": b"?"})
    return source, target


@pytest.mark.parametrize("server", FULL)
async def test_mirror_deletes_what_the_source_does_not_have_and_nothing_else(brigade, place, server):
    source, target = place(server), place(server)
    fill(source, MANY)
    fill(target, {**MANY, "extra": b"?", "extra/deep": b"?"})
    ran = await brigade.sync(brigade.reach("a", source), brigade.reach("b", target), *MIRROR)
    assert (ran.json["deleted"], ran.json["in_step"]) == (2, True)
    assert target.contents() == MANY


async def test_no_deletion_is_the_default(brigade, pair):
    source, target = pair
    ran = await brigade.sync(brigade.reach("a", source), brigade.reach("b", target))
    assert (ran.json["deleted"], ran.json["skipped"]) == (0, 21)
    assert "extra" in target.etags()


async def test_tracked_deletes_only_what_it_wrote_itself_and_nobody_changed(brigade, place):
    source, target = place("seaweed"), place("seaweed")
    fill(source, MANY)
    fill(target, {"theirs": b"?"})
    a, b = brigade.reach("a", source), brigade.reach("b", target)
    tracked = ("--delete", "tracked", "--max-delete", "50%")
    await brigade.sync(a, b, *tracked)
    source.delete("00", "01")
    target.put("01", b"changed by somebody")
    ran = await brigade.sync(a, b, *tracked, code=1)
    assert (ran.json["deleted"], ran.json["conflicts"], ran.json["in_step"]) == (1, 1, False)
    assert "changed at the target since it was copied" in ran.report["01"]["reason"]
    kept = target.contents()
    assert (kept["theirs"], kept["01"], "00" in kept) == (b"?", b"changed by somebody", False)


async def refused(brigade, target, a, b, *, code, words, options=MIRROR):
    """Nothing is deleted; the run says why, in words for a person and in JSON."""
    before = target.contents()
    ran = await brigade("sync", a, b, *options)
    assert ran.code == code, ran.words
    assert re.search(words, ran.words), ran.words
    assert target.contents() == before


async def test_a_source_bucket_that_is_gone_deletes_nothing(brigade, own_bucket, place):
    source, target = own_bucket("seaweed"), place("seaweed")
    fill(target, MANY)
    a, b = brigade.reach("a", source), brigade.reach("b", target)
    source.remove()
    await refused(brigade, target, a, b, code=1, words=rf"{source.name}.*(no such bucket|there is no bucket|not there)")


async def test_wrong_credentials_delete_nothing(brigade, pair):
    source, target = pair
    a = brigade.reach("a", source, secret_key="wrong")
    await refused(
        brigade, target, a, brigade.reach("b", target), code=1, words="a:.*(key|signature|SignatureDoesNotMatch)"
    )
    key, secret = source.endpoint.powerless
    a = brigade.reach("a", source, access_key=key, secret_key=secret)
    await refused(brigade, target, a, brigade.reach("b", target), code=1, words="a:.*(denied|may not|AccessDenied)")


async def test_a_missing_or_empty_directory_deletes_nothing(brigade, place, tmp_path):
    target = place("seaweed")
    fill(target, MANY)
    b = brigade.reach("b", target)
    await refused(brigade, target, "gone", b, code=1, words="gone")
    (tmp_path / "empty").mkdir()
    await refused(brigade, target, "empty", b, code=3, words="refused: the source is empty.*nothing is deleted")


async def test_an_unmounted_directory_deletes_nothing(brigade, place, small_disk):
    target = place("seaweed")
    for key, body in MANY.items():
        (small_disk.path / key).write_bytes(body)
    b = brigade.reach("b", target)
    await brigade.sync(str(small_disk.path), b, *MIRROR)
    small_disk.unmount()
    await refused(brigade, target, str(small_disk.path), b, code=3, words="the source is empty")


async def test_a_listing_that_fails_on_its_third_page_deletes_nothing(brigade, pages_of_source, place, proxied):
    source, a_of = pages_of_source
    target = place("seaweed")
    # One of the two is on the first page of the source and the other is not there at all.
    fill(target, {"0000": b"", "0000-extra": b"?"})
    # The first listing of a run only asks whether the bucket can be listed.
    fault = ProxyFault("list_page", ProxyAction.RESPOND, number=4, times=100, status=403, code="AccessDenied")
    proxy = await proxied(source, fault)
    a, b = a_of(proxy.url), brigade.reach("b", target)
    ran = await brigade.sync(a, b, *MIRROR, "--max-delete", "100%", "--dry-run", code=1)
    proxy.assert_all_fired()
    assert ran.json["in_step"] is False
    assert "AccessDenied" in ran.json["incomplete"] or "denied" in ran.json["incomplete"]
    assert ran.json["deleted"] == 0


@pytest.fixture(scope="module")
def pages_source(running):
    """More than three listing pages."""
    at = running("seaweed")
    bucket = Bucket(at.endpoint, at.make_bucket("pages"))
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda number: bucket.put(f"{number:04}", b""), range(2100)))
    return bucket


@pytest.fixture
def pages_of_source(brigade, pages_source):
    return pages_source, lambda url: brigade.reach("a", pages_source, url=url)


async def test_a_listing_cut_short_without_an_error_deletes_nothing(brigade, pair, proxied):
    source, target = pair
    # A younger object could have been written after the listing; that one is only left alone.
    await asyncio.sleep(2.1)
    proxy = await proxied(source, ProxyFault("list_page", ProxyAction.REWRITE, times=9, rewrite=cut_listing(19)))
    a, b = brigade.reach("a", source, url=proxy.url), brigade.reach("b", target)
    # One of the two that seem to be extra is really there at the source: the listing lies, so none is deleted.
    await refused(brigade, target, a, b, code=1, words="listing left out '19', which is there: nothing is deleted")
    proxy.assert_all_fired()


@pytest.mark.parametrize(("limit", "code"), [("1", 3), ("2", 0), ("5%", 3), ("10%", 0), ("0", 3)])
async def test_the_limit_counts_or_is_a_share(brigade, tmp_path, limit, code):
    for key in [*MANY, "extra-1", "extra-2"][:18]:
        (tmp_path / "a" / key).parent.mkdir(exist_ok=True)
        (tmp_path / "a" / key).write_bytes(b"x")
    shutil.copytree(tmp_path / "a", tmp_path / "b")
    for key in ("extra-1", "extra-2"):
        (tmp_path / "b" / key).write_bytes(b"x")
    ran = await brigade.sync("a", "b", *MIRROR, "--max-delete", limit, code=code)
    assert (tmp_path / "b" / "extra-1").exists() == (code == 3)
    assert ran.json["deleted"] == (0 if code else 2)
    if code:
        assert "2 of 20 objects would be deleted, more than the limit" in ran.json["refused"]


async def test_all_of_a_target_is_never_deleted(brigade, place):
    source, target = place("seaweed"), place("seaweed")
    fill(source, {"new": b"1"})
    fill(target, {"old": b"1", "older": b"2"})
    a, b = brigade.reach("a", source), brigade.reach("b", target)
    ran = await brigade.sync(a, b, *MIRROR, "--max-delete", "100%", code=3)
    assert "all 2 objects of the target would be deleted" in ran.json["refused"]
    assert {"old", "older"} <= set(target.keys())


async def test_foo_never_touches_foobar(brigade, place):
    source, target = place("seaweed"), place("seaweed")
    fill(source, {"foo/a": b"1", "foo/b": b"1", "foobar/c": b"1"})
    fill(target, {"foo/a": b"1", "foo/b": b"1", "foo/extra": b"2", "foobar/extra": b"2", "foo-bar": b"2"})
    a, b = brigade.reach("a", source), brigade.reach("b", target)
    for name in ("foo", "foo/"):
        await brigade.sync(f"{a}{name}", f"{b}{name}", *MIRROR, "--max-delete", "50%")
        assert set(target.keys()) == {"foo/a", "foo/b", "foobar/extra", "foo-bar"}


@pytest.mark.parametrize(("source", "target"), [("", ""), ("", "inner"), ("inner", "")])
async def test_nested_locations_are_refused(brigade, place, proxied, tmp_path, source, target):
    bucket = place("seaweed")
    fill(bucket, {"a": b"1", "inner/b": b"1"})
    proxy = await proxied(bucket)
    a = brigade.reach("a", bucket, url=proxy.url)
    proxy.forget()
    for left, right in ((f"{a}{source}", f"{a}{target}"), (f"d/{source}", f"./d/{target}")):
        (tmp_path / "d" / "inner").mkdir(parents=True, exist_ok=True)
        ran = await brigade("sync", left, right, *MIRROR)
        assert ran.code == 2
        assert re.search("same place|inside", ran.err)
    assert not proxy.requests


async def test_a_filter_is_no_deletion(brigade, pair):
    source, target = pair
    a, b = brigade.reach("a", source), brigade.reach("b", target)
    await brigade.sync(a, b, *MIRROR, "--exclude", "0*")
    assert set(target.keys()) == set(MANY)


async def test_what_is_deleted_between_two_large_copies_is_only_deleted_at_the_end(brigade, place, proxied):
    source, target = place("seaweed"), place("seaweed")
    fill(source, {**MANY, "large": pattern(3_000_000)})
    fill(target, {**{key: body for key, body in MANY.items() if key != "07"}, "extra": b"?"})
    proxy = await proxied(target)
    a, b = brigade.reach("a", source), brigade.reach("b", target, url=proxy.url)
    await brigade.sync(a, b, *MIRROR)
    calls = [request.call for request in proxy.requests]
    assert calls.index("delete") > max(index for index, call in enumerate(calls) if call == "put")
