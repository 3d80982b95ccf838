"""Policies that ask for two things of which only one can be."""

from __future__ import annotations

from brigade.errors import UsageError
from brigade.replications import CompareMode, DeleteMode, Policy


def refuse_contradictions(policy: Policy) -> None:
    """Raises `UsageError` for a policy that asks for two things of which only one can be."""
    if policy.require_proof and policy.compare is CompareMode.SIZE:
        raise UsageError("a comparison by size proves nothing, and a proof is required", hint="drop one of the two")
    if not policy.retain_source and policy.delete is not DeleteMode.NO:
        text = "an archive does not keep its objects at the source, so `delete` would take their copies, too"
        raise UsageError(text, hint="leave delete at `no`")
    if not policy.retain_source and policy.compare is CompareMode.SIZE:
        raise UsageError("an archive needs proof, and a comparison by size is none", hint="drop `compare: size`")
    if policy.expire_after_seconds is not None and policy.expire_after_seconds <= 0:
        raise UsageError("what expires after 0 seconds is gone when it arrives", hint="drop expire_after to keep it")
    if policy.copy_after_seconds is not None and policy.delete_excluded:
        raise UsageError("what waits for copy_after must not be deleted as excluded", hint="drop delete_excluded")
