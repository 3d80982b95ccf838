"""What a location on the command line or in the configuration names: `store:bucket/prefix`, a path or a URL."""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from urllib.parse import unquote

from brigade.errors import UsageError
from brigade.replications import Location

_STORE_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]*")
ALL_BUCKETS = "*"


class PlaceKind(StrEnum):
    """Where the settings of a place come from."""

    STORE = "store"
    PATH = "path"
    S3_URL = "s3"


@dataclass(frozen=True, slots=True)
class Place:
    """A parsed location. `store` is a name of the configuration, or empty for a path or a URL.

    `rest` is what follows the store's name: `bucket/prefix`, the absolute path for a path.
    """

    text: str
    kind: PlaceKind
    store: str
    rest: str

    @property
    def is_wildcard(self) -> bool:
        """True for `store:*`, every bucket of a store."""
        return self.kind is PlaceKind.STORE and self.rest == ALL_BUCKETS

    def in_bucket(self) -> Location:
        """The location in a store that has buckets. Raises `UsageError` where no bucket is named."""
        bucket, _, prefix = self.rest.partition("/")
        if not bucket:
            raise UsageError(f"{self.text!r} names no bucket", hint="write store:bucket or store:bucket/prefix")
        return Location(self.store or "s3", bucket, as_prefix(prefix))

    def in_directory(self) -> Location:
        """The location in a store that is one directory: all of it is prefix."""
        return Location(self.store or "file", "", as_prefix(self.rest.removeprefix("/")))

    def of_bucket(self, bucket: str) -> Place:
        """One bucket of a wildcard."""
        return Place(f"{self.store}:{bucket}", self.kind, self.store, bucket)


def as_prefix(text: str) -> str:
    """`foo` and `foo/` both mean the keys under `foo/`, never `foobar`."""
    return text if not text or text.endswith("/") else text + "/"


def is_store_name(text: str) -> bool:
    """True if the configuration may name a store so."""
    return _STORE_NAME.fullmatch(text) is not None


def parse_location(text: str, stores: Collection[str], *, directory: Path | None = None) -> Place:
    """What `text` names, given the names of the known stores; a relative path starts at `directory`.

    Raises `UsageError` for a store nobody knows and for a location that cannot be read.
    """
    if not text or "\0" in text:
        raise UsageError("an empty location", hint="give a path, store:bucket/prefix or s3://bucket/prefix")
    if text.startswith("s3://"):
        return _s3_url(text)
    if text.startswith("file://"):
        return _file_url(text)
    head, colon, rest = text.partition(":")
    if not colon or "/" in head or text.startswith("."):
        return _path(text, directory)
    if "://" in text:
        raise UsageError(f"{text!r}: {head}:// is no URL that Brigade knows", hint="s3:// and file:// are")
    if head not in stores:
        known = ", ".join(sorted(stores)) or "none, there is no configuration"
        raise UsageError(f"{text!r}: there is no store {head!r}", hint=f"known: {known}; for a path write ./{text}")
    return Place(text, PlaceKind.STORE, head, rest)


def _s3_url(text: str) -> Place:
    rest = text.removeprefix("s3://")
    if rest.startswith("/") or not rest:
        raise UsageError(f"{text!r} names no bucket", hint="write s3://bucket/prefix")
    return Place(text, PlaceKind.S3_URL, "", rest)


def _file_url(text: str) -> Place:
    host, slash, path = text.removeprefix("file://").partition("/")
    if host not in ("", "localhost") or not slash:
        raise UsageError(f"{text!r} names another machine", hint="write file:///path with three slashes")
    return Place(text, PlaceKind.PATH, "", "/" + unquote(path))


def _path(text: str, directory: Path | None) -> Place:
    path = Path(text).expanduser()
    absolute = path if path.is_absolute() else (directory or Path.cwd()) / path
    return Place(text, PlaceKind.PATH, "", str(absolute))
