"""The one comparison, row by row: every case of the table in `brigade.decide.decide` and every policy."""

from __future__ import annotations

from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from brigade.decide.actions import NO_EVIDENCE, ActionKind, Evidence, Known
from brigade.decide.decide import CLOCK_MARGIN_NS, Rules, decide, remembered_print, target_print
from brigade.objects import Checksum, ChecksumAlgorithm, ObjectInfo, Proof
from brigade.replications import AttributesMode, CompareMode, DeleteMode, Policy

SECOND_NS = 1_000_000_000
MD5_ONE, MD5_TWO = "1" * 32, "2" * 32
MD5_OF_ONE = Checksum(ChecksumAlgorithm.MD5, MD5_ONE)
MULTI_ONE, MULTI_TWO = MD5_ONE + "-2", MD5_TWO + "-3"
COPY, META, DELETE, SKIP = ActionKind.COPY, ActionKind.COPY_METADATA, ActionKind.DELETE, ActionKind.SKIP
CONFLICT, CONTENT, ATTRIBUTES = ActionKind.CONFLICT, ActionKind.EXAMINE_CONTENT, ActionKind.EXAMINE_ATTRIBUTES


def info(etag=MD5_ONE, *, size=1, modified_ns=1_000 * SECOND_NS):
    return ObjectInfo("k", size, etag, modified_ns)


SOURCE = info()
TARGET = info(modified_ns=2_000 * SECOND_NS)


def known(source=SOURCE, target=TARGET, *, proof=Proof.MD5, written=True, tagged=False):
    return Known(remembered_print(source), target_print(target), proof, written, tagged, 7)


def judge(source, target, row=None, evidence=NO_EVIDENCE, *, rules=None, **policy):
    rules = rules or {}
    return decide(source, target, row, Rules(Policy(**policy), **rules), evidence)


@pytest.mark.parametrize("delete", DeleteMode)
def test_a_key_that_is_gone_on_both_sides_is_skipped(delete):
    assert judge(None, None, known(), delete=delete).kind is SKIP


EXTRA = [
    (DeleteMode.NO, None, SKIP),
    (DeleteMode.NO, known(), SKIP),
    (DeleteMode.MIRROR, None, DELETE),
    (DeleteMode.MIRROR, known(target=info(MD5_TWO)), DELETE),
    (DeleteMode.TRACKED, None, SKIP),
    (DeleteMode.TRACKED, known(written=False), SKIP),
    (DeleteMode.TRACKED, known(), DELETE),
    (DeleteMode.TRACKED, known(target=info(MD5_TWO)), CONFLICT),
    (DeleteMode.TRACKED, known(target=info(MD5_TWO), written=False), SKIP),
]


@pytest.mark.parametrize(("delete", "row", "expected"), EXTRA)
def test_an_extra_object_at_the_target_is_judged_by_the_delete_mode(delete, row, expected):
    assert judge(None, TARGET, row, delete=delete).kind is expected


@pytest.mark.parametrize("row", [None, known()])
def test_a_missing_object_is_copied_unless_creating_is_off(row):
    assert judge(SOURCE, None, row).kind is COPY
    assert judge(SOURCE, None, row, create=False).kind is SKIP


CONTENT_ROWS = [
    # source, target, what differs from the default rules, expected, proof
    (info(size=2), TARGET, {}, COPY, None),
    (info(), TARGET, {}, SKIP, Proof.ETAG),
    (info(MULTI_ONE), info(MULTI_ONE, modified_ns=2_000 * SECOND_NS), {}, SKIP, Proof.ETAG),
    (info(MD5_TWO), TARGET, {}, COPY, None),
    (info(MULTI_ONE), TARGET, {}, COPY, None),
    (info(MULTI_ONE), info(MULTI_TWO), {}, COPY, None),
    (info(MULTI_ONE), TARGET, {"local_reads": True}, CONTENT, None),
    (info(MD5_TWO), TARGET, {"local_reads": True}, COPY, None),
    (info(MD5_TWO), TARGET, {"local_reads": True, "content_etags": False}, CONTENT, None),
    (info(), TARGET, {"content_etags": False}, COPY, None),
    (info(None), info(None), {}, COPY, None),
    (info(None), info(None), {"local_reads": True}, CONTENT, None),
    (info(None), TARGET, {"content_etags": False, "local_reads": True}, CONTENT, None),
]


@pytest.mark.parametrize(("source", "target", "rules", "expected", "proof"), CONTENT_ROWS)
def test_content_is_compared_by_size_then_etags_then_a_look(source, target, rules, expected, proof):
    action = judge(source, target, rules=rules)
    assert action.kind is expected
    if proof:
        assert action.proof is proof


@pytest.mark.parametrize("etags", [(MD5_ONE, MD5_TWO), (MULTI_ONE, MD5_ONE), (None, MD5_ONE), ("opaque-1", "opaque-2")])
@pytest.mark.parametrize("content_etags", [True, False])
@pytest.mark.parametrize("local_reads", [True, False])
def test_what_the_inventory_remembers_of_both_sides_is_the_same_with_its_proof(etags, content_etags, local_reads):
    source, target = info(etags[0]), info(etags[1], modified_ns=2_000 * SECOND_NS)
    rules = {"content_etags": content_etags, "local_reads": local_reads}
    action = judge(source, target, known(source, target, proof=Proof.READ_BACK), rules=rules)
    assert (action.kind, action.proof) == (SKIP, Proof.READ_BACK)


@pytest.mark.parametrize(
    ("source", "target"),
    [
        (info("z"), info("y")),
        (info("x"), info("w")),
        (info("x", size=3), info("y", size=3)),
    ],
)
def test_a_row_about_other_versions_proves_nothing(source, target):
    row = known(info("x"), info("y"))
    assert judge(source, target, row, rules={"content_etags": False}).kind is COPY


@pytest.mark.parametrize(
    ("before", "now", "target"),
    [
        (info("x"), info("x", modified_ns=5_000 * SECOND_NS), info("y")),
        (info(MULTI_ONE), info(MULTI_ONE, modified_ns=1), info("y")),
        (info("x"), info("w")._replace(checksum=MD5_OF_ONE), info("y")._replace(checksum=MD5_OF_ONE)),
        (info("x")._replace(checksum=MD5_OF_ONE), info("w")._replace(checksum=MD5_OF_ONE), info("y")),
        (info("x"), info("w")._replace(checksum=MD5_OF_ONE), info(MD5_ONE)),
    ],
    ids=["etag-stayed", "etag-of-parts-stayed", "digests-told", "digest-stayed", "digest-is-the-etag"],
)
def test_where_only_metadata_can_have_changed_no_byte_moves(before, now, target):
    row = known(before, target)
    rules = {"content_etags": False}
    assert judge(now, target, row, rules=rules).kind is ATTRIBUTES
    changed = Evidence(attributes_differ=("metadata",))
    action = judge(now, target, row, changed, rules=rules)
    assert (action.kind, action.proof) == (META, row.proof)
    assert judge(before, target, row, changed, rules=rules, retain_source=False).kind is COPY
    touched = target._replace(etag="touched", checksum=MD5_OF_ONE)
    assert judge(now, touched, row, rules=rules).kind is COPY
    assert judge(now, target, None, rules=rules).kind is COPY
    assert judge(now, target, row._replace(proof=Proof.SIZE), rules=rules, require_proof=True).kind is COPY


def test_a_digest_that_the_source_only_repeats_is_not_enough_to_delete_there():
    """Azure's Content-MD5 is what the writer has said: another content may come with the one of before."""
    before, target = info("x")._replace(checksum=MD5_OF_ONE), info("y")
    now, rules = info("w")._replace(checksum=MD5_OF_ONE), {"content_etags": False}
    same = Evidence(attributes_differ=())
    assert judge(now, target, known(before, target), same, rules=rules, retain_source=False).kind is COPY
    again = info("x", modified_ns=5_000 * SECOND_NS)
    assert (
        judge(again, target, known(before, target), same, rules=rules, retain_source=False).kind is ActionKind.ARCHIVE
    )


def test_the_time_of_a_target_without_etag_is_part_of_what_is_remembered():
    source, target = info("x"), info(None)
    row = known(source, target)
    assert judge(source, target, row, rules={"content_etags": False}).kind is SKIP
    touched = target._replace(modified_ns=target.modified_ns + 1)
    assert judge(source, touched, row, rules={"content_etags": False}).kind is COPY


@pytest.mark.parametrize("row", [None, known()])
def test_comparing_by_checksum_always_looks_at_the_bytes(row):
    assert judge(SOURCE, TARGET, row, compare=CompareMode.CHECKSUM).kind is CONTENT
    assert judge(info(size=2), TARGET, row, compare=CompareMode.CHECKSUM).kind is COPY


def test_comparing_by_size_says_that_its_proof_is_weak():
    action = judge(info(MD5_TWO), TARGET, compare=CompareMode.SIZE)
    assert (action.kind, action.proof) == (SKIP, Proof.SIZE)
    assert judge(info(size=2), TARGET, compare=CompareMode.SIZE).kind is COPY


@pytest.mark.parametrize("compare", [CompareMode.AUTO, CompareMode.CHECKSUM])
def test_evidence_about_the_content_ends_the_question(compare):
    different = judge(info(MULTI_ONE), TARGET, evidence=Evidence(content_equal=False), compare=compare)
    assert different.kind is COPY
    same = judge(info(MULTI_ONE), TARGET, evidence=Evidence(True, Proof.READ_BACK), compare=compare)
    assert (same.kind, same.proof) == (SKIP, Proof.READ_BACK)


ATTRIBUTE_ROWS = [
    # what differs: source's time, rules, policy, row → expected
    ({}, {}, {}, None, SKIP),
    ({}, {"times_compare": False}, {}, None, ATTRIBUTES),
    ({}, {}, {"attributes": AttributesMode.EACH}, None, ATTRIBUTES),
    ({}, {}, {"attributes": AttributesMode.EACH}, known(), ATTRIBUTES),
    ({}, {"times_compare": False}, {}, known(), SKIP),
    ({}, {}, {}, known(tagged=True), ATTRIBUTES),
    ({}, {}, {"tags": False}, known(tagged=True), SKIP),
    ({}, {"tags_hidden": False}, {}, known(tagged=True), SKIP),
    ({"modified_ns": 3_000 * SECOND_NS}, {}, {}, None, ATTRIBUTES),
    ({"modified_ns": TARGET.modified_ns}, {}, {}, None, ATTRIBUTES),
    ({"modified_ns": TARGET.modified_ns - CLOCK_MARGIN_NS}, {}, {}, None, ATTRIBUTES),
    ({"modified_ns": TARGET.modified_ns - CLOCK_MARGIN_NS - 1}, {}, {}, None, SKIP),
    ({}, {"clocks_apart_ns": 1_000 * SECOND_NS}, {}, None, ATTRIBUTES),
    ({"modified_ns": 3_000 * SECOND_NS}, {"clocks_apart_ns": -1_500 * SECOND_NS}, {}, None, SKIP),
]


@pytest.mark.parametrize(("source", "rules", "policy", "row", "expected"), ATTRIBUTE_ROWS)
def test_attributes_are_looked_at_where_they_may_have_changed(source, rules, policy, row, expected):
    assert judge(info(**source), TARGET, row, rules=rules, **policy).kind is expected


def test_evidence_about_attributes_ends_the_question():
    policy = {"attributes": AttributesMode.EACH}
    differ = judge(SOURCE, TARGET, evidence=Evidence(attributes_differ=("tags", "metadata")), **policy)
    assert differ.kind is META
    assert "tags, metadata" in differ.reason
    assert judge(SOURCE, TARGET, evidence=Evidence(attributes_differ=()), **policy).kind is SKIP


def test_updating_switched_off_leaves_both_kinds_of_difference():
    assert judge(info(MD5_TWO), TARGET, update=False).kind is SKIP
    action = judge(SOURCE, TARGET, evidence=Evidence(attributes_differ=("tags",)), update=False)
    assert action.kind is SKIP
    assert "tags" in action.reason


def test_a_weak_proof_on_record_is_no_proof_where_proof_is_required():
    source, target = info("x"), info("y", modified_ns=2_000 * SECOND_NS)
    row = known(source, target, proof=Proof.SIZE)
    rules = {"content_etags": False}
    assert judge(source, target, row, rules=rules).kind is SKIP
    assert judge(source, target, row, rules=rules, require_proof=True).kind is COPY
    strong = known(source, target, proof=Proof.READ_BACK)
    assert judge(source, target, strong, rules=rules, require_proof=True).kind is SKIP


etags = st.sampled_from([None, MD5_ONE, MD5_TWO, MULTI_ONE, MULTI_TWO, "opaque"])
sides = st.none() | st.builds(
    info, etags, size=st.integers(0, 1), modified_ns=st.sampled_from([0, 1, SECOND_NS, 10 * SECOND_NS, 11 * SECOND_NS])
)
policies = st.builds(
    Policy,
    delete=st.sampled_from(DeleteMode),
    compare=st.sampled_from(CompareMode),
    attributes=st.sampled_from(AttributesMode),
    create=st.booleans(),
    update=st.booleans(),
    tags=st.booleans(),
    require_proof=st.booleans(),
)
rule_sets = st.builds(
    Rules, policies, st.booleans(), st.booleans(), st.booleans(), st.booleans(), st.sampled_from([0, 5 * SECOND_NS])
)


@given(sides, sides, rule_sets, st.none() | st.booleans(), st.booleans(), st.sampled_from(Proof))
def test_laws_that_hold_for_every_case(source, target, rules, remembered, tagged, proof):
    row = None
    if remembered is not None and source and target:
        other = target if remembered else target._replace(etag="changed")
        row = Known(remembered_print(source), target_print(other), proof, True, tagged, 1)
    action = decide(source, target, row, rules)
    assert action.reason
    assert action == decide(source, target, row, rules), "no state, no chance"
    if source is not None:
        assert action.kind not in (DELETE, CONFLICT), "what the source holds is never deleted"
    if action.kind is DELETE:
        assert rules.policy.delete is not DeleteMode.NO
    if action.needs_look:
        assert source is not None
        assert target is not None
    if source and target and source.size_bytes != target.size_bytes:
        assert action.kind is (COPY if rules.policy.update else SKIP)
    if action.kind is META:
        raise AssertionError("attributes differ only by evidence")


@given(sides, sides, rule_sets)
def test_two_looks_at_most_lead_to_an_end(source, target, rules):
    for equal, differ in product([True, False], [(), ("tags",)]):
        evidence = NO_EVIDENCE
        action = decide(source, target, None, rules, evidence)
        for _ in range(2):
            if action.kind is CONTENT:
                evidence = evidence._replace(content_equal=equal, content_proof=Proof.READ_BACK)
            elif action.kind is ATTRIBUTES:
                evidence = evidence._replace(attributes_differ=differ)
            action = decide(source, target, None, rules, evidence)
        assert not action.needs_look
