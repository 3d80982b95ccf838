from __future__ import annotations

import pytest

from brigade.clock import SystemClock
from brigade.config.gcs import GcsSection
from brigade.errors import ConfigError
from brigade.stores.gcs.settings import ENDPOINT
from brigade.stores.gcs.store import GcsStore
from brigade.stores.layers.versions import VersionsStore
from brigade.wiring.gcs import GcsKind
from brigade.wiring.kinds import Setting, kind_of_url


def settings_of(tmp_path, environment=None, **section):
    setting = Setting("google", tmp_path, environment or {}, SystemClock())
    return GcsKind.of_section(GcsSection(type="gcs", **section), setting).settings


def test_without_a_word_it_is_google_as_its_tools_see_it(tmp_path):
    settings = settings_of(tmp_path, {"GOOGLE_CLOUD_PROJECT": "mine"})
    assert (settings.endpoint, settings.anonymous, settings.project) == (ENDPOINT, False, "mine")
    assert settings.credentials_file is settings.credentials is settings.access_token is None


def test_files_are_named_from_where_the_configuration_lies(tmp_path):
    settings = settings_of(tmp_path, credentials_file="writer.json", ca_bundle="ca.pem")
    assert (settings.credentials_file, settings.ca_bundle) == (str(tmp_path / "writer.json"), str(tmp_path / "ca.pem"))


def test_an_emulator_gets_no_credentials(tmp_path):
    settings = settings_of(tmp_path, {"STORAGE_EMULATOR_HOST": "localhost:9023"}, access_token="t0ken")
    assert (settings.endpoint, settings.access_token, settings.anonymous) == ("http://localhost:9023", None, True)


def test_an_endpoint_of_the_section_goes_before_an_emulator(tmp_path):
    environment = {"STORAGE_EMULATOR_HOST": "localhost:9023"}
    settings = settings_of(tmp_path, environment, endpoint="https://gcs.example/", access_token="t0ken")
    assert (settings.endpoint, settings.access_token, settings.anonymous) == ("https://gcs.example", "t0ken", False)


def test_credentials_are_not_sent_in_the_clear(tmp_path):
    with pytest.raises(ConfigError, match="in the clear"):
        settings_of(tmp_path, endpoint="http://gcs.example", access_token="t0ken")


def test_a_url_is_what_googles_tools_mean_by_it(tmp_path):
    environment = {"STORAGE_EMULATOR_HOST": "http://localhost:9023"}
    kind = kind_of_url("gs", Setting("gs", tmp_path, environment, SystemClock()))
    assert kind.endpoint == "gs:http://localhost:9023"
    assert kind.bucket("photos", 4).identity == "gs://localhost:9023/photos"


def test_older_generations_are_shown_where_the_section_asks_for_them(tmp_path):
    for versions, shown in (("newest", GcsStore), ("all", VersionsStore)):
        section = GcsSection(type="gcs", anonymous=True, versions=versions)
        store = GcsKind.of_section(section, Setting("google", tmp_path, {}, SystemClock())).bucket("photos", 4)
        assert type(store) is shown
        assert (store.name, store.capabilities.writable) == ("google:photos", versions == "newest")
