"""Our rule beside those of others: theirs stay as they were, ours stands there once."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from brigade.wire.s3lifecycle import rule_id, with_expiry
from brigade.wire.xml import XmlError, parse

THEIRS = (
    b"<LifecycleConfiguration>\n  <Rule><ID>theirs &amp; &lt;more&gt;</ID><Filter><And><Prefix>a&amp;b/</Prefix><Tag><Key>k</Key>"
    b"<Value/></Tag></And></Filter><Status>Disabled</Status><Transition><Days>3</Days><StorageClass>GLACIER</StorageClass>"
    b"</Transition></Rule>\n  <Rule><Prefix>old-form/</Prefix><Status>Enabled</Status><Expiration><Days>1</Days></Expiration></Rule>"
    b"\n</LifecycleConfiguration>"
)


def shown(node):
    return (node.name, node.text if not node.children else "", [shown(child) for child in node.children])


def rules(document):
    return parse(document).all("Rule")


def test_the_first_rule_makes_a_configuration():
    (rule,) = rules(with_expiry(None, "logs/<2024>&/", 30))
    assert rule.text_of("ID") == rule_id("logs/<2024>&/")
    assert rule.text_of("Filter", "Prefix") == "logs/<2024>&/"
    assert (rule.text_of("Status"), rule.text_of("Expiration", "Days")) == ("Enabled", "30")


def test_the_rules_of_others_stay_as_they_are():
    changed = with_expiry(THEIRS, "ours/", 30)
    assert [shown(rule) for rule in rules(changed)[:2]] == [shown(rule) for rule in rules(THEIRS)]
    again = with_expiry(changed, "ours/", 60)
    assert [shown(rule) for rule in rules(again)[:2]] == [shown(rule) for rule in rules(THEIRS)]
    assert [rule.text_of("Expiration", "Days") for rule in rules(again)] == [None, "1", "60"]


def test_a_rule_that_stands_there_is_left_alone_and_one_that_was_switched_off_is_made_anew():
    document = with_expiry(THEIRS, "ours/", 30)
    assert with_expiry(document, "ours/", 30) is None
    off = document.replace(
        b"<Status>Enabled</Status><Expiration><Days>30", b"<Status>Disabled</Status><Expiration><Days>30"
    )
    assert off != document
    assert with_expiry(off, "ours/", 30) is not None


def test_each_prefix_has_a_rule_of_its_own():
    document = with_expiry(with_expiry(None, "one/", 1), "two/", 2)
    assert len(rules(document)) == 2


def test_what_cannot_be_read_is_not_written_over():
    with pytest.raises(XmlError):
        with_expiry(THEIRS[:-20], "ours/", 30)


@given(st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs"], exclude_characters="\ufffe\uffff")))
def test_any_prefix_comes_back_as_it_was(prefix):
    document = with_expiry(THEIRS, prefix, 5)
    assert rules(document)[-1].text_of("Filter", "Prefix") == prefix
    assert with_expiry(document, prefix, 5) is None


@pytest.mark.parametrize("document", [b"", b"<html/>", b"<Error><Code>SlowDown</Code></Error>"])
def test_what_is_no_configuration_is_not_taken_for_one_without_rules(document):
    with pytest.raises(XmlError):
        with_expiry(document, "ours/", 30)
