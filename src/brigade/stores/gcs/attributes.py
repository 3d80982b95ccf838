"""An object's attributes as the fields of Google's resources, and back."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from brigade.errors import Rejected, Unsupported
from brigade.objects import Attributes, Checksum, ChecksumAlgorithm, ObjectInfo, ObjectLock
from brigade.wire.gcs import hex_of, rfc3339_ns

Resource = dict[str, Any]

FIELDS = (
    "name,size,md5Hash,crc32c,generation,metageneration,updated,timeCreated,storageClass,contentType,contentEncoding,"
    "contentDisposition,contentLanguage,cacheControl,metadata,customTime,temporaryHold,eventBasedHold,retention"
)
# Google has no Expires header; it travels in metadata of this name, which is reserved for it.
EXPIRES = "brigade-expires"
# What stands for "no type": sent, because an upload would otherwise get a type of the server's choice.
NO_CONTENT_TYPE = "binary/octet-stream"
_HEADERS = (
    ("contentEncoding", "content_encoding"),
    ("contentDisposition", "content_disposition"),
    ("contentLanguage", "content_language"),
    ("cacheControl", "cache_control"),
)

_TO_S3 = {"NEARLINE": "STANDARD_IA", "COLDLINE": "GLACIER_IR", "ARCHIVE": "DEEP_ARCHIVE"}
# Each native class under its own name, and the words of S3 for the nearest one.
NATIVE_CLASSES: Mapping[str, str] = {
    **{name: name for name in ("STANDARD", *_TO_S3)},
    **dict.fromkeys(("MULTI_REGIONAL", "REGIONAL", "DURABLE_REDUCED_AVAILABILITY"), "STANDARD"),
    **dict.fromkeys(("REDUCED_REDUNDANCY", "INTELLIGENT_TIERING", "EXPRESS_ONEZONE"), "STANDARD"),
    **dict.fromkeys(("STANDARD_IA", "ONEZONE_IA"), "NEARLINE"),
    "GLACIER_IR": "COLDLINE",
    **dict.fromkeys(("GLACIER", "DEEP_ARCHIVE"), "ARCHIVE"),
}
STORED_CLASSES: Mapping[str, str] = {
    name: back for name, native in NATIVE_CLASSES.items() if (back := _TO_S3.get(native, "STANDARD")) != name
}
_MODES = {"COMPLIANCE": "Locked", "GOVERNANCE": "Unlocked"}
_MODES_BACK = {native: mode for mode, native in _MODES.items()}


def resource_of(attributes: Attributes) -> Resource:
    """The fields that put these attributes on a new object. Raises `Rejected` and `Unsupported`."""
    if attributes.tags:
        raise Unsupported("Google Cloud Storage has no tags on objects")
    if attributes.acl is not None:
        raise Unsupported("access control lists are not carried to Google Cloud Storage")
    fields: Resource = {"contentType": attributes.content_type or NO_CONTENT_TYPE}
    for name, attribute in _HEADERS:
        value = getattr(attributes, attribute)
        if value is not None:
            fields[name] = value
    metadata = {name.lower(): value for name, value in attributes.metadata.items()}
    if attributes.expires is not None:
        metadata[EXPIRES] = attributes.expires
    if metadata:
        fields["metadata"] = metadata
    if attributes.custom_time is not None:
        fields["customTime"] = attributes.custom_time
    if attributes.storage_class is not None:
        fields["storageClass"] = native_class(attributes.storage_class)
    if attributes.lock is not None:
        fields |= _lock_fields(attributes.lock)
    return fields


def native_class(storage_class: str) -> str:
    """Google's word for a storage class."""
    native = NATIVE_CLASSES.get(storage_class)
    if native is None:
        raise Rejected(
            f"Google Cloud Storage has no storage class like {storage_class!r}",
            hint="map it: storage_class_map of the replication",
        )
    return native


def patch_of(attributes: Attributes, now: Resource) -> Resource:
    """The fields that make these the attributes of an object which is `now`; what is to go is null.

    The class stays, and so does a lock that `attributes` say nothing of.
    """
    wanted = resource_of(attributes)
    wanted.pop("storageClass", None)
    patch: Resource = {name: wanted.get(name) for name, _ in _HEADERS}
    gone: Resource = dict.fromkeys(now.get("metadata") or {})
    wanted["metadata"] = (gone | wanted.get("metadata", {})) or None
    return patch | wanted


def _lock_fields(lock: ObjectLock) -> Resource:
    fields: Resource = {"temporaryHold": lock.legal_hold}
    if lock.mode is not None and lock.retain_until is not None:
        mode = _MODES.get(lock.mode)
        if mode is None:
            raise Rejected(f"Google Cloud Storage has no retention mode like {lock.mode!r}")
        fields["retention"] = {"mode": mode, "retainUntilTime": lock.retain_until}
    return fields


def attributes_of(resource: Resource) -> Attributes:
    """The attributes that a resource describes. Raises `Rejected` for metadata that HTTP could not tell apart."""
    stored: dict[str, str] = resource.get("metadata") or {}
    metadata = {name.lower(): value for name, value in stored.items()}
    if len(metadata) != len(stored):
        raise Rejected("two names of metadata differ in their case only, which no other store keeps")
    content_type = resource.get("contentType")
    return Attributes(
        content_type=None if content_type == NO_CONTENT_TYPE else content_type,
        content_encoding=resource.get("contentEncoding"),
        content_disposition=resource.get("contentDisposition"),
        content_language=resource.get("contentLanguage"),
        cache_control=resource.get("cacheControl"),
        expires=metadata.pop(EXPIRES, None),
        metadata=metadata,
        storage_class=_class_of(resource),
        lock=_lock_of(resource),
        custom_time=resource.get("customTime"),
    )


def _class_of(resource: Resource) -> str | None:
    native = resource.get("storageClass")
    return _TO_S3.get(native, "STANDARD") if native else None


def _lock_of(resource: Resource) -> ObjectLock | None:
    """An event-based hold is a hold: until its event the object may not be deleted."""
    hold = bool(resource.get("temporaryHold") or resource.get("eventBasedHold"))
    retention = resource.get("retention") or {}
    mode = _MODES_BACK.get(retention.get("mode", ""))
    if mode is None and not hold:
        return None
    return ObjectLock(mode, retention.get("retainUntilTime"), hold)


def etag_of(resource: Resource) -> str:
    """The MD5 of the content; a composite object has none, and is named by its CRC32C and its generation."""
    md5 = hex_of(resource.get("md5Hash"))
    return md5 or f"crc32c:{hex_of(resource.get('crc32c')) or ''}:{resource.get('generation', '')}"


def info_of(key: str, resource: Resource, *, attributes: bool = False) -> ObjectInfo:
    """The object that a resource describes. Its time is `updated`, which a change of metadata moves too."""
    get = resource.get
    md5 = hex_of(get("md5Hash"))
    crc = hex_of(get("crc32c"))
    generation = get("generation")
    return ObjectInfo(
        key,
        int(get("size", 0)),
        md5 or f"crc32c:{crc or ''}:{generation or ''}",
        rfc3339_ns(get("updated") or get("timeCreated") or ""),
        _class_of(resource),
        str(generation) if generation is not None else None,
        attributes_of(resource) if attributes else None,
        None,
        None,
        Checksum(ChecksumAlgorithm.CRC32C, crc) if crc else None,
        md5 is None,
    )
