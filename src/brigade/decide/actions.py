"""The answers that `decide` can give."""

from __future__ import annotations

from enum import StrEnum
from typing import NamedTuple

from brigade.objects import Proof


class ActionKind(StrEnum):
    """What was done, or in a dry run would be done, to one key.

    `EXAMINE_CONTENT` and `EXAMINE_ATTRIBUTES` are no end: the listings alone cannot decide, so the engine
    looks (reads the bytes, or asks for headers and tags) and asks `decide` again with the evidence.
    """

    COPY = "copy"
    COPY_METADATA = "copy-metadata"
    DELETE = "delete"
    SKIP = "skip"
    CONFLICT = "conflict"
    EXAMINE_CONTENT = "examine-content"
    EXAMINE_ATTRIBUTES = "examine-attributes"
    ARCHIVE = "archive"


class Action(NamedTuple):
    """What to do with a key, why, and, where both sides are the same already, on which proof."""

    kind: ActionKind
    reason: str
    proof: Proof = Proof.NONE

    @property
    def needs_look(self) -> bool:
        """True if this is no end yet: somebody must look closer and ask again."""
        return self.kind is ActionKind.EXAMINE_CONTENT or self.kind is ActionKind.EXAMINE_ATTRIBUTES


class Evidence(NamedTuple):
    """What looking closer has shown; None: not looked at. `content_proof` says how equality was shown."""

    content_equal: bool | None = None
    content_proof: Proof = Proof.NONE
    attributes_differ: tuple[str, ...] | None = None


NO_EVIDENCE = Evidence()


class Known(NamedTuple):
    """What the inventory remembers of a key: prints of both sides when they were last proven in step.

    `written`: this replication wrote the target's object. `tagged`: it carried tags, which a listing may not
    show changing. `generation` is the row's number, for writes that must not overtake a newer one.
    """

    source_print: str
    target_print: str
    proof: Proof
    written: bool
    tagged: bool
    generation: int
