"""Errors, tiers, names of metadata, encoded words and the small documents of Azure."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from brigade.errors import (
    AccessDenied,
    BucketMissing,
    Corrupt,
    NotFound,
    PreconditionFailed,
    Rejected,
    Throttled,
    Unavailable,
)
from brigade.wire.azureerrors import BY_CODE, error_for
from brigade.wire.azuretiers import STORED_CLASSES, class_of, tier_of
from brigade.wire.azurexml import (
    build_block_list,
    build_tags,
    parse_block_list,
    parse_containers,
    parse_message,
    parse_tags,
)
from brigade.wire.encodedwords import decoded_words, encoded_word
from brigade.wire.metadatanames import decode_name, encode_name, is_identifier


@pytest.mark.parametrize("code", ["OutOfRangeInput", "InvalidResourceName"])
def test_a_name_that_no_container_has_is_told_with_what_it_may_be(code):
    told = error_for(400, code, "The specified resource name …", store="az:My_C", operation="open")
    assert isinstance(told, Rejected)
    assert "az:My_C open: no container has such a name" in str(told)
    assert "3 to 63 lower-case letters" in str(told)
    assert "no container" not in str(error(400, code)), "of a blob it is another matter"


def error(status, code="", message=""):
    return error_for(status, code, message, store="az:c", operation="get", key="k", retry_after_seconds=3.0)


@pytest.mark.parametrize(
    ("status", "code", "kind"),
    [
        (404, "BlobNotFound", NotFound),
        (404, "ContainerNotFound", BucketMissing),
        (404, "ResourceNotFound", AccessDenied),
        (404, "", Rejected),
        (403, "AuthorizationPermissionMismatch", AccessDenied),
        (403, "", AccessDenied),
        (401, "NoAuthenticationInformation", AccessDenied),
        (304, "", PreconditionFailed),
        (409, "BlobAlreadyExists", PreconditionFailed),
        (412, "ConditionNotMet", PreconditionFailed),
        (412, "LeaseIdMissing", Rejected),
        (409, "BlobArchived", Rejected),
        (409, "SnapshotsPresent", Rejected),
        (409, "Unheard", Rejected),
        (400, "Md5Mismatch", Corrupt),
        (503, "ServerBusy", Throttled),
        (429, "", Throttled),
        (500, "OperationTimedOut", Unavailable),
        (500, "Unheard", Unavailable),
    ],
)
def test_an_answer_means_what_azure_says(status, code, kind):
    found = error(status, code, "In their words.\nRequestId:1\nTime:2")
    assert type(found) is kind
    assert (found.status, found.code, found.key, found.retry_after_seconds) == (status, code, "k", 3.0)
    assert "RequestId" not in found.message


def test_azurites_word_for_a_wrong_md5_is_known():
    assert type(error(400, "InvalidOperation", "Provided contentMD5 doesn't match.")) is Corrupt
    assert type(error(400, "InvalidOperation", "The size mismatches.")) is Rejected


def test_what_an_operator_can_mend_says_how():
    for code in ("BlobArchived", "LeaseIdMissing", "SnapshotsPresent", "InvalidBlobOrBlock", "AuthenticationFailed"):
        assert BY_CODE[code].hint


def test_tiers_and_classes_have_a_way_there_and_back():
    assert [tier_of(name) for name in ("STANDARD", "STANDARD_IA", "GLACIER_IR", "GLACIER", "DEEP_ARCHIVE", "Cold")] == [
        *("Hot", "Cool", "Cold", "Archive", "Archive", "Cold"),
    ]
    for name in ("STANDARD", "ONEZONE_IA", "GLACIER", "INTELLIGENT_TIERING", "Hot", "Archive"):
        assert class_of(tier_of(name)) == STORED_CLASSES.get(name, name)
    assert (class_of(None), class_of("P10")) == (None, None)
    with pytest.raises(Rejected, match="SNOW"):
        tier_of("SNOW")


NAMES = st.text(alphabet=st.sampled_from("abx_-0129.\u00fc\U0001f600"), min_size=1, max_size=12)


@given(NAMES)
def test_a_name_of_metadata_comes_back_from_its_identifier(name):
    assert is_identifier(encode_name(name))
    assert decode_name(encode_name(name)) == name


@given(NAMES, NAMES)
def test_two_names_never_share_an_identifier(one, other):
    assert (encode_name(one) == encode_name(other)) == (one == other)


def test_plain_names_stay_as_they_are():
    assert [encode_name(name) for name in ("plain", "two_words", "a1", "two-words", "1st", "_x002d_")] == [
        *("plain", "two_words", "a1", "two_x002d_words", "_x0031_st", "_x005f_x002d_"),
    ]
    assert [is_identifier(name) for name in ("a-b", "1a", "", "\u00fc", "a_b1")] == [False, False, False, False, True]


@given(st.text())
def test_a_value_comes_back_from_its_encoded_word(value):
    value = value.encode("utf-8", "replace").decode()
    word = encoded_word(value)
    assert word.isascii()
    assert decoded_words(word) == value


def test_words_of_other_programs_are_read_and_broken_ones_are_left():
    assert decoded_words("=?iso-8859-1?Q?gr=FCn?=") == "gr\u00fcn"
    assert decoded_words("=?UTF-8?B?w7w=?= and more") == "\u00fc and more"
    assert [decoded_words(text) for text in ("=?", "a =?b", "=?nowhere?B?w7w=?=")] == [
        "=?",
        "a =?b",
        "=?nowhere?B?w7w=?=",
    ]


def test_documents_are_written_and_read():
    assert build_block_list(["QQ==", "Qg=="]).endswith(
        b"<BlockList><Uncommitted>QQ==</Uncommitted><Uncommitted>Qg==</Uncommitted></BlockList>"
    )
    found = parse_block_list(
        b"\xef\xbb\xbf<BlockList><CommittedBlocks><Block><Name>QQ==</Name><Size>4</Size></Block></CommittedBlocks>"
        b"<UncommittedBlocks><Block><Name>Qg==</Name><Size>1</Size></Block></UncommittedBlocks></BlockList>"
    )
    assert found == ([("QQ==", 4)], [("Qg==", 1)])
    assert parse_tags(build_tags({"a<b": "c&d", "e": ""})) == {"a<b": "c&d", "e": ""}
    assert parse_containers(
        b"<EnumerationResults><Containers><Container><Name>a</Name></Container></Containers><NextMarker>b</NextMarker>"
        b"</EnumerationResults>"
    ) == (["a"], "b")
    for read in (parse_block_list, parse_tags, parse_containers):
        with pytest.raises(ValueError, match="html"):
            read(b"<html/>")


def test_the_message_of_an_error_is_found_also_in_what_is_no_document():
    assert parse_message(b"\xef\xbb\xbf<Error><Code>c</Code><Message>said</Message></Error>") == "said"
    assert parse_message(b"bad gateway") == "bad gateway"
