"""The servers of the cloud pairs: how the tools reach them, and the look at them by means that are neither ours nor a peer's.

Azurite, fake-gcs-server and OpenStack Swift, each started when a pair first needs it; S3 is the server of all workloads.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import os
import urllib.request
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from html import unescape
from pathlib import Path
from typing import Any, ClassVar, NamedTuple
from urllib.parse import quote, urlencode

from bench.data import Data
from bench.ground import Ground
from brigade.testing.azurite import AzuriteServer
from brigade.testing.gcs import FakeGcsServer
from brigade.testing.gcs_fake import GcsFake
from brigade.testing.servers import LocalServer
from brigade.testing.swift import SwiftServer

_MEBIBYTE = 2**20
_PIECE_BYTES = 4 * _MEBIBYTE
# Whatever proxy the environment names: the servers are on this machine.
_OPENER = urllib.request.build_opener(urllib.request.ProxyHandler({}))


class Found(NamedTuple):
    """One object in a listing, with its MD5 in hexadecimal where the server tells it."""

    size_bytes: int
    md5: str | None


class Cloud(ABC):
    """One server and its buckets. `brigade` and `rclone` are its section in the configuration of each.

    `note` and `read_note`: what is to be known of each pair with it, and of those that read from it.
    """

    kind: ClassVar[str]
    note = read_note = ""

    def __init__(self, directory: Path, brigade: Mapping[str, str | bool], rclone: Mapping[str, str]) -> None:
        self.directory = directory
        self.brigade, self.rclone = brigade, rclone
        self._buckets = 0

    def make_bucket(self) -> str:
        """A fresh bucket."""
        self._buckets += 1
        bucket = f"bench-{self.kind}-{self._buckets:04d}"
        self._make(bucket)
        return bucket

    def drop_bucket(self, bucket: str) -> None:
        """Free what a bucket takes. Small objects stay: deleting them one by one may take longer than copying them."""
        for key, found in self.listing(bucket).items():
            if found.size_bytes >= _MEBIBYTE:
                _ask("DELETE", self._url(bucket, key), self._headers())

    def trouble(self, bucket: str, data: Data) -> str:
        """What is wrong with a copy of `data`. Large objects are read: whoever sends parts may claim any MD5."""
        listed = self.listing(bucket)
        missing = [key for key in data.etags if key not in listed]
        if missing:
            return f"{len(missing)} of {data.objects} objects are missing, {missing[0]} first"
        if len(listed) > data.objects:
            return f"{len(listed) - data.objects} objects too many"
        for key, found in listed.items():
            claimed = None if found.size_bytes >= _MEBIBYTE else found.md5
            md5 = claimed or self._read_md5(bucket, key)
            if found.size_bytes != data.size_bytes or md5 not in data.etags[key]:
                return f"{key} came out with {found.size_bytes} bytes and the MD5 {md5}"
        return ""

    @abstractmethod
    def listing(self, bucket: str) -> dict[str, Found]:
        """Every object."""

    @abstractmethod
    def _make(self, bucket: str) -> None: ...

    @abstractmethod
    def _url(self, bucket: str, key: str) -> str:
        """Where an object is read and deleted."""

    def _headers(self) -> dict[str, str]:
        return {}

    def _read_md5(self, bucket: str, key: str) -> str:
        read = hashlib.md5(usedforsecurity=False)
        with _OPENER.open(urllib.request.Request(self._url(bucket, key), headers=self._headers()), timeout=60) as body:
            while piece := body.read(_PIECE_BYTES):
                read.update(piece)
        return read.hexdigest()


class S3Cloud(Cloud):
    """Buckets of the server that all workloads use."""

    kind = "s3"

    def __init__(self, ground: Ground) -> None:
        at = ground.endpoint
        place = {"endpoint": at.url, "region": at.region}
        ours = {"type": "s3", **place, "access_key": at.access_key, "secret_key": at.secret_key}
        theirs = {"access_key_id": at.access_key, "secret_access_key": at.secret_key}
        super().__init__(ground.directory, ours, {"type": "s3", "provider": "SeaweedFS", **place, **theirs})
        self._ground = ground

    def make_bucket(self) -> str:
        return self._ground.make_bucket()

    def drop_bucket(self, bucket: str) -> None:
        self._ground.drop_bucket(bucket)

    def listing(self, bucket: str) -> dict[str, Found]:
        return {
            key: Found(seen.size_bytes, None if "-" in seen.etag else seen.etag)
            for key, seen in self._ground.listing(bucket).items()
        }

    def _make(self, bucket: str) -> None:
        raise AssertionError(f"{bucket} is made by the ground")

    def _url(self, bucket: str, key: str) -> str:
        return self._ground.url_of(bucket, key)


class GcsCloud(Cloud):
    """fake-gcs-server where it is built, or the tests' own stand-in, in Python."""

    kind = "gcs"

    def __init__(self, directory: Path, server: FakeGcsServer | GcsFake) -> None:
        theirs = {"type": "google cloud storage", "anonymous": "true", "project_number": "test"}
        ours: dict[str, str | bool] = {"type": "gcs", "endpoint": server.url, "anonymous": True, "project": "test"}
        super().__init__(directory, ours, {**theirs, "endpoint": f"{server.url}/storage/v1/"})
        self._at = f"{server.url}/storage/v1/b"
        if isinstance(server, GcsFake):
            self.note = "on a stand-in in Python, because fake-gcs-server is not built"
        else:
            # Google binds a download to a generation and metageneration; this server does not, and Brigade sees that.
            self.read_note = "which answers downloads unbound, so that Brigade looks at each object first"

    def listing(self, bucket: str) -> dict[str, Found]:
        listed: dict[str, Found] = {}
        more: dict[str, str] = {}
        while True:
            page = json.loads(_ask("GET", f"{self._at}/{bucket}/o?{urlencode({'maxResults': '1000', **more})}"))
            for item in page.get("items", ()):
                listed[item["name"]] = Found(int(item["size"]), _hexadecimal(item.get("md5Hash")))
            if not page.get("nextPageToken"):
                return listed
            more = {"pageToken": page["nextPageToken"]}

    def _make(self, bucket: str) -> None:
        body = json.dumps({"name": bucket}).encode()
        _ask("POST", f"{self._at}?project=test", {"Content-Type": "application/json"}, body)

    def _url(self, bucket: str, key: str) -> str:
        return f"{self._at}/{bucket}/o/{quote(key, safe='')}?alt=media"


class AzureCloud(Cloud):
    """Azurite, looked at with a shared access signature."""

    kind = "azure"

    def __init__(self, directory: Path, server: AzuriteServer) -> None:
        at = server.endpoint
        place = {"account": at.access_key, "key": at.secret_key, "endpoint": at.url}
        super().__init__(directory, {"type": "azure", **place}, {"type": "azureblob", **place})
        self._at = at.url
        self._signed = _account_signature(at.access_key, at.secret_key)

    def drop_bucket(self, bucket: str) -> None:
        _ask("DELETE", f"{self._at}/{bucket}?restype=container&{self._signed}")

    def listing(self, bucket: str) -> dict[str, Found]:
        listed: dict[str, Found] = {}
        marker = ""
        while True:
            asked = f"restype=container&comp=list&marker={quote(marker)}&{self._signed}"
            page = _ask("GET", f"{self._at}/{bucket}?{asked}").decode()
            for entry in page.split("<Blob>")[1:]:
                md5 = _hexadecimal(_element("Content-MD5", entry))
                listed[_element("Name", entry)] = Found(int(_element("Content-Length", entry)), md5)
            marker = _element("NextMarker", page)
            if not marker:
                return listed

    def _make(self, bucket: str) -> None:
        _ask("PUT", f"{self._at}/{bucket}?restype=container&{self._signed}", {}, b"")

    def _url(self, bucket: str, key: str) -> str:
        return f"{self._at}/{bucket}/{quote(key)}?{self._signed}"


class SwiftCloud(Cloud):
    """OpenStack Swift with its own log-in."""

    kind = "swift"

    def __init__(self, directory: Path, server: SwiftServer) -> None:
        login = {"user": server.user, "key": server.key}
        ours = {"type": "swift", "auth_url": server.auth_url, **login}
        super().__init__(directory, ours, {"type": "swift", "auth": server.auth_url, **login})
        asked = urllib.request.Request(server.auth_url, headers={"X-Auth-User": server.user, "X-Auth-Key": server.key})
        with _OPENER.open(asked, timeout=60) as answer:
            self._at, self._token = answer.headers["X-Storage-Url"], answer.headers["X-Auth-Token"]

    def listing(self, bucket: str) -> dict[str, Found]:
        listed: dict[str, Found] = {}
        marker = ""
        while True:
            page: list[dict[str, Any]] = json.loads(
                _ask("GET", f"{self._at}/{bucket}?format=json&marker={quote(marker)}", self._headers())
            )
            for item in page:
                listed[item["name"]] = Found(item["bytes"], item["hash"])
            if not page:
                return listed
            marker = page[-1]["name"]

    def _make(self, bucket: str) -> None:
        _ask("PUT", f"{self._at}/{bucket}", self._headers(), b"")

    def _url(self, bucket: str, key: str) -> str:
        return f"{self._at}/{bucket}/{quote(key)}"

    def _headers(self) -> dict[str, str]:
        return {"X-Auth-Token": self._token}


_SERVERS: dict[str, tuple[type[LocalServer], Any]] = {
    "azure": (AzuriteServer, AzureCloud),
    "gcs": (FakeGcsServer, GcsCloud),
    "swift": (SwiftServer, SwiftCloud),
}


def missing(kind: str, *, large: bool = False) -> str | None:
    """Why there is no such server on this machine, None if there is one."""
    if kind == "gcs" and not large:
        # There is a stand-in; but it does not know the resumable uploads by which rclone writes what is large.
        return None
    return None if kind in ("s3", "file") else _SERVERS[kind][0].missing()


def cloud_of(ground: Ground, kind: str) -> Cloud:
    """The server of a kind, running until the benchmark ends."""
    return ground.kept(f"cloud-{kind}", lambda: _running(ground, kind))


@contextmanager
def _running(ground: Ground, kind: str) -> Iterator[Cloud]:
    directory = ground.directory / f"cloud-{kind}"
    directory.mkdir()
    if kind == "s3":
        yield S3Cloud(ground)
    elif kind == "gcs" and FakeGcsServer.missing():
        with GcsFake() as fake:
            # It runs in threads of this process, which does little else meanwhile.
            ground.add_servers([os.getpid()])
            yield GcsCloud(directory, fake)
    else:
        server_class, cloud_class = _SERVERS[kind]
        with server_class(directory) as server:
            ground.add_servers(server.pids)
            yield cloud_class(directory, server)


def _ask(method: str, url: str, headers: Mapping[str, str] | None = None, body: bytes | None = None) -> bytes:
    with _OPENER.open(urllib.request.Request(url, body, dict(headers or {}), method=method), timeout=60) as answer:
        read: bytes = answer.read()
    return read


def _hexadecimal(md5: str | None) -> str | None:
    return base64.b64decode(md5).hex() if md5 else None


def _element(name: str, text: str) -> str:
    inside = text.partition(f"<{name}>")[2]
    return unescape(inside.partition(f"</{name}>")[0])


def _account_signature(account: str, key: str) -> str:
    """The query that may do everything with the account's containers and blobs."""
    asked = {"sv": "2019-12-12", "ss": "b", "srt": "sco", "sp": "rwdlac", "se": "2100-01-01T00:00:00Z"}
    lines = (account, asked["sp"], asked["ss"], asked["srt"], "", asked["se"], "", "", asked["sv"], "")
    signature = hmac.new(base64.b64decode(key), "\n".join(lines).encode(), hashlib.sha256).digest()
    return urlencode({**asked, "sig": base64.b64encode(signature).decode()})
