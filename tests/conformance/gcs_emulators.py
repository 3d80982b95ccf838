"""What the emulators of Google Cloud Storage get wrong, by the name of the test, each with its reason."""

from __future__ import annotations

import re

# The plain emulator writes 18 objects a second: all promises by `make soak`, the happy path in every run.
HAPPY_PATH = re.compile(
    r"test_(a_write_answers|a_write_replaces|a_body_that_can_be_read|of_writes_at_once|a_content_header|several_metadata"
    r"|a_storage_class|a_copy_keeps|reading|a_range|a_missing|an_absent|deleting|a_listing|parts_|an_upload|a_key_is_kept)"
)

_GO = "fake-gcs-server"
_PY = "gcp-storage-emulator"
_AFTER = ("a-b", "a/", "a/b", "a/c", "a/c/", "a/c/d", "a/zz", "aa", "zzz", "\\xfc")
_KEPT = "test_a_key_is_kept_exactly_or_refused_without_a_trace"
_PAIRS = "test_keys_that_look_alike_are_two_objects_or_one_is_refused"
_FILES = "it keeps objects as files of a file system"

BROKEN = {
    f"test_a_copy_with_attributes_replaces_all_of_them[{_GO}]": "a null in a patch changes nothing",
    f"test_the_etag_of_parts_is_made_of_their_md5s_where_the_store_says_so[{_GO}]": "composite objects have an MD5",
    f"test_the_etag_of_parts_is_made_of_their_md5s_where_the_store_says_so[{_PY}]": "composite objects have an MD5",
    f"test_a_copy_with_attributes_replaces_all_of_them[{_PY}]": "a null in a patch changes nothing",
    f"test_a_copy_keeps_all_that_the_object_carries[{_PY}]": "a rewrite takes no attributes",
    f"test_attributes_of_the_start_are_those_of_the_object[{_PY}]": "a rewrite takes no attributes",
    f"test_a_part_that_ends_early_is_refused[{_PY}]": "a body that ends early is stored",
    f"test_a_write_for_an_absent_key_never_replaces[{_PY}]": "it ignores preconditions",
    f"test_start_after_works_under_a_prefix[{_PY}]": "it ignores startOffset",
    **{
        f"test_start_after_is_exclusive_by_the_declared_order[{_PY}-{limit}-{after}]": "it ignores startOffset"
        for limit in (2, 1000)
        for after in _AFTER
    },
    **{f"{_KEPT}[{_PY}-{name}]": _FILES for name in ("dot-dot", "leading-dot-dot")},
    **{f"{_PAIRS}[{_PY}-{name}]": _FILES for name in ("slash-at-end", "double-slash", "leading-slash", "dot")},
}

NOT_FOR_THE_EMULATOR = {
    f"test_an_object_replaced_while_it_is_read_is_never_read_as_a_mixture[{_PY}]": (
        "it serves one connection at a time, so a write waits for the read that waits for it"
    ),
}
