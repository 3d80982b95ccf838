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
SCHEMES = ("s3", "gs", "az", "swift")
"""Of the URLs that name a bucket as the tools of its vendor do, with credentials from the environment."""


class PlaceKind(StrEnum):
    """Where the settings of a place come from."""

    STORE = "store"
    PATH = "path"
    URL = "url"


@dataclass(frozen=True, slots=True)
class Place:
    """A parsed location. `store` is a name of the configuration, the scheme of a URL, or empty for a path.

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
        return Location(self.store, bucket, as_prefix(prefix))

    def in_directory(self) -> Location:
        """The location in a store that is one directory: all of it is prefix."""
        return Location(self.store or "file", "", as_prefix(self.rest.removeprefix("/")))

    def inside(self, prefix: str) -> Place:
        """The part of this place that lies below a prefix."""
        rest = f"{as_prefix(self.rest)}{prefix}"
        return Place(f"{as_prefix(self.text)}{prefix}", self.kind, self.store, rest)

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
    if text.startswith("file://"):
        return _file_url(text)
    head, colon, rest = text.partition(":")
    if not colon or "/" in head or text.startswith("."):
        return _path(text, directory)
    if rest.startswith("//"):
        return _url(text, head, rest.removeprefix("//"))
    if head not in stores:
        known = ", ".join(sorted(stores)) or "none, there is no configuration"
        raise UsageError(f"{text!r}: there is no store {head!r}", hint=f"known: {known}; for a path write ./{text}")
    return Place(text, PlaceKind.STORE, head, rest)


def _url(text: str, scheme: str, rest: str) -> Place:
    if "@" in rest.partition("/")[0]:
        # Not repeated: what stands before it may be a secret.
        raise UsageError(
            f"{scheme}://…: a location holds no credentials", hint="they belong into a store, or the profile"
        )
    if scheme not in SCHEMES:
        known = "".join(f"{each}://, " for each in SCHEMES)
        raise UsageError(f"{text!r}: {scheme}:// is no URL that Brigade knows", hint=f"{known}and file:// are")
    if rest.startswith("/") or not rest:
        raise UsageError(f"{text!r} names no bucket", hint=f"write {scheme}://bucket/prefix")
    return Place(text, PlaceKind.URL, scheme, rest)


def _file_url(text: str) -> Place:
    host, slash, path = text.removeprefix("file://").partition("/")
    if host not in ("", "localhost") or not slash:
        raise UsageError(f"{text!r} names another machine", hint="write file:///path with three slashes")
    return Place(text, PlaceKind.PATH, "", "/" + unquote(path))


def _path(text: str, directory: Path | None) -> Place:
    path = Path(text).expanduser()
    absolute = path if path.is_absolute() else (directory or Path.cwd()) / path
    return Place(text, PlaceKind.PATH, "", str(absolute))
