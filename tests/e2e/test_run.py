"""`brigade run --once`: all replications of a configuration, all buckets of a store."""

from __future__ import annotations

import pytest
import yaml

from brigade.testing.available import available
from brigade.testing.servers import SeaweedServer

pytestmark = pytest.mark.server

FULL = [name for name in ("seaweed", "ceph") if name in available()]


@pytest.mark.parametrize("server", FULL)
async def test_one_failing_never_stops_another_and_the_worst_decides(brigade, place, server):
    source, target = place(server), place(server)
    source.put("a", b"1")
    a, b = brigade.reach("a", source), brigade.reach("b", target)
    brigade.replications = {
        "gone": {"source": "a:there-is-no-such-bucket", "target": f"{b}gone"},
        "good": {"source": a, "target": f"{b}good"},
        "guarded": {"source": f"{a}empty", "target": f"{b}kept", "delete": "mirror"},
    }
    target.put("kept/precious", b"1")
    brigade.write_config()
    ran = await brigade("run", "--once", "--json", "--parallel", "3")
    ended = {line["replication"]: line for line in ran.lines}
    assert ran.code == 3
    assert "no such bucket" in ended["gone"]["error"]
    assert (ended["good"]["copied"], ended["good"]["in_step"]) == (1, True)
    assert "the source is empty" in ended["guarded"]["refused"]
    assert sorted(target.keys()) == ["good/a", "kept/precious"]


async def test_a_wildcard_follows_every_bucket_and_makes_what_is_missing(brigade, tmp_path):
    # Two servers of its own: in a shared one it would copy, and meet, what other tests left there.
    with SeaweedServer() as first, SeaweedServer() as second:
        names = [first.make_bucket("wild") for _ in range(2)]
        client = first.endpoint.client()
        for name in names:
            client.put_object(Bucket=name, Key="k", Body=name.encode())
        stores = {
            name: {
                "type": "s3",
                "endpoint": server.endpoint.url,
                "access_key": server.endpoint.access_key,
                "secret_key": server.endpoint.secret_key,
            }
            for name, server in (("old", first), ("new", second))
        }
        config = {"stores": stores, "replications": {"all": {"source": "old:*", "target": "new:*"}}}
        (tmp_path / "brigade.yaml").write_text(yaml.safe_dump(config))
        listed = await brigade("ls", "old:")
        assert set(names) <= set(listed.out.split())
        ran = await brigade("run", "--once", "--json")
        assert ran.code == 0, ran.words
        assert {f"all/{name}" for name in names} == {line["replication"] for line in ran.lines}
        other = second.endpoint.client()
        for name in names:
            assert other.get_object(Bucket=name, Key="k")["Body"].read() == name.encode()
        # A bucket that is gone at the source is left alone at the target.
        client.delete_object(Bucket=names[0], Key="k")
        client.delete_bucket(Bucket=names[0])
        assert (await brigade("run", "--once")).code == 0
        assert other.get_object(Bucket=names[0], Key="k")["Body"].read() == names[0].encode()
        other.close()
        client.close()
