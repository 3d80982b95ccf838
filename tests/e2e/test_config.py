"""Where a run takes its endpoints and keys from: the configuration, or what AWS's own tools would use."""

from __future__ import annotations

import pytest

pytestmark = pytest.mark.server


def url_of(bucket):
    return f"s3://{bucket.name}/{bucket.prefix}"


async def test_a_url_means_what_it_means_to_aws_tools(brigade, place):
    source, target = place("seaweed"), place("seaweed")
    source.put("a", b"1")
    at = source.endpoint
    env = {
        "AWS_ENDPOINT_URL": at.url,
        "AWS_ACCESS_KEY_ID": at.access_key,
        "AWS_SECRET_ACCESS_KEY": at.secret_key,
        "AWS_REGION": at.region,
    }
    ran = await brigade("sync", url_of(source), url_of(target), env=env)
    assert ran.code == 0, ran.words
    assert target.contents() == {"a": b"1"}
    # The prefix is a folder, with a slash or without.
    ran = await brigade("ls", url_of(target).rstrip("/"), env=env)
    assert ran.out.split()[-1] == "a"


@pytest.mark.parametrize("where", ["profile", "service", "default"])
async def test_a_profile_gives_endpoint_region_and_keys(brigade, place, tmp_path, where):
    bucket = place("seaweed")
    bucket.put("a", b"1")
    at = bucket.endpoint
    name = "default" if where == "default" else "old"
    header = "[default]" if where == "default" else "[profile old]"
    endpoint = "services = local" if where == "service" else f"endpoint_url = {at.url}"
    (tmp_path / "config").write_text(
        f"{header}\nregion = {at.region}\n{endpoint}\n\n[services local]\ns3 =\n  endpoint_url = {at.url}\n"
    )
    (tmp_path / "credentials").write_text(
        f"[{name}]\naws_access_key_id = {at.access_key}\naws_secret_access_key = {at.secret_key}\n"
    )
    env = {"AWS_CONFIG_FILE": "config", "AWS_SHARED_CREDENTIALS_FILE": "credentials"}
    if where != "default":
        env["AWS_PROFILE"] = name
    ran = await brigade("sync", url_of(bucket), "down", env=env)
    assert ran.code == 0, ran.words
    assert (tmp_path / "down" / "a").read_bytes() == b"1"


async def test_without_any_keys_the_words_say_where_to_put_them(brigade, place):
    bucket = place("seaweed")
    ran = await brigade("ls", url_of(bucket), env={"AWS_ENDPOINT_URL": bucket.endpoint.url, "AWS_REGION": "us-east-1"})
    assert ran.code in (1, 2)
    assert ran.err.count("\n") == 1
    assert "credentials" in ran.err or "AWS_ACCESS_KEY_ID" in ran.err


async def test_secrets_appear_nowhere(brigade, place, tmp_path):
    source, target = place("seaweed"), place("seaweed")
    source.put("a", b"1")
    secret = source.endpoint.secret_key
    a, b = brigade.reach("a", source), brigade.reach("b", target)
    words = [(await brigade.sync(a, b)).words]
    words += [(await brigade("config", "check")).words, (await brigade("store", "check", a, "--json")).words]
    brigade.reach("b", target, access_key="nobody")
    words.append((await brigade("sync", a, b)).words)
    assert all(secret not in text for text in words)
    for path in tmp_path.rglob("*"):
        assert not path.is_file() or secret.encode() not in path.read_bytes(), path
