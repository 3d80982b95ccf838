"""The XML reader: small, and hard against what no store sends."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from brigade.wire import xml
from brigade.wire.xml import XmlError, escape, parse, unescape

# What XML 1.0 can hold.
WRITABLE = st.text(
    st.characters(exclude_categories=["Cs", "Cc"], exclude_characters="\ufffe\uffff") | st.sampled_from("\t\n\r<>&\"'")
)


@given(WRITABLE)
def test_what_is_written_is_read_back(text: Any) -> None:
    assert parse(f"<a>{escape(text)}</a>").text == text
    assert ET.fromstring(f"<a>{escape(text)}</a>").text == (text or None)
    assert unescape(escape(text)) == text


@pytest.mark.parametrize("text", ["\0", "a\x0b", "\x1f", "\ud800", "\uffff"])
def test_what_xml_cannot_hold_is_refused(text: Any) -> None:
    with pytest.raises(XmlError):
        escape(text)


def test_namespaces_and_prefixes_do_not_matter() -> None:
    root = parse(b'<s:A xmlns:s="urn:x"><s:B>1</s:B><C><D>2</D></C></s:A>')
    assert (root.name, root.text_of("B"), root.text_of("C", "D"), root.text_of("X", "Y")) == ("A", "1", "2", None)


@pytest.mark.parametrize(
    "document",
    [
        b"",
        b"<a>",
        b"<a></b>",
        b"<a/><b/>",
        b"<a>&unknown;</a>",
        b"<a>\x01</a>",
        b"<html><br></html>",
        b'<!DOCTYPE a [<!ENTITY x "y">]><a>&x;</a>',
        b'<!DOCTYPE a SYSTEM "file:///etc/passwd"><a/>',
        b"<a>" * 100 + b"</a>" * 100,
    ],
)
def test_a_document_that_is_broken_or_hostile_is_refused(document: Any) -> None:
    with pytest.raises(XmlError):
        parse(document)


def test_a_document_without_end_is_refused_before_it_is_read(monkeypatch: Any) -> None:
    monkeypatch.setattr(xml, "MAX_DOCUMENT_BYTES", 10)
    with pytest.raises(XmlError, match="more than 10"):
        parse(b"<a>12345</a>")


@pytest.mark.parametrize("text", ["&", "&nbsp;", "&#x110000;", "&#xfffffff;", "a&amp"])
def test_an_unknown_reference_is_refused(text: Any) -> None:
    with pytest.raises(XmlError):
        unescape(text)
