from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from brigade.config.load import load_config
from brigade.errors import ConfigError, UsageError
from brigade.replications import Policy
from brigade.stores.layers.limit import LimitedStore
from brigade.stores.s3.store import S3Store
from brigade.testing.clock import ManualClock
from brigade.wiring.helpers import Options
from brigade.wiring.s3 import s3_settings, s3_url_settings
from brigade.wiring.wiring import Wiring

CONFIG = """\
stores:
  one: {type: s3, endpoint: "https://s3.example/", region: r, access_key: a, secret_key: s, connect_timeout: 3s}
  two: {type: s3, endpoint: "https://s3.example", region: r, access_key: a, secret_key: s}
  chain: {type: s3, endpoint: "https://s3.example"}
  public: {type: s3, endpoint: "https://s3.example", anonymous: true, ca_bundle: ca.pem}
  slow: {type: s3, endpoint: "https://slow.example", access_key: a, secret_key: s, concurrency: 3, bandwidth: 1MiB/s}
  disk: {type: file, root: data}
  mem: {type: memory}
"""
KEYS = {"AWS_ACCESS_KEY_ID": "env", "AWS_SECRET_ACCESS_KEY": "envs"}

Make = Callable[..., Wiring]


@pytest.fixture
def make(tmp_path: Path) -> Make:
    def wiring(config: str = CONFIG, **environment: str) -> Wiring:
        (tmp_path / "etc").mkdir(exist_ok=True)
        file = tmp_path / "etc" / "brigade.yaml"
        file.write_text(config)
        return Wiring(ManualClock(), environment, tmp_path, load_config(file, environment))

    return wiring


def section(wiring: Wiring, name: str):
    assert wiring.loaded is not None
    return wiring.loaded.config.stores[name]


def settings(wiring: Wiring, name: str, **environment: str):
    return s3_settings(name, "b", section(wiring, name), directory=Path("/etc/brigade"), environment=environment)


def test_the_configuration_becomes_settings(make: Make):
    one = settings(make(), "one", **KEYS)
    assert (one.name, one.bucket, one.endpoint, one.region) == ("one", "b", "https://s3.example", "r")
    assert (one.access_key, one.secret_key, one.connect_timeout_seconds) == ("a", "s", 3)


def test_a_store_without_keys_takes_those_of_the_environment(make: Make):
    assert settings(make(), "chain", **KEYS).access_key == "env"
    assert settings(make(), "chain").access_key is None


def test_an_anonymous_store_signs_nothing_whatever_the_environment_has(make: Make):
    public = settings(make(), "public", **KEYS)
    assert (public.access_key, public.anonymous, public.ca_bundle) == (None, True, "/etc/brigade/ca.pem")


def test_a_url_means_what_awss_tools_would_mean():
    environment = {**KEYS, "AWS_ENDPOINT_URL": "http://lab:9000", "AWS_REGION": "r", "AWS_PROFILE": "p"}
    found = s3_url_settings("b", environment)
    assert (found.endpoint, found.region, found.access_key, found.profile) == ("http://lab:9000", "r", "env", None)
    assert s3_url_settings("b", {"AWS_PROFILE": "p", "AWS_CONFIG_FILE": "/none"}).profile == "p"


def test_a_customer_key_that_is_no_base64_names_its_store(make: Make):
    wiring = make("stores: {m: {type: s3, access_key: a, secret_key: s, encryption: sse-c, customer_key: '%%'}}")
    with pytest.raises(ConfigError, match=r"stores\.m\.customer_key"):
        settings(wiring, "m")


def test_stores_show_keys_relative_to_their_prefix(make: Make):
    store = make().store(make().place("one:photos/2024"))
    assert store.name == "one:photos/2024/"
    assert store.identity == "s3://s3.example:443/photos/2024/"


def test_a_prefix_of_a_directory_store_keeps_its_root(make: Make, tmp_path: Path):
    wiring = make()
    place = wiring.place("disk:a/b")
    assert wiring.resolved(place, wiring.store(place)) == f"file://{tmp_path}/etc/data/a/b"


def test_links_do_not_hide_that_two_places_are_one(make: Make, tmp_path: Path):
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to("real")
    wiring = make()
    work = wiring.work(wiring.place("real"), wiring.place("link/sub"), Policy())
    assert work.target_place.startswith(work.source_place + "/")


def test_limits_are_shared_by_all_places_of_a_store_and_by_no_other(make: Make):
    wiring = make()

    def limits(text: str) -> object:
        store = wiring.store(wiring.place(text))
        while not isinstance(store, LimitedStore):
            store = store.inner
        return store.limits

    assert limits("one:a") is limits("one:b/c")
    assert limits("one:a") is not limits("two:a")
    slow = limits("slow:a")
    assert (slow.most, slow.bytes.per_second) == (3, 1 << 20)


def innermost(store) -> object:
    while hasattr(store, "inner"):
        store = store.inner
    return store


def test_there_are_connections_for_all_transfers(make: Make):
    wiring = make()
    work = wiring.work(wiring.place("one:a"), wiring.place("two:b"), Policy(), Options(transfers=200))
    for store in (work.source, work.target):
        bare = innermost(store)
        assert isinstance(bare, S3Store)
        assert bare.settings.connections >= 200
    assert work.limits.transfers == 200


def test_a_low_limit_leaves_connections_for_bodies_that_are_open(make: Make):
    # A copy reads tags while its source's body is open: with as few connections as places all would wait for ever.
    bare = innermost(make().store(make().place("slow:a")))
    assert isinstance(bare, S3Store)
    assert bare.settings.connections >= 64


def test_a_rate_is_kept_by_one_process(make: Make):
    wiring = make()

    def processes(source: str, target: str, **options) -> int:
        work = wiring.work(wiring.place(source), wiring.place(target), Policy(), Options(processes=4, **options))
        return work.limits.processes

    assert processes("one:a", "two:b") == 4
    assert processes("one:a", "two:b", bandwidth=5) == 1
    assert processes("one:a", "slow:b") == 1
    assert processes("mem:a", "two:b") == 1


def test_a_directory_is_made_and_a_bucket_is_not(make: Make):
    wiring = make()
    assert wiring.work(wiring.place("one:a"), wiring.place("out"), Policy()).make_target
    assert not wiring.work(wiring.place("out"), wiring.place("one:a"), Policy()).make_target


def test_a_file_is_no_location(make: Make, tmp_path: Path):
    (tmp_path / "f.txt").write_text("")
    wiring = make()
    with pytest.raises(UsageError, match=r"f\.txt is a file.*--include 'f\.txt'"):
        wiring.store(wiring.place("f.txt"))


@pytest.mark.parametrize("text", ["disk:*", "s3://b", "."])
async def test_only_stores_with_buckets_can_be_listed_whole(make: Make, text: str):
    wiring = make()
    with pytest.raises(UsageError, match="that has buckets"):
        await wiring.buckets(wiring.place(text))


async def test_the_state_is_open_while_the_block_runs(make: Make, tmp_path: Path):
    wiring = make(BRIGADE_STATE=str(tmp_path / "s.db"))
    async with wiring.opened_state() as state:
        assert await state.replications.ensure("a", "a → b") > 0
    assert (tmp_path / "s.db").exists()
