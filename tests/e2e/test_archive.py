"""Archive, expiry and the hashed layout, as a configuration asks for them, on real servers."""

from __future__ import annotations

import pytest

from brigade.decide.layout import hashed_prefix
from brigade.testing.available import available
from brigade.wire.s3lifecycle import rule_id

pytestmark = pytest.mark.server

RULED = [name for name in ("moto", "ceph", "seaweed") if name in available()]
THEIRS = {"ID": "theirs", "Filter": {"Prefix": "tmp/"}, "Status": "Enabled", "Expiration": {"Days": 3}}


async def once(brigade, code=0):
    brigade.write_config()
    ran = await brigade("run", "--once", "--json")
    assert ran.code == code, ran.words
    return ran.lines[0] if ran.lines else ran


@pytest.mark.parametrize("server", [name for name in ("seaweed", "ceph", "moto") if name in available()])
async def test_an_archive_leaves_nothing_at_the_source_and_everything_at_the_target(brigade, place, server):
    source, target = place(server), place("seaweed")
    objects = {f"deep/{number}": b"%d" % number for number in range(20)} | {"empty": b""}
    for key, body in objects.items():
        source.put(key, body)
    source.put_parts("parts", [b"p" * 5 * 1024**2, b"end"])
    objects["parts"] = b"p" * 5 * 1024**2 + b"end"
    a, b = brigade.reach("a", source), brigade.reach("b", target)
    brigade.replications = {"cold": {"source": a, "target": b, "retain_source": False, "copy_after": "1s"}}
    while (await once(brigade))["in_step"] and source.keys():
        pass  # what is younger than a second waits
    assert source.keys() == []
    assert target.contents() == objects
    assert (await once(brigade))["copied"] == 0
    assert target.contents() == objects


async def test_an_archive_that_could_take_its_copies_too_is_refused(brigade, place):
    a, b = brigade.reach("a", place("seaweed")), brigade.reach("b", place("seaweed"))
    brigade.replications = {"cold": {"source": a, "target": b, "retain_source": False, "delete": "mirror"}}
    brigade.write_config()
    ran = await brigade("config", "check")
    assert ran.code == 2
    assert "replications.cold" in ran.words
    assert "leave delete at `no`" in ran.words


@pytest.mark.parametrize("server", RULED)
async def test_objects_expire_by_a_rule_of_our_own_beside_those_of_others(brigade, own_bucket, place, server):
    source, target = place("seaweed"), own_bucket(server)
    source.put("a", b"1")
    client = target.client
    client.put_bucket_lifecycle_configuration(Bucket=target.name, LifecycleConfiguration={"Rules": [THEIRS]})
    a, b = brigade.reach("a", source), brigade.reach("b", target)
    brigade.replications = {"short": {"source": a, "target": f"{b}copies", "expire_after": "90d"}}
    for _ in range(2):
        await once(brigade)
        rules = {rule["ID"]: rule for rule in client.get_bucket_lifecycle_configuration(Bucket=target.name)["Rules"]}
        assert rules.keys() == {"theirs", rule_id("copies/")}
        assert rules["theirs"]["Expiration"]["Days"] == 3
        ours = rules[rule_id("copies/")]
        assert (ours["Filter"], ours["Expiration"]["Days"]) == ({"Prefix": "copies/"}, 90)
    target.delete("copies/a")
    assert (await once(brigade))["copied"] == 0


async def test_a_target_that_cannot_let_objects_expire_says_so_before_it_is_written(brigade, place, tmp_path):
    source = place("seaweed")
    source.put("a", b"1")
    a = brigade.reach("a", source)
    brigade.replications = {"short": {"source": a, "target": str(tmp_path / "copies"), "expire_after": "90d"}}
    brigade.write_config()
    ran = await brigade("run", "--once", "--json")
    assert ran.code != 0
    assert "cannot let objects expire" in ran.out + ran.words
    assert list((tmp_path / "copies").rglob("*")) == []


async def test_the_hashed_layout_shares_a_bucket_as_1space_does(brigade, own_bucket):
    source, target = own_bucket("seaweed"), own_bucket("seaweed")
    source.put("photos/a", b"1")
    brigade.reach("a", source)
    b = brigade.reach("b", target)
    hashed = {"target": b, "layout": "hashed", "account": "AUTH_test"}
    brigade.replications = {"all": {"source": f"a:{source.name}", **hashed}}
    assert (await once(brigade))["copied"] == 1
    assert target.keys() == [f"{hashed_prefix('AUTH_test', source.name)}photos/a"]
    brigade.replications = {"some": {"source": f"a:{source.name}/photos", **hashed}}
    assert (await once(brigade))["copied"] == 0, "a part of a container lies where the whole does"


@pytest.mark.skipif("swift" not in available(), reason="OpenStack Swift is not installed")
async def test_a_container_is_not_archived_into_itself_by_the_s3_front_of_the_same_swift(brigade, own_bucket, running):
    swift, bucket = running("swift"), own_bucket("swift")
    bucket.put("a", b"1")
    bucket.put("b/c", b"22")
    brigade.have("native", {"key": swift.key}, type="swift", auth_url=swift.auth_url, user=swift.user)
    b = brigade.reach("front", bucket)
    brigade.replications = {"cold": {"source": f"native:{bucket.name}", "target": b, "retain_source": False}}
    ran = await once(brigade, code=1)
    assert (ran["failed"], ran["archived"]) == (2, 0)
    assert bucket.contents() == {"a": b"1", "b/c": b"22"}
