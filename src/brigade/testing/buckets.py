"""A bucket of a real server seen with botocore's eyes: to set a scene and to look at the outcome."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from copy import copy
from typing import Any

from brigade.testing.servers import Endpoint

_AT_ONCE = 8


class Bucket:
    """One bucket of an endpoint, or what lies below a prefix of it; keys are relative to that."""

    def __init__(self, endpoint: Endpoint, name: str, prefix: str = "") -> None:
        self.endpoint = endpoint
        self.name = name
        self.prefix = prefix
        self.client = endpoint.client()

    def below(self, prefix: str) -> Bucket:
        """What lies below a prefix of this place; it has the same client and needs no closing of its own."""
        narrower = copy(self)
        narrower.prefix += prefix
        return narrower

    def close(self) -> None:
        """Close the client."""
        self.client.close()

    def _at(self, key: str) -> dict[str, str]:
        return {"Bucket": self.name, "Key": self.prefix + key}

    def put(self, key: str, body: bytes = b"", **more: Any) -> None:
        """Write an object in one piece."""
        self.client.put_object(**self._at(key), Body=body, **more)

    def put_parts(self, key: str, parts: Sequence[bytes], **more: Any) -> None:
        """Write an object as a multipart upload of these parts."""
        at = self._at(key)
        upload_id = self.client.create_multipart_upload(**at, **more)["UploadId"]
        done = []
        for number, part in enumerate(parts, 1):
            answer = self.client.upload_part(**at, UploadId=upload_id, PartNumber=number, Body=part)
            done.append({"PartNumber": number, "ETag": answer["ETag"]})
        self.client.complete_multipart_upload(**at, UploadId=upload_id, MultipartUpload={"Parts": done})

    def get(self, key: str) -> bytes:
        """The bytes of an object."""
        body: bytes = self.client.get_object(**self._at(key))["Body"].read()
        return body

    def head(self, key: str) -> dict[str, Any]:
        """Headers and metadata of an object."""
        answer: dict[str, Any] = self.client.head_object(**self._at(key))
        return answer

    def tags(self, key: str) -> dict[str, str]:
        """The tags of an object."""
        return {tag["Key"]: tag["Value"] for tag in self.client.get_object_tagging(**self._at(key))["TagSet"]}

    def set_tags(self, key: str, **tags: str) -> None:
        """Replace the tags of an object."""
        pairs = [{"Key": name, "Value": value} for name, value in tags.items()]
        self.client.put_object_tagging(**self._at(key), Tagging={"TagSet": pairs})

    def remove_tags(self, key: str) -> None:
        """Take all tags away."""
        self.client.delete_object_tagging(**self._at(key))

    def replace_metadata(self, key: str, **more: Any) -> None:
        """Give an object other headers and metadata by a copy onto itself: the bytes and their ETag stay."""
        at = self._at(key)
        self.client.copy_object(**at, CopySource=at, MetadataDirective="REPLACE", **more)

    def delete(self, *keys: str) -> None:
        """Delete objects."""
        for key in keys:
            self.client.delete_object(**self._at(key))

    def entries(self) -> Iterator[dict[str, Any]]:
        """The listing, keys relative to the prefix."""
        pages = self.client.get_paginator("list_objects_v2").paginate(Bucket=self.name, Prefix=self.prefix)
        for page in pages:
            for entry in page.get("Contents", ()):
                yield {**entry, "Key": entry["Key"].removeprefix(self.prefix)}

    def keys(self) -> list[str]:
        """All keys as they are listed."""
        return [entry["Key"] for entry in self.entries()]

    def etags(self) -> dict[str, str]:
        """The ETag of each key; of a plain upload it is the MD5 of the bytes."""
        return {entry["Key"]: entry["ETag"].strip('"') for entry in self.entries()}

    def contents(self) -> dict[str, bytes]:
        """All keys with their bytes."""
        keys = self.keys()
        with ThreadPoolExecutor(_AT_ONCE) as pool:
            return dict(zip(keys, pool.map(self.get, keys), strict=True))

    def uploads(self) -> list[str]:
        """The keys of uploads that have begun and are neither completed nor aborted."""
        found = self.client.list_multipart_uploads(Bucket=self.name, Prefix=self.prefix).get("Uploads", [])
        return [upload["Key"].removeprefix(self.prefix) for upload in found]

    def uploaded_parts(self) -> int:
        """How many parts the uploads under way have so far."""
        found = self.client.list_multipart_uploads(Bucket=self.name, Prefix=self.prefix).get("Uploads", [])
        answers = (
            self.client.list_parts(Bucket=self.name, Key=upload["Key"], UploadId=upload["UploadId"]) for upload in found
        )
        return sum(len(answer.get("Parts", [])) for answer in answers)

    def remove(self) -> None:
        """Empty the bucket and delete it."""
        for upload in self.client.list_multipart_uploads(Bucket=self.name).get("Uploads", []):
            self.client.abort_multipart_upload(Bucket=self.name, Key=upload["Key"], UploadId=upload["UploadId"])
        self.delete(*self.keys())
        self.client.delete_bucket(Bucket=self.name)
