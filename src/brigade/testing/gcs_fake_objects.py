"""The objects of `brigade.testing.gcs_fake`: generations, preconditions, composition, holds."""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass, field
from hashlib import md5
from itertools import count
from typing import Any
from urllib.parse import quote

from awscrt import checksums

from brigade.clock import SystemClock

Resource = dict[str, Any]
Query = dict[str, str]

_CLASSES = ("STANDARD", "NEARLINE", "COLDLINE", "ARCHIVE")
_WRITABLE = (
    *("contentType", "contentEncoding", "contentDisposition", "contentLanguage", "cacheControl", "metadata"),
    *("customTime", "temporaryHold", "eventBasedHold", "retention", "storageClass"),
)
_MOST_COMPONENTS = 32
_clock = SystemClock()
_generations = count(_clock.now_ns() // 1000)


class Refused(Exception):
    """An error document ("HTTP status and error codes for JSON")."""

    def __init__(self, status: int, reason: str, text: str) -> None:
        super().__init__(text)
        self.status, self.reason, self.text = status, reason, text

    def document(self) -> bytes:
        """The body of the answer."""
        errors = [{"domain": "global", "reason": self.reason, "message": self.text}]
        return json.dumps({"error": {"code": self.status, "message": self.text, "errors": errors}}).encode()


def not_found(bucket: str, name: str) -> Refused:
    """404 for an object."""
    return Refused(404, "notFound", f"No such object: {bucket}/{name}")


@dataclass
class Stored:
    """One generation of an object."""

    resource: Resource
    data: bytes

    def damage(self) -> None:
        """Flip a bit; the server's own digests are then those of what it has."""
        self.data = bytes([self.data[0] ^ 1]) + self.data[1:]
        self.resource |= digests_of(self.data)


def digests_of(data: bytes) -> Resource:
    """What the server computes itself ("Object metadata": base64, the CRC32C in big-endian order)."""
    crc = checksums.crc32c(data).to_bytes(4, "big")
    return {"md5Hash": base64.b64encode(md5(data).digest()).decode(), "crc32c": base64.b64encode(crc).decode()}


def _now() -> str:
    ns = _clock.now_ns()
    from datetime import UTC, datetime

    moment = datetime.fromtimestamp(ns // 1_000_000_000, UTC)
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{ns // 1_000_000 % 1000:03}Z"


@dataclass
class Bucket:
    """A bucket; with `versioned` older generations stay ("Object Versioning").

    `server`: its URL, by which objects tell where they are downloaded.
    With `encrypted` listings tell no digests ("Customer-managed encryption keys", "Restrictions").
    """

    name: str
    storage_class: str = "STANDARD"
    versioned: bool = False
    encrypted: bool = False
    server: str = ""
    live: dict[str, Stored] = field(default_factory=dict)
    older: dict[tuple[str, str], Stored] = field(default_factory=dict)
    rewriting: set[str] = field(default_factory=set)

    def find(self, name: str, generation: str | None) -> Stored | None:
        """The live object, or one generation."""
        found = self.live.get(name)
        if generation is None or (found is not None and found.resource["generation"] == generation):
            return found
        return self.older.get((name, generation))

    def check(self, found: Stored | None, query: Query, *, prefix: str = "if", reading: bool = False) -> None:
        """ "Request preconditions": 0 means absent, 412 where a match fails, 304 where a read must not match."""
        for what in ("generation", "metageneration"):
            wanted = query.get(f"{prefix}{what.capitalize()}Match")
            there = found.resource[what] if found is not None else "0" if what == "generation" else None
            if wanted is not None and wanted != there:
                raise Refused(412, "conditionNotMet", "At least one of the pre-conditions you specified did not hold.")
            unwanted = query.get(f"{prefix}{what.capitalize()}NotMatch")
            if unwanted is not None and unwanted == there:
                raise Refused(304 if reading else 412, "conditionNotMet", "The condition did not hold.")

    def insert(self, name: str, resource: Resource, kind: str, data: bytes, query: Query) -> Stored:
        """ "Objects: insert": the digests of the resource are checked before the object is there."""
        computed = digests_of(data)
        for hash_name, words in (("md5Hash", "MD5 hash"), ("crc32c", "CRC32C")):
            told = resource.get(hash_name)
            if told is not None and told != computed[hash_name]:
                text = f'Provided {words} "{told}" doesn\'t match calculated {words} "{computed[hash_name]}".'
                raise Refused(400, "invalid", text)
        self.check(self.live.get(name), query)
        made = {"contentType": kind, "storageClass": self.storage_class, **_taken(resource), **computed}
        return self._store(name, made, data)

    def _store(self, name: str, resource: Resource, data: bytes) -> Stored:
        # "About Cloud Storage objects", "Object naming requirements"
        if name in ("", ".", "..") or len(name.encode()) > 1024 or "\r" in name or "\n" in name:
            raise Refused(400, "invalid", "Invalid object name")
        if resource["storageClass"] not in _CLASSES:
            raise Refused(400, "invalid", f"Invalid storage class {resource['storageClass']}")
        self._give_up(name)
        moment = _now()
        fixed = {"name": name, "bucket": self.name, "size": str(len(data)), "generation": str(next(_generations))}
        times = {"metageneration": "1", "timeCreated": moment, "updated": moment}
        link = f"{self.server}/storage/v1/b/{self.name}/o/{quote(name, safe='')}?alt=media"
        stored = Stored({**resource, **fixed, **times, "mediaLink": link}, data)
        self.live[name] = stored
        return stored

    def _give_up(self, name: str) -> None:
        """ "Object holds", "Object Retention Lock": what is held or retained is neither deleted nor replaced."""
        found = self.live.get(name)
        if found is None:
            return
        if found.resource.get("temporaryHold") or found.resource.get("eventBasedHold"):
            raise Refused(403, "objectUnderActiveHold", f"Object '{self.name}/{name}' is under active hold.")
        if found.resource.get("retention", {}).get("retainUntilTime", "") > _now():
            raise Refused(403, "retentionPolicyNotMet", f"Object '{self.name}/{name}' is subject to retention.")
        if self.versioned:
            found.resource = {**found.resource, "timeDeleted": _now()}
            self.older[name, found.resource["generation"]] = found
        del self.live[name]

    def delete(self, name: str, query: Query) -> None:
        """ "Objects: delete": with a generation just that one, for good."""
        found = self.find(name, query.get("generation"))
        self.check(found, query)
        if found is None:
            raise not_found(self.name, name)
        if found is self.live.get(name):
            self._give_up(name)
        if "generation" in query:
            self.older.pop((name, query["generation"]), None)

    def patch(self, name: str, changes: Resource, query: Query) -> Resource:
        """ "Objects: patch": null removes, metadata name by name; the time of change moves, the generation stays."""
        found = self.live.get(name)
        self.check(found, query)
        if found is None:
            raise not_found(self.name, name)
        resource = dict(found.resource)
        if "storageClass" in changes:
            raise Refused(400, "invalid", "The storage class of an object changes by a rewrite.")
        # "Object metadata", "Custom-Time": once set it cannot be removed, nor set to an earlier time
        if "customTime" in changes and (changes["customTime"] or "") < resource.get("customTime", ""):
            raise Refused(400, "invalid", "Custom time cannot be removed or set to an earlier time.")
        for field_name in _WRITABLE:
            if field_name not in changes:
                continue
            value = changes[field_name]
            if field_name == "metadata" and value is not None:
                merged = {**resource.get("metadata", {}), **value}
                value = {key: text for key, text in merged.items() if text is not None} or None
            if value is None:
                resource.pop(field_name, None)
            else:
                resource[field_name] = value
        resource |= {"metageneration": str(int(resource["metageneration"]) + 1), "updated": _now()}
        found.resource = resource
        return resource

    def compose(self, name: str, wanted: Resource, query: Query) -> Resource:
        """ "Objects: compose", "Composite objects": 1 to 32 sources of one class, whose class the result has; no MD5."""
        sources = []
        for each in wanted["sourceObjects"]:
            found = self.find(each["name"], each.get("generation"))
            if found is None:
                raise not_found(self.name, each["name"])
            sources.append(found)
        if not 1 <= len(sources) <= _MOST_COMPONENTS:
            raise Refused(400, "invalid", f"The number of source components must be between 1 and {_MOST_COMPONENTS}.")
        if len({each.resource["storageClass"] for each in sources}) > 1:
            raise Refused(400, "invalid", "The source objects must have one storage class.")
        self.check(self.live.get(name), query)
        data = b"".join([each.data for each in sources])
        components = sum(each.resource.get("componentCount", 1) for each in sources)
        made = {**_taken(wanted.get("destination", {})), "storageClass": sources[0].resource["storageClass"]}
        made |= {"componentCount": components, "crc32c": digests_of(data)["crc32c"]}
        return self._store(name, made, data).resource

    def rewrite(self, source: Bucket, name: str, target_name: str, wanted: Resource, query: Query) -> Resource:
        """ "Objects: rewrite": into another class it takes several calls, each but the first with a token."""
        found = source.find(name, query.get("sourceGeneration"))
        source.check(found, query, prefix="ifSource")
        if found is None:
            raise not_found(source.name, name)
        self.check(self.live.get(target_name), query)
        made = {"storageClass": self.storage_class, **(_taken(wanted) if wanted else _taken(found.resource))}
        token = f"{found.resource['generation']}>{target_name}"
        if made["storageClass"] != found.resource["storageClass"] and query.get("rewriteToken") != token:
            self.rewriting.add(token)
            return {"kind": "storage#rewriteResponse", "done": False, "rewriteToken": token}
        for kept in ("md5Hash", "crc32c", "componentCount"):
            if kept in found.resource:
                made[kept] = found.resource[kept]
        stored = self._store(target_name, made, found.data)
        return {"kind": "storage#rewriteResponse", "done": True, "resource": stored.resource}

    def listed(self, query: Query) -> Resource:
        """ "Objects: list": by the UTF-8 bytes of names, then by generation, `startOffset` inclusive, pages with a token."""
        everything = list(self.live.values())
        if query.get("versions") == "true":
            everything += self.older.values()
        token = base64.urlsafe_b64decode(query["pageToken"]).decode() if "pageToken" in query else " "
        generation, _, name = token.partition(" ")
        after = (name.encode(), int(generation or 0))

        def fits(resource: Resource) -> bool:
            if not resource["name"].startswith(query.get("prefix", "")) or _place(resource) <= after:
                return False
            return bool(resource["name"].encode() >= query.get("startOffset", "").encode())

        found = sorted((each.resource for each in everything if fits(each.resource)), key=_place)
        most = min(int(query.get("maxResults", 1000)), 1000)
        page: Resource = {"kind": "storage#objects"}
        if found:
            hidden = ("md5Hash", "crc32c") if self.encrypted else ()
            page["items"] = [{k: v for k, v in each.items() if k not in hidden} for each in found[:most]]
        if len(found) > most:
            last = f"{found[most - 1]['generation']} {found[most - 1]['name']}"
            page["nextPageToken"] = base64.urlsafe_b64encode(last.encode()).decode()
        return page


def _place(resource: Resource) -> tuple[bytes, int]:
    """Where an object stands in a listing."""
    return resource["name"].encode(), int(resource["generation"])


def _taken(resource: Resource) -> Resource:
    return {name: resource[name] for name in _WRITABLE if resource.get(name) is not None}
