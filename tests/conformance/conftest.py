"""The promises that a real server breaks by itself, each with its reason. Strict: a mended server fails the test."""

from __future__ import annotations

import os

import pytest
from tests.conformance import gcs_emulators

from brigade.testing import gcs
from brigade.testing.available import absent
from brigade.testing.conformance import attributes

BROKEN_BY_THE_SERVER = {
    "test_an_aborted_upload_leaves_nothing_and_takes_no_more[moto]": (
        "moto answers 500 to a part of an upload that was aborted"
    ),
    "test_a_metadata_value_comes_back_exactly[swift-long]": (
        "Swift refuses a metadata value over 256 bytes (max_meta_value_length)"
    ),
    **gcs_emulators.BROKEN,
    "test_a_metadata_value_comes_back_exactly[swift-api-long]": (
        "Swift refuses a metadata value over 256 bytes (max_meta_value_length)"
    ),
    **{
        f"test_writing_tags_replaces_all_of_them_and_nothing_else[{name}]": "Azurite refuses an empty value in Set Blob Tags"
        for name in ("azurite", "azurite-encoded-names")
    },
}

# Not always, so these two outcomes are both right.
SOMETIMES_BROKEN_BY_THE_SERVER = {
    "test_of_writes_at_once_one_wins_whole[moto]": "moto's threads race for a key and some writes are answered 500",
}


def _is_for_soak(item: pytest.Item) -> bool:
    """What says the same again, slowly, or in another dialect that only concerns attributes."""
    if os.environ.get("BRIGADE_SOAK"):
        return False
    if "gcp-storage-emulator" in item.name:
        return gcs_emulators.HAPPY_PATH.match(item.name) is None
    return "azurite-encoded-names" in item.name and getattr(item, "originalname", "") not in vars(attributes)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    out = {item for item in items if _is_for_soak(item)}
    config.hook.pytest_deselected(items=[item for item in items if item in out])
    items[:] = [item for item in items if item not in out]
    for item in items:
        reason = BROKEN_BY_THE_SERVER.get(item.name)
        if reason is not None:
            item.add_marker(pytest.mark.xfail(reason=reason, strict=True))
        reason = SOMETIMES_BROKEN_BY_THE_SERVER.get(item.name)
        if reason is not None:
            item.add_marker(pytest.mark.xfail(reason=reason, strict=False))
        reason = gcs_emulators.NOT_FOR_THE_EMULATOR.get(item.name)
        if reason is not None:
            item.add_marker(pytest.mark.skip(reason=reason))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    for name, reason in (absent() | gcs.absent()).items():
        terminalreporter.write_line(f"not tested against {name}: {reason}")
