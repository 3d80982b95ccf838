"""The keys of `replications:`."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from brigade.config.fields import Bandwidth, Count, Duration, Limit, Schedule, Section, Size, Text, no_items
from brigade.config.units import ONCE
from brigade.replications import (
    DEFAULT_MAX_DELETE,
    AttributesMode,
    CompareMode,
    DeleteMode,
    FilterRule,
    MaxDelete,
    Policy,
)


class LiveMode(StrEnum):
    """How changes are noticed as they happen."""

    GATEWAY = "gateway"
    WATCH = "watch"
    WEBHOOK = "webhook"
    SQS = "sqs"


class FilterSection(Section):
    """One rule: either include or exclude."""

    include: Annotated[Text | None, Field(description="A glob, or a regular expression after re:")] = None
    exclude: Annotated[Text | None, Field(description="A glob, or a regular expression after re:")] = None

    @model_validator(mode="after")
    def _is_one_of_both(self) -> Self:
        if (self.include is None) == (self.exclude is None):
            raise ValueError("a rule has either include or exclude")
        return self

    def rule(self) -> FilterRule:
        """The rule that this section says."""
        return FilterRule(self.include is not None, self.include or self.exclude or "")


class ReplicationSection(Section):
    """One replication: from where to where, and how."""

    source: Annotated[Text, Field(description="Where the objects come from: store:bucket/prefix, path or URL")]
    target: Annotated[Text, Field(description="Where they go")]
    delete: Annotated[
        DeleteMode, Field(strict=False, description="What may be deleted at the target: no, tracked or mirror")
    ] = DeleteMode.NO
    max_delete: Annotated[Limit, Field(description="Refuse to delete more than so many, or such a share")] = (
        DEFAULT_MAX_DELETE
    )
    compare: Annotated[CompareMode, Field(strict=False, description="How contents are compared")] = CompareMode.AUTO
    attributes: Annotated[
        AttributesMode, Field(strict=False, description="When metadata of unchanged objects is compared")
    ] = AttributesMode.AUTO
    filters: Annotated[list[FilterSection], Field(description="Ordered rules; the first that matches decides")] = Field(
        default_factory=no_items
    )
    min_size: Annotated[Size | None, Field(description="Leave out smaller objects")] = None
    max_size: Annotated[Size | None, Field(description="Leave out larger objects")] = None
    min_age: Annotated[Duration | None, Field(description="Leave out younger objects")] = None
    max_age: Annotated[Duration | None, Field(description="Leave out older objects")] = None
    delete_excluded: Annotated[bool, Field(description="Delete excluded objects at the target too")] = False
    create: Annotated[bool, Field(description="Copy objects that the target does not have")] = True
    update: Annotated[bool, Field(description="Update objects that differ")] = True
    tags: Annotated[bool, Field(description="Carry tags")] = True
    acl: Annotated[bool, Field(description="Carry access control lists")] = False
    storage_class: Annotated[Text | None, Field(description="The storage class to write")] = None
    storage_class_map: Annotated[dict[str, Text], Field(description="Source class to target class")] = Field(
        default_factory=dict
    )
    require_proof: Annotated[bool, Field(description="Fail objects that can only be compared by size")] = False
    copy_after: Annotated[Duration | None, Field(description="Copy what is at least so old; younger objects wait")] = (
        None
    )
    retain_source: Annotated[
        bool, Field(description="`false` makes an archive: what was copied with proof is deleted at the source")
    ] = True
    expire_after: Annotated[
        Duration | None, Field(description="Have the target delete what is so old (S3: whole days; Swift)")
    ] = None
    layout: Annotated[
        Literal["plain", "hashed"],
        Field(description="Keys at the target: as at the source, or below <hash>/<account>/<container>/"),
    ] = "plain"
    account: Annotated[Text | None, Field(description="The account in the hashed layout, like AUTH_photos")] = None
    transfers: Annotated[Count | None, Field(description="Objects in work at once")] = None
    processes: Annotated[Count | None, Field(description="Processes that copy")] = None
    bandwidth: Annotated[Bandwidth | None, Field(description="Bytes a second of this replication")] = None
    live: Annotated[
        list[Annotated[LiveMode, Field(strict=False)]], Field(description="How `brigade run` notices changes")
    ] = Field(default_factory=no_items)
    reconcile: Annotated[
        Schedule, Field(description="When `brigade run` compares both sides: once, at its start, or every so often too")
    ] = ONCE

    @model_validator(mode="after")
    def _has_what_its_layout_needs(self) -> Self:
        if self.layout == "hashed" and self.account is None:
            raise ValueError("`layout: hashed` needs the `account` of the source's container, like AUTH_photos")
        if self.layout != "hashed" and self.account is not None:
            raise ValueError("`account` is for `layout: hashed`: add that, or drop the account")
        if self.account is not None and "/" in self.account:
            raise ValueError("`account` is the name alone, like AUTH_photos, without a slash")
        return self

    @property
    def every_seconds(self) -> float | None:
        """How often both sides are compared after the start; None: never again."""
        return self.reconcile if isinstance(self.reconcile, float | int) else None

    def policy(self) -> Policy:
        """The policy that this section says."""
        assert isinstance(self.max_delete, MaxDelete)
        return Policy(
            delete=self.delete,
            max_delete=self.max_delete,
            compare=self.compare,
            attributes=self.attributes,
            filters=tuple(rule.rule() for rule in self.filters),
            min_size_bytes=self.min_size,
            max_size_bytes=self.max_size,
            min_age_seconds=self.min_age,
            max_age_seconds=self.max_age,
            delete_excluded=self.delete_excluded,
            create=self.create,
            update=self.update,
            tags=self.tags,
            acl=self.acl,
            storage_class=self.storage_class,
            storage_class_map=self.storage_class_map,
            require_proof=self.require_proof,
            copy_after_seconds=self.copy_after,
            retain_source=self.retain_source,
            expire_after_seconds=self.expire_after,
        )
