"""The source changes while it is read: the target holds one version or another, never a mixture."""

from __future__ import annotations

import pytest

from brigade.testing.available import available
from brigade.testing.bodies import pattern
from brigade.testing.proxy import ProxyAction, ProxyFault

pytestmark = pytest.mark.server

FULL = [name for name in ("seaweed", "ceph") if name in available()]
MEBIBYTE = 1024 * 1024
OLD, NEW = pattern(3 * MEBIBYTE, 1), pattern(3 * MEBIBYTE, 2)
OLD_PARTS, NEW_PARTS = (
    [*(pattern(5 * MEBIBYTE, seed + number) for number in range(2)), pattern(1000, seed)] for seed in (10, 20)
)


def write_new(bucket, cut, key="object"):
    if cut == "parts":
        bucket.put_parts(key, NEW_PARTS)
    elif cut == "shorter":
        bucket.put(key, NEW[: MEBIBYTE // 2])
    elif cut == "longer":
        bucket.put(key, NEW + NEW)
    else:
        bucket.put(key, NEW[: len(bucket.get(key))])


@pytest.mark.parametrize("server", FULL)
@pytest.mark.parametrize(
    ("old", "cut"),
    [("small", "same"), ("plain", "same"), ("plain", "shorter"), ("plain", "longer"), ("parts", "parts")],
)
async def test_an_object_that_is_overwritten_while_it_is_read(brigade, place, proxied, server, old, cut):
    source, target = place(server), place(server)
    if old == "parts":
        source.put_parts("object", OLD_PARTS)
    else:
        source.put("object", OLD if old == "plain" else OLD[: MEBIBYTE // 2])
    before = source.get("object")
    # In the middle of the body, of its second part where there are parts.
    fault = ProxyFault(
        "get",
        ProxyAction.MEANWHILE,
        number=2 if old == "parts" else 1,
        after_bytes=200_000,
        meanwhile=lambda: write_new(source, cut),
    )
    proxy = await proxied(source, fault)
    a, b = brigade.reach("a", source, url=proxy.url), brigade.reach("b", target)
    ran = await brigade("sync", a, b, "--json")
    proxy.assert_all_fired()
    after = source.get("object")
    assert after != before
    held = target.contents().get("object")
    assert held in (None, before, after)
    assert ran.code in (0, 1), ran.words
    assert (held is None) == (ran.json["failed"] == 1)
    assert target.uploads() == []
    # The next run brings the version that is there now.
    await brigade.sync(a, b)
    assert target.contents() == {"object": after}
    assert target.etags() == source.etags()


async def test_an_object_that_is_deleted_while_it_is_read(brigade, place, proxied):
    source, target = place("seaweed"), place("seaweed")
    source.put_parts("object", OLD_PARTS)
    fault = ProxyFault("get", ProxyAction.MEANWHILE, number=1, after_bytes=1, meanwhile=lambda: source.delete("object"))
    proxy = await proxied(source, fault)
    a, b = brigade.reach("a", source, url=proxy.url), brigade.reach("b", target)
    ran = await brigade("sync", a, b, "--json")
    assert ran.code in (0, 1), ran.words
    assert target.contents().get("object") in (None, b"".join(OLD_PARTS))
    await brigade.sync(a, b)
    assert target.uploads() == []


@pytest.mark.parametrize(
    ("how", "size"),
    [
        ("overwrite", MEBIBYTE // 2),
        *((how, len(OLD)) for how in ("append", "truncate", "overwrite", "replace", "remove")),
        ("truncate", 10 * MEBIBYTE),
        ("overwrite", 10 * MEBIBYTE),
    ],
)
async def test_a_file_that_changes_while_it_is_read(brigade, place, proxied, tmp_path, how, size):
    target = place("seaweed")
    path = tmp_path / "up" / "file"
    path.parent.mkdir()
    old, new = pattern(size, 1), pattern(size, 2)
    path.write_bytes(old)

    def change():
        if how == "append":
            with path.open("ab") as file:
                file.write(b"more")
        elif how == "truncate":
            with path.open("r+b") as file:
                file.truncate(1000)
        elif how == "overwrite":
            with path.open("r+b") as file:
                file.write(new)
        elif how == "replace":
            path.with_name("next").write_bytes(new)
            path.with_name("next").replace(path)
        else:
            path.unlink()

    # Before the body has been taken: large files are still being read then.
    call = "put" if size <= 8 * MEBIBYTE else "put_part"
    proxy = await proxied(
        target, ProxyFault(call, ProxyAction.MEANWHILE_REQUEST, after_bytes=100_000, meanwhile=change)
    )
    b = brigade.reach("b", target, url=proxy.url)
    ran = await brigade("sync", "up", b, "--json")
    proxy.assert_all_fired()
    assert ran.code in (0, 1), ran.words
    after = path.read_bytes() if path.exists() else None
    held = target.contents().get("file")
    assert held in (None, old, after)
    assert target.uploads() == []
    if after is not None:
        await brigade.sync("up", b)
        assert target.contents() == {"file": after}
