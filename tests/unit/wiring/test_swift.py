"""Stores of type `swift`: from the configuration, and from the environment as OpenStack's tools read it."""

from __future__ import annotations

from pathlib import Path

import pytest

from brigade.config.swift import SwiftSection, swift_mistakes
from brigade.errors import ConfigError
from brigade.stores.swift.settings import AuthVersion, DynamicObjects
from brigade.stores.swift.store import SwiftStore
from brigade.testing.clock import ManualClock
from brigade.wiring.kinds import Setting, kind_of, kind_of_url
from brigade.wiring.swift import swift_settings, swift_url_settings

RC = {
    "OS_AUTH_URL": "https://keystone.example/v3",
    "OS_USERNAME": "me",
    "OS_PASSWORD": "hush",
    "OS_PROJECT_NAME": "photos",
    "OS_USER_DOMAIN_NAME": "Users",
    "OS_PROJECT_DOMAIN_ID": "default",
    "OS_REGION_NAME": "north",
    "OS_INTERFACE": "internal",
    "OS_CACERT": "/etc/ca.pem",
}


def test_each_key_of_a_section_is_taken_up():
    section = SwiftSection(
        type="swift",
        auth_url="https://keystone.example",
        auth_version="2",
        user="u",
        key="k",
        account="AUTH_x",
        segments_container="parts",
        storage_policy="gold",
        dlo=False,
        delete_segments=False,
        encode_metadata_names=True,
        ca_bundle="ca.pem",
        idle_timeout=5.0,
    )
    settings = swift_settings("s", section, directory=Path("/etc/brigade"))
    assert settings.version is AuthVersion.V2
    assert (settings.account, settings.segments, settings.storage_policy) == ("AUTH_x", "parts", "gold")
    assert settings.dlo is DynamicObjects.IGNORE
    assert (settings.delete_segments, settings.encode_metadata_names) == (False, True)
    assert (settings.ca_bundle, settings.idle_timeout_seconds) == ("/etc/brigade/ca.pem", 5.0)
    store = kind_of(section, Setting("s", Path("/"), {}, ManualClock())).bucket("photos", 7)
    assert isinstance(store, SwiftStore)
    assert (store.name, store.settings.connections) == ("s:photos", 7)


@pytest.mark.parametrize(
    ("said", "meant"),
    [({}, "segments"), ({"dlo": True}, "segments"), ({"dlo": "flatten"}, "flatten"), ({"dlo": "ignore"}, "ignore")],
)
def test_what_dynamic_large_objects_are_taken_for_can_be_said(said, meant):
    section = SwiftSection(type="swift", storage_url="https://swift.example/v1/AUTH_a", token="hush", **said)
    assert swift_settings("s", section, directory=Path("/")).dlo is DynamicObjects(meant)


def test_a_url_takes_what_an_rc_file_says():
    settings = swift_url_settings(RC)
    assert (settings.auth_url, settings.user, settings.key) == ("https://keystone.example/v3", "me", "hush")
    assert (settings.project_name, settings.user_domain_name, settings.project_domain_id) == (
        "photos",
        "Users",
        "default",
    )
    assert (settings.region, settings.interface, settings.ca_bundle) == ("north", "internal", "/etc/ca.pem")
    assert settings.version is AuthVersion.V3


def test_a_url_takes_what_the_swift_client_of_old_takes():
    environment = {"ST_AUTH": "http://swift.example/auth/v1.0", "ST_USER": "a:b", "ST_KEY": "k"}
    settings = swift_url_settings({**RC, **environment})
    assert (settings.auth_url, settings.user, settings.version) == (environment["ST_AUTH"], "a:b", AuthVersion.V1)


def test_a_url_takes_a_token_only_with_its_storage_url():
    both = {"OS_STORAGE_URL": "https://swift.example/v1/AUTH_a", "OS_AUTH_TOKEN": "t"}
    assert swift_url_settings(both).version is AuthVersion.FIXED
    assert swift_url_settings({**RC, "OS_AUTH_TOKEN": "t", "OS_IDENTITY_API_VERSION": "3"}).token is None
    assert swift_url_settings({**RC, "OS_ENDPOINT_TYPE": "publicURL", "OS_INTERFACE": ""}).interface == "public"
    store = kind_of_url("swift", Setting("swift", Path("/"), both, ManualClock())).bucket("photos", 1)
    assert store.identity == "swift://swift.example:443/AUTH_a/photos"


def test_a_url_without_a_log_in_says_what_to_set():
    with pytest.raises(ConfigError, match="ST_AUTH"):
        swift_url_settings({})


WRONG = {
    "nothing": ({}, "auth_url"),
    "half": ({"auth_url": "http://a/v3", "user": "u"}, "user and key"),
    "no-url": ({"auth_url": "a.example", "user": "u", "key": "k"}, "URL"),
    "token": ({"token": "t"}, "storage_url"),
    "application-version": (
        {
            "auth_url": "http://a",
            "auth_version": "2",
            "application_credential_id": "i",
            "application_credential_secret": "s",
        },
        "version 3",
    ),
    "application-name": (
        {"auth_url": "http://a", "application_credential_name": "n", "application_credential_secret": "s"},
        "the user",
    ),
}


@pytest.mark.parametrize(("keys", "words"), WRONG.values(), ids=WRONG)
def test_what_the_credentials_lack_is_told(keys, words):
    assert words in " ".join(mistake.words for mistake in swift_mistakes(SwiftSection(type="swift", **keys)))


def test_right_credentials_are_right():
    for keys in (
        {"auth_url": "http://a/v3", "user": "u", "key": "k"},
        {"auth_url": "http://a", "application_credential_id": "i", "application_credential_secret": "s"},
        {"storage_url": "http://a/v1/AUTH_a", "token": "t"},
    ):
        assert list(swift_mistakes(SwiftSection(type="swift", **keys))) == []
