from __future__ import annotations

from dataclasses import replace

import pytest

from brigade.clock import SystemClock
from brigade.errors import ConfigError, Rejected, Throttled
from brigade.stores.gcs import buckets as module
from brigade.stores.gcs.buckets import has_bucket, list_buckets
from brigade.stores.gcs.opening import identity_of
from brigade.stores.gcs.settings import GcsSettings
from brigade.testing.conformance.support import put
from brigade.wiring.gcs import emulator_of


async def test_all_buckets_of_the_project_are_listed_page_by_page(fake, make_store, store, monkeypatch):
    for number in range(5):
        fake.buckets[f"b{number}"] = fake.buckets[store.settings.bucket]
    monkeypatch.setattr(module, "_PAGE", "2")
    assert await list_buckets(store.settings, SystemClock()) == sorted(
        [store.settings.bucket, "b0", "b1", "b2", "b3", "b4"]
    )


async def test_without_a_project_the_mend_is_told(store):
    with pytest.raises(ConfigError, match="project"):
        await list_buckets(replace(store.settings, project=None), SystemClock())


async def test_a_bucket_is_there_or_not_or_the_server_does_not_say(fake, store):
    assert await has_bucket(store.settings, SystemClock())
    assert not await has_bucket(replace(store.settings, bucket="other"), SystemClock())
    fake.throttle(1)
    with pytest.raises(Throttled):
        await has_bucket(store.settings, SystemClock())
    fake.token = "another"
    assert not await has_bucket(store.settings, SystemClock())


async def test_a_bucket_with_nothing_but_older_generations_is_not_empty(bucket, store):
    bucket.versioned = True
    await put(store, "object", b"1")
    await store.delete(["object"])
    with pytest.raises(Rejected, match="not empty"):
        await store.delete_bucket()


async def test_a_new_bucket_is_made_where_the_settings_say(fake, make_store):
    await make_store(location="EU", storage_class="NEARLINE")
    (made,) = fake.buckets.values()
    assert made.storage_class == "NEARLINE"


async def test_the_payer_is_named_in_every_request(fake, make_store):
    store = await make_store(user_project="payer")
    await put(store, "a b", b"1")
    await store.head("a b")
    assert {query["userProject"] for _, _, query in fake.requests} == {"payer"}


def test_the_same_bucket_has_one_identity():
    def at(endpoint):
        return identity_of(GcsSettings("any", "bucket", endpoint=endpoint, anonymous=True))

    assert at("https://storage.googleapis.com") == at("https://storage.googleapis.com/") == "gs://bucket"
    assert at("http://Local.example:80") == at("http://local.example") == "gs://local.example:80/bucket"


@pytest.mark.parametrize(
    ("value", "url"),
    [("localhost:9023", "http://localhost:9023"), ("https://e.example/", "https://e.example"), ("", None)],
)
def test_an_emulator_is_named_with_or_without_a_scheme(value, url):
    assert emulator_of({"STORAGE_EMULATOR_HOST": value}) == url
