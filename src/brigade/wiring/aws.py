"""What AWS's own tools would take from the environment and the AWS configuration: endpoint, region, keys."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

_ENDPOINTS = ("AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL")
_REGIONS = ("AWS_REGION", "AWS_DEFAULT_REGION")


class Keys(NamedTuple):
    """Credentials that stand in the environment."""

    access_key: str
    secret_key: str
    session_token: str | None


class Endpoint(NamedTuple):
    """Where AWS's tools would go; None means AWS itself and its own region."""

    url: str | None
    region: str | None


def environment_keys(environment: Mapping[str, str]) -> Keys | None:
    """The keys in the environment. Read here, because asking botocore for them costs a quarter of a second."""
    access_key = environment.get("AWS_ACCESS_KEY_ID")
    secret_key = environment.get("AWS_SECRET_ACCESS_KEY")
    if not access_key or not secret_key:
        return None
    return Keys(access_key, secret_key, environment.get("AWS_SESSION_TOKEN") or None)


def aws_endpoint(environment: Mapping[str, str]) -> Endpoint:
    """Endpoint and region by environment, then by the profile in the AWS configuration file."""
    url = next((environment[name] for name in _ENDPOINTS if environment.get(name)), None)
    region = next((environment[name] for name in _REGIONS if environment.get(name)), None)
    if (url and region) or environment.get("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS", "").lower() == "true":
        return Endpoint(url, region)
    configured = _from_profile(environment)
    return Endpoint(url or configured.url, region or configured.region)


def _from_profile(environment: Mapping[str, str]) -> Endpoint:
    named = environment.get("AWS_CONFIG_FILE")
    file = Path(named or "~/.aws/config").expanduser()
    if not file.is_file():
        return Endpoint(None, None)
    from botocore.configloader import load_config

    config = load_config(str(file))
    profile = config["profiles"].get(environment.get("AWS_PROFILE", "default"), {})
    services = config.get("services", {}).get(profile.get("services", ""), {}).get("s3", {})
    return Endpoint(services.get("endpoint_url") or profile.get("endpoint_url"), profile.get("region"))
