"""From a section, or from the environment, to the settings of an Azure store."""

from __future__ import annotations

from pathlib import Path

import pytest

from brigade.clock import SystemClock
from brigade.config.azure import AzureSection
from brigade.errors import UsageError
from brigade.stores.azure.store import AzureStore
from brigade.stores.layers.versions import VersionsStore
from brigade.wiring.azure import AzureKind
from brigade.wiring.kinds import Setting, kind_of, kind_of_url

CONNECTION = "AccountName=there;AccountKey=YWI=;BlobEndpoint=http://127.0.0.1:1/there"


def setting(**environment):
    return Setting("blobs", Path("/etc/brigade"), environment, SystemClock())


def of(environment=None, **section):
    kind = kind_of(AzureSection.model_validate({"type": "azure", **section}), setting(**(environment or {})))
    assert isinstance(kind, AzureKind)
    return kind.settings


def test_a_section_says_all():
    found = of(
        account="acc",
        key="YQ==",
        metadata_names="encode",
        delete_snapshots=True,
        ca_bundle="ca.pem",
        idle_timeout="5s",
        hierarchical=True,
        listing_order="bytes",
        api_version="2023-11-03",
    )
    assert (found.account, found.key, found.base_url) == ("acc", "YQ==", "https://acc.blob.core.windows.net")
    assert (found.encode_metadata_names, found.delete_snapshots, found.hierarchical) == (True, True, True)
    assert (found.ca_bundle, found.idle_timeout_seconds, found.api_version) == (
        "/etc/brigade/ca.pem",
        5.0,
        "2023-11-03",
    )


def test_the_account_is_told_by_the_endpoint_or_by_the_connection_string():
    assert of(endpoint="https://acc.blob.core.windows.net/", sas="s").account == "acc"
    found = of(connection_string=CONNECTION)
    assert (found.account, found.endpoint, found.key) == ("there", "http://127.0.0.1:1/there", "YWI=")


def test_the_environment_fills_in_the_key_of_the_same_account_and_no_other():
    around = {"AZURE_STORAGE_ACCOUNT": "acc", "AZURE_STORAGE_KEY": "YQ==", "AZURE_STORAGE_SAS_TOKEN": "s"}
    assert (of(around, account="acc").key, of(around, account="acc").sas) == ("YQ==", None)
    assert of(around).account == "acc"
    assert of(around, account="other").key is None
    assert of(around, account="acc", anonymous=True).key is None
    assert of(around, account="acc", sas="own").sas == "own"


@pytest.mark.parametrize(
    ("environment", "account", "key", "sas"),
    [
        ({"AZURE_STORAGE_CONNECTION_STRING": CONNECTION, "AZURE_STORAGE_ACCOUNT": "x"}, "there", "YWI=", None),
        ({"AZURE_STORAGE_ACCOUNT": "acc", "AZURE_STORAGE_SAS_TOKEN": "?s"}, "acc", None, "?s"),
        ({"AZURE_STORAGE_ACCOUNT": "acc"}, "acc", None, None),
    ],
)
def test_a_url_means_what_it_means_to_azures_tools(environment, account, key, sas):
    kind = kind_of_url("az", setting(**environment))
    assert isinstance(kind, AzureKind)
    assert (kind.settings.account, kind.settings.key, kind.settings.sas) == (account, key, sas)
    assert kind.endpoint.startswith("az:http")
    assert kind.bucket("photos", 7).name == "az:photos"


def test_a_url_without_an_account_says_what_to_set():
    with pytest.raises(UsageError, match="AZURE_STORAGE_ACCOUNT"):
        kind_of_url("az", setting())


def test_older_versions_are_shown_where_the_section_asks_for_them():
    for versions, shown in (("newest", AzureStore), ("all", VersionsStore)):
        section = AzureSection.model_validate(
            {"type": "azure", "account": "a", "anonymous": True, "versions": versions}
        )
        store = kind_of(section, setting()).bucket("photos", 4)
        assert type(store) is shown
        assert (store.name, store.capabilities.writable) == ("blobs:photos", versions == "newest")
