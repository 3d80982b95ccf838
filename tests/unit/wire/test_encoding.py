"""Percent encoding, against the standard library as an oracle."""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qsl, quote, unquote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from brigade.wire.encoding import decode, decode_plus, encode_key, encode_query, encode_value, split_query

TEXT = st.text(st.characters(exclude_categories=["Cs"])) | st.text(st.sampled_from("ab/+% ~\u00fc\0?&=#"))


@given(TEXT)
def test_keys_and_values_are_encoded_as_s3_demands(text: Any) -> None:
    assert encode_key(text) == quote(text, safe="/~")
    assert encode_value(text) == quote(text, safe="~")


@given(TEXT)
def test_decoding_undoes_encoding(text: Any) -> None:
    assert decode(encode_key(text)) == text
    assert decode_plus(encode_value(text)) == text
    assert decode_plus(quote(text).replace("%20", "+")) == text


@given(TEXT)
def test_decoding_leaves_what_is_no_escape(text: Any) -> None:
    try:
        expected = unquote(text, errors="strict")
    except UnicodeDecodeError:
        with pytest.raises(UnicodeDecodeError):
            decode(text)
    else:
        assert decode(text) == expected


@given(st.lists(st.tuples(st.text("ab&=+% \u00fc", min_size=1, max_size=4), st.text("ab&=+% \u00fc", max_size=4))))
def test_a_query_is_read_back_as_it_was_written_but_sorted(pairs: Any) -> None:
    text = encode_query(pairs)
    assert sorted(split_query(text)) == sorted(pairs)
    assert split_query(text) == parse_qsl(text, keep_blank_values=True)


def test_a_query_is_sorted_by_its_encoded_form() -> None:
    assert encode_query([("b", ""), ("a-b", "2"), ("a", "\u00fc"), ("a", "z")]) == "a=%C3%BC&a=z&a-b=2&b="


def test_a_lone_surrogate_is_no_key() -> None:
    with pytest.raises(UnicodeEncodeError):
        encode_key("a\udc80")
