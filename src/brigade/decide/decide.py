"""The one comparison of Brigade: two sides of a key in, one action with its reason out.

    source  target  then
    ------  ------  ----------------------------------------------------------------------------------
    no      no      skip
    no      yes     by `delete`: no → skip; tracked → delete what we wrote and nobody changed; mirror → delete
    yes     no      copy (if `create`)
    yes     yes     content: size, then ETags, then the inventory, then a look at the bytes
                      differs → copy (if `update`)
                      the same → attributes: by times and inventory, then a look at the headers
                        differ → copy metadata (if `update`), all anew where the source is not retained; the same → skip,
                        or, where the source is not retained and the proof is a strong one, archive: it is deleted there
    yes     no      though it was copied, and the target lets objects expire → skip

Reconcile, dry run, diff and verify all ask here, and so does everything that follows single changes.
"""

from __future__ import annotations

from dataclasses import dataclass

from brigade.decide.actions import NO_EVIDENCE, Action, ActionKind, Evidence, Known
from brigade.objects import Checksum, ChecksumAlgorithm, ObjectInfo, Proof, is_md5_etag
from brigade.replications import AttributesMode, CompareMode, DeleteMode, Policy

# Two stores' clocks and whole-second times: closer than this, "older" and "newer" mean nothing.
CLOCK_MARGIN_NS = 2_000_000_000


@dataclass(frozen=True, slots=True)
class Rules:
    """A policy together with what the two stores can tell, as plain facts.

    `clocks_apart_ns` is the target's clock minus the source's, as far as measured.
    """

    policy: Policy
    content_etags: bool = True
    local_reads: bool = False
    times_compare: bool = True
    tags_hidden: bool = True
    clocks_apart_ns: int = 0


_SKIP_SAME_ETAG = Action(ActionKind.SKIP, "same", Proof.ETAG)
_COPY_MISSING = Action(ActionKind.COPY, "missing at the target")
UNPROVEN = Action(ActionKind.COPY, "not proven to be the same: ETags are of different kinds")
"""For a run a reason to copy; for a diff no difference, but nothing that can be vouched for either."""

_LOOK_AT_CONTENT = Action(ActionKind.EXAMINE_CONTENT, "listings cannot tell whether the content is the same")
_LOOK_AT_ATTRIBUTES = Action(ActionKind.EXAMINE_ATTRIBUTES, "headers, metadata or tags may have changed")


def source_print(info: ObjectInfo) -> str:
    """What the inventory remembers of a source object: changes with its content and with its metadata."""
    return f"{info.etag or ''}:{info.size_bytes}:{info.modified_ns}"


def remembered_print(info: ObjectInfo, mark: str = "") -> str:
    """The print as a row of the inventory holds it: with a mark, and with the digest that the store told, if it did."""
    told = info.checksum
    return f"{source_print(info)}{mark}" + (f"\n{told.algorithm}:{told.hex}" if told is not None else "")


def is_print_of(info: ObjectInfo, remembered: str) -> bool:
    """True where a row's print was made of just this object."""
    return remembered.partition("\n")[0] == source_print(info)


def target_print(info: ObjectInfo) -> str:
    """What it remembers of a target object: the ETag, which a put answers; the time only where there is none."""
    return f"{info.etag}:{info.size_bytes}" if info.etag else f":{info.size_bytes}:{info.modified_ns}"


def decide(
    source: ObjectInfo | None,
    target: ObjectInfo | None,
    known: Known | None,
    rules: Rules,
    evidence: Evidence = NO_EVIDENCE,
) -> Action:
    """What to do to make the target right for one key. Pure; the table above is the specification."""
    if source is None:
        return _decide_extra(target, known, rules.policy)
    if target is None:
        if _has_expired(source, known, rules.policy):
            return Action(ActionKind.SKIP, "was copied, and has expired at the target")
        return _COPY_MISSING if rules.policy.create else Action(ActionKind.SKIP, "creating is switched off")
    content = _compare_content(source, target, known, rules, evidence)
    if content.kind is ActionKind.SKIP:
        content = _compare_attributes(source, target, known, rules, evidence, content)
    if content.kind in (ActionKind.COPY, ActionKind.COPY_METADATA) and not rules.policy.update:
        return Action(ActionKind.SKIP, f"updating is switched off ({content.reason})")
    if content.kind is ActionKind.SKIP and not rules.policy.retain_source and not content.proof.is_weak:
        return Action(ActionKind.ARCHIVE, "copied and proven, so not kept at the source", content.proof)
    return content


def _decide_extra(target: ObjectInfo | None, known: Known | None, policy: Policy) -> Action:
    if target is None:
        return Action(ActionKind.SKIP, "gone on both sides")
    if policy.delete is DeleteMode.NO:
        return Action(ActionKind.SKIP, "extra at the target, deletion is off")
    if policy.delete is DeleteMode.MIRROR:
        return Action(ActionKind.DELETE, "not at the source")
    if known is None or not known.written:
        return Action(ActionKind.SKIP, "extra at the target, not written by this replication")
    if known.target_print != target_print(target):
        return Action(ActionKind.CONFLICT, "gone at the source, but changed at the target since it was copied")
    return Action(ActionKind.DELETE, "copied by this replication and gone at the source")


def _has_expired(source: ObjectInfo, known: Known | None, policy: Policy) -> bool:
    """True for the very version that was copied once: to copy it again would make it live for ever."""
    if policy.expire_after_seconds is None or known is None:
        return False
    return known.written and is_print_of(source, known.source_print)


def _compare_content(
    source: ObjectInfo, target: ObjectInfo, known: Known | None, rules: Rules, evidence: Evidence
) -> Action:
    """COPY, a look at the content, or SKIP with the proof that the content is the same."""
    if source.size_bytes != target.size_bytes:
        return Action(ActionKind.COPY, "size differs")
    if evidence.content_equal is not None:
        if evidence.content_equal:
            return Action(ActionKind.SKIP, "same", evidence.content_proof)
        return Action(ActionKind.COPY, "content differs")
    compare = rules.policy.compare
    if compare is CompareMode.SIZE:
        return Action(ActionKind.SKIP, "same size", Proof.SIZE)
    if compare is CompareMode.CHECKSUM:
        return _LOOK_AT_CONTENT
    if rules.content_etags and source.etag is not None and source.etag == target.etag:
        return _SKIP_SAME_ETAG
    if _is_remembered(source, target, known):
        assert known is not None
        # A copy that an earlier run took on its size alone does not satisfy a policy that now asks for proof.
        if not (rules.policy.require_proof and known.proof.is_weak):
            return Action(ActionKind.SKIP, "same as when it was proven", known.proof)
    if _has_remembered_content(source, target, known, by_digest=rules.policy.retain_source):
        assert known is not None
        if not (rules.policy.require_proof and known.proof.is_weak):
            return Action(ActionKind.SKIP, "same content as when it was proven", known.proof)
    if rules.content_etags and is_md5_etag(source.etag) and is_md5_etag(target.etag):
        return Action(ActionKind.COPY, "content differs")
    if rules.local_reads:
        return _LOOK_AT_CONTENT
    return UNPROVEN


def _compare_attributes(
    source: ObjectInfo, target: ObjectInfo, known: Known | None, rules: Rules, evidence: Evidence, same: Action
) -> Action:
    """`same`, COPY_METADATA, or a look at the attributes of two objects with the same content."""
    policy = rules.policy
    if evidence.attributes_differ is not None:
        if not evidence.attributes_differ:
            return same
        # To change what surrounds the content, some servers write the content anew: no proof to delete the source on.
        kind = ActionKind.COPY_METADATA if policy.retain_source else ActionKind.COPY
        return Action(kind, f"differs in {', '.join(evidence.attributes_differ)}", same.proof)
    # No listing shows a change of an access control list, so whoever wants them compared wants them asked for.
    if policy.attributes is AttributesMode.EACH or policy.acl:
        return _LOOK_AT_ATTRIBUTES
    if _is_remembered(source, target, known):
        assert known is not None
        return _LOOK_AT_ATTRIBUTES if known.tagged and policy.tags and rules.tags_hidden else same
    if _is_untouched(target, known):
        return _LOOK_AT_ATTRIBUTES  # the source's object is another than the one that was proven
    if rules.times_compare and (source.modified_ns + rules.clocks_apart_ns + CLOCK_MARGIN_NS < target.modified_ns):
        return same
    return _LOOK_AT_ATTRIBUTES


def _is_remembered(source: ObjectInfo, target: ObjectInfo, known: Known | None) -> bool:
    return known is not None and is_print_of(source, known.source_print) and _is_untouched(target, known)


def _is_untouched(target: ObjectInfo, known: Known | None) -> bool:
    return known is not None and known.target_print == target_print(target)


def _has_remembered_content(source: ObjectInfo, target: ObjectInfo, known: Known | None, *, by_digest: bool) -> bool:
    """True where only what surrounds the content can have changed, so that no byte needs to move.

    The target is as it was proven, and the source still has the ETag of then, or the digest of then, or the one that the
    target has: there are stores whose ETags change with the metadata. Without `by_digest` only the ETag counts: there are
    stores that repeat whatever digest the writer has told them, and what is deleted at the source is proven anew.
    """
    if known is None or not _is_untouched(target, known):
        return False
    if source.etag and known.source_print.startswith(f"{source.etag}:{source.size_bytes}:"):
        return True
    ours = digest_of(source) if by_digest else None
    if ours is None:
        return False
    return known.source_print.endswith(f"\n{ours.algorithm}:{ours.hex}") or ours == digest_of(target)


def digest_of(info: ObjectInfo) -> Checksum | None:
    """The digest of its content that a store tells of an object without being asked to read it."""
    if info.checksum is not None:
        return info.checksum
    return Checksum(ChecksumAlgorithm.MD5, info.etag) if info.etag and is_md5_etag(info.etag) else None
