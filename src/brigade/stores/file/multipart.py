"""Uploads in parts: a folder under `.brigade-tmp/` each, which survives a restart. The functions block.

A part is a file named by its number and MD5, so that what is there can be listed without reading it.
"""

from __future__ import annotations

import json
import os
import re
import shutil
from collections.abc import Sequence
from pathlib import Path

from brigade.clock import Clock
from brigade.errors import NotFound, Rejected
from brigade.objects import Attributes, Checksum, MultipartInfo, PartInfo
from brigade.stores.base import Condition
from brigade.stores.digests import composite_etag
from brigade.stores.file.records import Record, carried, decode_record, encode_record
from brigade.stores.file.sidecars import sync_directory, write_file
from brigade.stores.file.temporary import TemporaryFile, TemporaryFolder, remove_quietly
from brigade.stores.file.writing import Writer, Written

_FOLDER_MARK = "u-"
_DESCRIPTION = "upload"
_UPLOAD_ID = re.compile(r"[0-9a-f]{12}")  # It becomes a path: nothing else may pass.
_PART_NAME = re.compile(r"([0-9]{5})\.([0-9a-f]{32})")


class Uploads:
    """The multipart uploads of one root."""

    def __init__(self, folder: TemporaryFolder, writer: Writer, clock: Clock, store: str, *, fsync: bool) -> None:
        self._folder = folder
        self._writer = writer
        self._clock = clock
        self._store = store
        self._fsync = fsync

    def create(self, key: str, attributes: Attributes) -> str:
        """Begin an upload; its description is durable before its id is given out."""
        path = self._folder.make_folder(_FOLDER_MARK)
        upload_id = os.path.basename(path).removeprefix(_FOLDER_MARK)
        record = Record(0, self._clock.now_ns(), 0, None, carried(attributes))
        text = json.dumps(key).encode() + b"\n" + encode_record(record)
        # Under another name first: a folder without a whole description is no upload.
        write_file(f"{path}/new", text, fsync=self._fsync)
        os.rename(f"{path}/new", f"{path}/{_DESCRIPTION}")
        if self._fsync:
            sync_directory(path)
            sync_directory(self._folder.parent)
        return upload_id

    def begin_part(self, key: str, upload_id: str, expect: Checksum | None) -> TemporaryFile:
        """A file to write a part into."""
        self._describe(key, upload_id, "put_part")
        return self._folder.new_file(expect)

    def finish_part(
        self, file: TemporaryFile, key: str, upload_id: str, number: int, size_bytes: int, expect: Checksum | None
    ) -> tuple[PartInfo, str]:
        """Keep a part under its number, in place of the one before; also the folder to flush."""
        try:
            self._writer.check_content("put_part", key, file.size_bytes, size_bytes, file.matches(expect), expect)
            if self._fsync:
                os.fsync(file.descriptor)
            file.close()
            etag = file.md5_hex()
            folder = self._path(upload_id)
            stale = [name for name in self._part_names(key, upload_id) if int(name[:5]) == number]
            os.rename(file.path, f"{folder}/{number:05d}.{etag}")
        except BaseException:
            file.discard()
            raise
        for name in stale:
            if name[6:] != etag:
                remove_quietly(f"{folder}/{name}")
        return PartInfo(number, size_bytes, etag), folder

    def list_parts(self, key: str, upload_id: str) -> list[PartInfo]:
        """The parts that are there, by number."""
        self._describe(key, upload_id, "list_parts")
        folder = self._path(upload_id)
        return [
            PartInfo(int(name[:5]), os.stat(f"{folder}/{name}").st_size, name[6:])
            for name in sorted(self._part_names(key, upload_id))
        ]

    def complete(self, key: str, upload_id: str, parts: Sequence[PartInfo], condition: Condition) -> Written:
        """Put the parts together inside the kernel, make the object visible, and forget the upload."""
        attributes = self._describe(key, upload_id, "complete_multipart").attributes
        numbers = [part.number for part in parts]
        if not parts or numbers != sorted(set(numbers)):
            raise self._rejected(key, "the parts must be given once each, in order")
        file = self._writer.begin(key, "complete_multipart")
        try:
            sizes = tuple([self._append(file, key, upload_id, part) for part in parts])
        except BaseException:
            file.discard()
            raise
        written = self._writer.finish(
            file,
            key,
            sum(sizes),
            attributes,
            condition,
            operation="complete_multipart",
            etag=composite_etag([part.etag for part in parts]),
            part_sizes=sizes,
        )
        self.abort(key, upload_id)
        return written

    def _append(self, file: TemporaryFile, key: str, upload_id: str, part: PartInfo) -> int:
        path = f"{self._path(upload_id)}/{part.number:05d}.{part.etag}"
        if not _PART_NAME.fullmatch(os.path.basename(path)):
            raise self._rejected(key, f"part {part.number} has no ETag of ours")
        try:
            descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
        except FileNotFoundError:
            raise self._rejected(key, f"part {part.number} is not as it was uploaded") from None
        try:
            size_bytes = os.fstat(descriptor).st_size
            file.append_from(descriptor, size_bytes)
        finally:
            os.close(descriptor)
        return size_bytes

    def abort(self, key: str, upload_id: str) -> None:
        """Forget an upload; one that is not there is fine."""
        if _UPLOAD_ID.fullmatch(upload_id) is None:
            return
        try:
            self._describe(key, upload_id, "abort_multipart")
        except NotFound:
            return
        shutil.rmtree(self._path(upload_id), ignore_errors=True)

    def list_all(self, prefix: str) -> list[MultipartInfo]:
        """The uploads that have begun and not ended, also those of earlier processes."""
        try:
            names = os.listdir(self._folder.parent)
        except FileNotFoundError:
            return []
        found = []
        for name in names:
            upload_id = name.removeprefix(_FOLDER_MARK)
            if _UPLOAD_ID.fullmatch(upload_id) and (description := self._read(upload_id)) is not None:
                key, record = description
                if key.startswith(prefix):
                    found.append(MultipartInfo(key, upload_id, record.modified_ns))
        return sorted(found)

    def _path(self, upload_id: str) -> str:
        return f"{self._folder.parent}/{_FOLDER_MARK}{upload_id}"

    def _read(self, upload_id: str) -> tuple[str, Record] | None:
        try:
            raw = Path(f"{self._path(upload_id)}/{_DESCRIPTION}").read_bytes()
        except FileNotFoundError:
            return None
        first, _, rest = raw.partition(b"\n")
        record = decode_record(rest)
        return None if record is None else (json.loads(first), record)

    def _describe(self, key: str, upload_id: str, operation: str) -> Record:
        description = self._read(upload_id) if _UPLOAD_ID.fullmatch(upload_id) else None
        if description is None or description[0] != key:
            raise NotFound(
                f"there is no upload {upload_id!r}",
                store=self._store,
                operation=operation,
                key=key,
                code="NoSuchUpload",
            )
        return description[1]

    def _part_names(self, key: str, upload_id: str) -> list[str]:
        self._describe(key, upload_id, "list_parts")
        return [name for name in os.listdir(self._path(upload_id)) if _PART_NAME.fullmatch(name)]

    def _rejected(self, key: str, reason: str) -> Rejected:
        return Rejected(reason, store=self._store, operation="complete_multipart", key=key, code="InvalidPart")
