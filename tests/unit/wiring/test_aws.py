from __future__ import annotations

from pathlib import Path

import pytest

from brigade.wiring.aws import Endpoint, Keys, aws_endpoint, environment_keys

PROFILES = """\
[default]
region = eu-central-1
[profile lab]
endpoint_url = http://lab:9000
region = lab-1
[profile split]
endpoint_url = http://all:1
services = own
[services own]
s3 =
  endpoint_url = http://s3only:2
"""


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    (tmp_path / "config").write_text(PROFILES)
    return {"AWS_CONFIG_FILE": str(tmp_path / "config")}


def test_keys_come_from_the_environment_only_as_a_pair():
    pair = {"AWS_ACCESS_KEY_ID": "a", "AWS_SECRET_ACCESS_KEY": "s"}
    assert environment_keys(pair) == Keys("a", "s", None)
    assert environment_keys({**pair, "AWS_SESSION_TOKEN": "t"}) == Keys("a", "s", "t")
    assert environment_keys({"AWS_ACCESS_KEY_ID": "a"}) is None
    assert environment_keys({}) is None


def test_the_endpoint_of_s3_stands_over_that_of_all_services(environment: dict[str, str]):
    environment |= {"AWS_ENDPOINT_URL": "http://all", "AWS_DEFAULT_REGION": "r2"}
    assert aws_endpoint(environment) == Endpoint("http://all", "r2")
    environment |= {"AWS_ENDPOINT_URL_S3": "http://s3", "AWS_REGION": "r1"}
    assert aws_endpoint(environment) == Endpoint("http://s3", "r1")


@pytest.mark.parametrize(
    ("profile", "endpoint"),
    [
        (None, Endpoint(None, "eu-central-1")),
        ("lab", Endpoint("http://lab:9000", "lab-1")),
        ("split", Endpoint("http://s3only:2", None)),
        ("unknown", Endpoint(None, None)),
    ],
)
def test_a_profile_may_name_endpoint_and_region(environment: dict[str, str], profile: str | None, endpoint: Endpoint):
    if profile:
        environment["AWS_PROFILE"] = profile
    assert aws_endpoint(environment) == endpoint


def test_configured_endpoints_can_be_ignored_as_aws_does(environment: dict[str, str]):
    environment |= {"AWS_PROFILE": "lab", "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS": "true"}
    assert aws_endpoint(environment).url is None


def test_without_any_configuration_it_is_aws(tmp_path: Path):
    assert aws_endpoint({"AWS_CONFIG_FILE": str(tmp_path / "none")}) == Endpoint(None, None)
