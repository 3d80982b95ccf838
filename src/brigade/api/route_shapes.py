"""The values of `/routes` and `/blocks`. In answers null stands for every bucket and every user."""

from __future__ import annotations

from datetime import datetime

from pydantic import BaseModel, Field

from brigade.api.shapes import moment_or_none
from brigade.control.routing import Answer, Entry, Whose
from brigade.decide.routing import Block, Rule


class _Whose(BaseModel):
    bucket: str | None
    user: str | None


class RouteShape(_Whose):
    """Which store serves a bucket."""

    store: str
    set_at: datetime | None = Field(description="Null: it stands in the configuration")

    @classmethod
    def of(cls, entry: Entry) -> RouteShape:
        assert entry.store is not None
        set_at = moment_or_none(entry.set_ns)
        return cls(bucket=entry.whose.bucket, user=entry.whose.user, store=entry.store, set_at=set_at)


class BlockShape(_Whose):
    """Whose requests are refused for now."""

    writes_only: bool
    note: str
    set_at: datetime | None = Field(description="Null: it stands in the configuration")

    @classmethod
    def of(cls, entry: Entry) -> BlockShape:
        return cls(
            bucket=entry.whose.bucket,
            user=entry.whose.user,
            writes_only=entry.writes_only,
            note=entry.note,
            set_at=moment_or_none(entry.set_ns),
        )


class _New(BaseModel):
    bucket: str = Field(max_length=255, description="A bucket, `*` for every one")
    user: str | None = Field(None, min_length=1, max_length=255, description="This user's requests only")


class NewRoute(_New):
    """A route to set."""

    store: str = Field(max_length=128, description="A store of type s3")
    force: bool = Field(False, description="Even to where a replication writes, which may undo what clients write")


class NewBlock(_New):
    """A block to set; it takes the place of the block of just these."""

    writes_only: bool = False
    note: str = Field("", max_length=1000, description="Why")


class RouteSet(BaseModel):
    """A route is set."""

    unheard: list[str] = Field(description="The replications that hear of no write to this bucket any more")


class Done(BaseModel):
    """Whether there was anything to do."""

    done: bool


class RuleShape(_Whose):
    """The route that decides."""

    store: str
    set: bool = Field(description="At run time, and not in the configuration")

    @classmethod
    def of(cls, rule: Rule) -> RuleShape:
        route = rule.route
        return cls(bucket=route.bucket, user=route.user, store=route.store, set=rule.is_set)


class BlockingShape(_Whose):
    """The block that refuses."""

    writes_only: bool
    code: str = Field(description="The S3 error that clients get")

    @classmethod
    def of(cls, block: Block) -> BlockingShape:
        return cls(bucket=block.bucket, user=block.user, writes_only=block.writes_only, code=block.code)


class ExplainedShape(_Whose):
    """What becomes of a request."""

    method: str
    store: str | None = Field(description="The store that serves it; null if it is refused")
    route: RuleShape | None
    block: BlockingShape | None

    @classmethod
    def of(cls, whose: Whose, method: str, answer: Answer) -> ExplainedShape:
        block, rule = answer.decision
        return cls(
            bucket=whose.bucket,
            user=whose.user,
            method=method,
            store=answer.decision.store if answer.is_served else None,
            route=None if rule is None else RuleShape.of(rule),
            block=None if block is None else BlockingShape.of(block),
        )
