"""Wildcards in names: which bucket a replication stands for, and what is noted of a bucket itself.

Each bucket of `old:* → new:*` is a replication of its own. Its identity is known by its form, so that thousands of
them need no list: the identity for a sample bucket, with the sample taken out.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

SAMPLE = "0brigade.sample0"
"""The name of a bucket that stands for any. No endpoint has it in its name."""

_DELETION = "?deleted"
_NO_PART_OF_A_NAME = frozenset("/?*")


def is_bucket(name: str) -> bool:
    """True for what may be a bucket's name. Clients write what they like where a name belongs; a note must not say more."""
    return name not in ("", ".", "..") and _NO_PART_OF_A_NAME.isdisjoint(name)


def is_whole_store(identity: str) -> bool:
    """True for the identity of a wildcard itself, which is that of its buckets with `*` in their place."""
    source, _, target = identity.partition(" → ")
    return source.endswith("/*") and target.endswith("/*")


@dataclass(frozen=True, slots=True)
class Form:
    """A text with a bucket's name in it, once or several times."""

    pieces: tuple[str, ...]

    @classmethod
    def of_sample(cls, text: str) -> Form:
        """The form of a text in which the bucket is the sample."""
        pieces = tuple(text.split(SAMPLE))
        assert len(pieces) > 1
        return cls(pieces)

    def filled(self, bucket: str) -> str:
        """The text for a bucket."""
        return bucket.join(self.pieces)

    def bucket_in(self, text: str) -> str | None:
        """The bucket that makes the form this text, None if none does."""
        places = len(self.pieces) - 1
        length, rest = divmod(len(text) - sum(map(len, self.pieces)), places)
        if length < 1 or rest:
            return None
        first = len(self.pieces[0])
        bucket = text[first : first + length]
        return bucket if is_bucket(bucket) and self.filled(bucket) == text else None


class BucketNote(NamedTuple):
    """A bucket that may have come, or that somebody asked to delete: a key of the wildcard's own backlog."""

    bucket: str
    is_deletion: bool = False

    @property
    def key(self) -> str:
        """The note as a key."""
        return self.bucket + _DELETION if self.is_deletion else self.bucket

    @classmethod
    def of_key(cls, key: str) -> BucketNote:
        """The note that a key stands for."""
        bucket = key.removesuffix(_DELETION)
        return cls(bucket, bucket != key)
