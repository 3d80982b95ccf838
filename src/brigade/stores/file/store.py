"""A directory as a bucket: the store contract over the blocking functions of this package, all run in threads."""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

from brigade.clock import Clock
from brigade.errors import AccessDenied, ListingBroken, Rejected, StoreError, Unsupported, UsageError
from brigade.objects import Attributes, Checksum, Grant, MultipartInfo, ObjectInfo, PartInfo
from brigade.stores.base import ALWAYS, Body, ByteRange, BytesBody, Capabilities, Condition, ListPage
from brigade.stores.file.failures import translated
from brigade.stores.file.keys import PATH_MAX_BYTES, check_key
from brigade.stores.file.listing import Walk
from brigade.stores.file.multipart import Uploads
from brigade.stores.file.places import Root
from brigade.stores.file.reading import SMALL_BYTES, Opening, Reader
from brigade.stores.file.removing import Remover
from brigade.stores.file.settings import FileSettings
from brigade.stores.file.sidecars import RecordKeeper
from brigade.stores.file.skipped import SkippedFiles
from brigade.stores.file.syncs import DirectorySyncs
from brigade.stores.file.temporary import TemporaryFile, TemporaryFolder
from brigade.stores.file.threads import DiskThreads
from brigade.stores.file.writing import Writer, Written

R = TypeVar("R")

BATCH_BYTES = 1024 * 1024  # What a streamed body gathers before it goes to a thread.
PAUSED_WALKS = 32  # Listings that keep their place in memory; one more starts again from its cursor.
MAX_FILE_BYTES = 1 << 60


class FileStore:
    """One directory. `skipped` tells what its listings left out, and why."""

    def __init__(self, name: str, settings: FileSettings, *, clock: Clock) -> None:
        if sys.getfilesystemencoding() != "utf-8":
            raise UsageError("file names are not read as UTF-8 here", hint="set PYTHONUTF8=1 or a UTF-8 locale")
        self._root = Root(settings.root, settings.symlinks, name)
        self.name = name
        self.identity = Path(self._root.path).as_uri()
        self.capabilities = _capabilities(self._root.path)
        self.clock_offset_ns = 0
        self.skipped = SkippedFiles()
        self._settings = settings
        self._reads = DiskThreads(settings.read_threads, "file-read")
        self._writes = DiskThreads(settings.write_threads, "file-write")
        self._syncs = DirectorySyncs(self._writes)
        self._keeper = RecordKeeper(self._root.path, fsync=settings.fsync)
        self._folder = TemporaryFolder(self._root, clock)
        self._reader = Reader(self._root, self._keeper, settings.symlinks, name)
        self._writer = Writer(self._root, self._keeper, self._folder, self._reader, settings, name)
        self._uploads = Uploads(self._folder, self._writer, clock, name, fsync=settings.fsync)
        self._remover = Remover(self._root, self._keeper, name)
        self._walks: dict[tuple[str, str], Walk] = {}
        self._pausing = threading.Lock()

    async def open(self) -> None:
        await self._run(self._reads, "open", None, self._settle)

    def _settle(self) -> None:
        self._root.settle()
        with os.scandir(self._root.path):
            self._keeper.look()

    async def create_bucket(self) -> None:
        await self._run(self._writes, "create_bucket", None, self._make_root)

    def _make_root(self) -> None:
        try:
            os.makedirs(self._root.path, exist_ok=True)
        except (FileExistsError, NotADirectoryError):
            reason = f"{self._root.path} cannot be a directory: a file is in its place"
            raise Rejected(reason, store=self.name, operation="create_bucket") from None
        self._settle()

    async def delete_bucket(self) -> None:
        raise Unsupported("a directory stays", store=self.name, operation="delete_bucket")

    async def close(self) -> None:
        await self._run(self._writes, "close", None, self._folder.close)
        self._walks.clear()
        self._reads.stop()
        self._writes.stop()

    # Listing and looking

    async def list_page(
        self, prefix: str = "", *, start_after: str = "", cursor: str | None = None, limit: int = 1000
    ) -> ListPage:
        if cursor is not None and start_after:
            raise Rejected("start_after and cursor exclude each other", store=self.name, operation="list")
        return await self._run(self._reads, "list", None, self._list, prefix, start_after, cursor, limit)

    def _list(self, prefix: str, start_after: str, cursor: str | None, limit: int) -> ListPage:
        with self._pausing:
            walk = None if cursor is None else self._walks.pop((prefix, cursor), None)
        try:
            if walk is None:
                self._root.require("list")
                self._keeper.look()
                after = start_after if cursor is None else cursor
                walk = Walk(
                    self._root, self._settings, self._keeper, self.skipped.add, prefix=prefix, start_after=after
                )
            entries, more = walk.page(limit)
            if not more:
                self._root.require("list")  # A root that vanished looks like an end.
        except PermissionError as error:
            raise AccessDenied(
                f"{error.filename} cannot be read, so the listing is not whole",
                store=self.name,
                operation="list",
                hint="grant read and search permission on this directory, or filter from above it",
            ) from error
        except OSError as error:
            self._root.require("list")
            raise ListingBroken(f"{error.filename}: {error.strerror}", store=self.name, operation="list") from error
        if not more:
            return ListPage(entries, None)
        last = entries[-1].key
        with self._pausing:
            while len(self._walks) >= PAUSED_WALKS:
                del self._walks[next(iter(self._walks))]
            self._walks[prefix, last] = walk
        return ListPage(entries, last)

    async def head(self, key: str, *, version_id: str | None = None) -> ObjectInfo:
        self._refuse_version("head", key, version_id)
        return (await self._run(self._reads, "head", key, self._reader.look, key)).info

    async def part_sizes(self, key: str, *, etag: str) -> list[int] | None:
        seen = await self._run(self._reads, "part_sizes", key, self._reader.look, key)
        self._reader.check(key, seen.info, Condition(if_match=etag), "part_sizes")
        return list(seen.part_sizes or (seen.info.size_bytes,))

    # Reading

    def get(
        self,
        key: str,
        *,
        byte_range: ByteRange | None = None,
        part: int | None = None,
        condition: Condition = ALWAYS,
        version_id: str | None = None,
    ) -> Opening:
        self._refuse_version("get", key, version_id)
        wanted = None if condition is ALWAYS else condition
        return Opening(self._reads, self._guarded, ("get", key, self._reader.open, key, byte_range, part, wanted))

    # Writing

    async def put(
        self,
        key: str,
        body: Body,
        *,
        attributes: Attributes,
        condition: Condition = ALWAYS,
        expect: Checksum | None = None,
    ) -> ObjectInfo:
        self._check_key("put", key)
        size_bytes = body.size_bytes
        if size_bytes > SMALL_BYTES:
            file = await self._run(
                self._writes, "put", key, self._writer.begin, key, "put", expect, discard=TemporaryFile.discard
            )
            await self._fill("put", key, file, body)
            written = await self._run(
                self._writes, "put", key, self._writer.finish, file, key, size_bytes, attributes, condition, expect
            )
        else:
            chunks = [body.data] if isinstance(body, BytesBody) else [chunk async for chunk in body.chunks()]
            written = await self._run(
                self._writes, "put", key, self._writer.put_whole, key, chunks, size_bytes, attributes, condition, expect
            )
        return await self._durable(written)

    async def _fill(self, operation: str, key: str, file: TemporaryFile, body: Body) -> None:
        """Write a body into a file, one batch on its way to the disk while the next one arrives."""
        writing = None
        try:
            batch: list[bytes] = []
            gathered_bytes = 0
            async for chunk in body.chunks():
                batch.append(chunk)
                gathered_bytes += len(chunk)
                if gathered_bytes >= BATCH_BYTES:
                    if writing is not None:
                        await writing
                    writing = self._writes.run(self._guarded, operation, key, file.write, batch)
                    batch, gathered_bytes = [], 0
            if writing is not None:
                await writing
            await self._run(self._writes, operation, key, file.write, batch)
        except BaseException:
            if writing is not None:
                writing.cancel()
            self._writes.submit(file.discard)
            raise

    async def _durable(self, written: Written) -> ObjectInfo:
        if self._settings.fsync and written.changed:
            await self._syncs.flush(written.changed)
        return written.info

    async def copy(
        self,
        source_key: str,
        target_key: str,
        *,
        attributes: Attributes | None = None,
        condition: Condition = ALWAYS,
    ) -> ObjectInfo:
        self._check_key("copy", target_key)
        return await self._durable(
            await self._run(
                self._writes, "copy", source_key, self._writer.copy, source_key, target_key, attributes, condition
            )
        )

    async def delete(self, keys: Sequence[str], *, condition: Condition = ALWAYS) -> dict[str, StoreError | None]:
        del condition  # no file system deletes on one: `conditional_deletes` is not claimed
        answers, changed = await self._run(self._writes, "delete", None, self._remover.delete, list(keys))
        if self._settings.fsync:
            await self._syncs.flush(changed)
        return answers

    # Tags and ACL

    async def read_tags(self, key: str, *, version_id: str | None = None) -> dict[str, str]:
        attributes = (await self.head(key, version_id=version_id)).attributes
        return dict(attributes.tags or {}) if attributes is not None else {}

    async def write_tags(self, key: str, tags: Mapping[str, str]) -> None:
        await self._run(self._writes, "write_tags", key, self._writer.write_tags, key, tags)

    async def read_acl(self, key: str) -> tuple[Grant, ...]:
        raise Unsupported("files have no S3 ACLs", store=self.name, operation="read_acl", key=key)

    async def write_acl(self, key: str, acl: Sequence[Grant]) -> None:
        raise Unsupported(f"files have no place for {len(acl)} grants", store=self.name, operation="write_acl", key=key)

    # Multipart

    async def create_multipart(self, key: str, *, attributes: Attributes) -> str:
        self._check_key("create_multipart", key)
        return await self._run(self._writes, "create_multipart", key, self._uploads.create, key, attributes)

    async def put_part(
        self, key: str, upload_id: str, number: int, body: Body, *, expect: Checksum | None = None
    ) -> PartInfo:
        if not 1 <= number <= self.capabilities.max_parts:
            raise Rejected(f"part {number} is out of bounds", store=self.name, operation="put_part", key=key)
        file = await self._run(
            self._writes,
            "put_part",
            key,
            self._uploads.begin_part,
            key,
            upload_id,
            expect,
            discard=TemporaryFile.discard,
        )
        await self._fill("put_part", key, file, body)
        part, folder = await self._run(
            self._writes,
            "put_part",
            key,
            self._uploads.finish_part,
            file,
            key,
            upload_id,
            number,
            body.size_bytes,
            expect,
        )
        if self._settings.fsync:
            await self._syncs.flush((folder,))
        return part

    async def list_parts(self, key: str, upload_id: str) -> list[PartInfo]:
        return await self._run(self._reads, "list_parts", key, self._uploads.list_parts, key, upload_id)

    async def complete_multipart(
        self, key: str, upload_id: str, parts: Sequence[PartInfo], *, condition: Condition = ALWAYS
    ) -> ObjectInfo:
        return await self._durable(
            await self._run(
                self._writes,
                "complete_multipart",
                key,
                self._uploads.complete,
                key,
                upload_id,
                list(parts),
                condition,
            )
        )

    async def abort_multipart(self, key: str, upload_id: str) -> None:
        await self._run(self._writes, "abort_multipart", key, self._uploads.abort, key, upload_id)

    async def list_multiparts(self, prefix: str = "") -> list[MultipartInfo]:
        return await self._run(self._reads, "list_multiparts", None, self._uploads.list_all, prefix)

    # Threads and errors

    async def _run(
        self,
        threads: DiskThreads,
        operation: str,
        key: str | None,
        function: Callable[..., R],
        *arguments: Any,
        discard: Callable[[R], None] | None = None,
    ) -> R:
        return await threads.run(self._guarded, operation, key, function, *arguments, discard=discard)

    def _guarded(self, operation: str, key: str | None, function: Callable[..., R], *arguments: Any) -> R:
        """Call `function` and translate what the operating system says, in the thread."""
        try:
            return function(*arguments)
        except FileNotFoundError as error:
            self._root.require(operation)
            raise translated(error, store=self.name, operation=operation, key=key) from error
        except OSError as error:
            raise translated(error, store=self.name, operation=operation, key=key) from error

    def _check_key(self, operation: str, key: str) -> None:
        check_key(key, self.capabilities.max_key_bytes, store=self.name, operation=operation)

    def _refuse_version(self, operation: str, key: str, version_id: str | None) -> None:
        if version_id is not None:
            raise Unsupported("files have no versions", store=self.name, operation=operation, key=key)


def _capabilities(root: str) -> Capabilities:
    return Capabilities(
        part_reads=True,
        local_reads=True,
        conditional_writes=True,
        copy_keeps_etag=True,
        tags=True,
        max_key_bytes=PATH_MAX_BYTES - len(os.fsencode(root)) - 1,
        max_put_bytes=MAX_FILE_BYTES,
        max_copy_bytes=MAX_FILE_BYTES,
        min_part_bytes=1,
        max_part_bytes=MAX_FILE_BYTES,
        modified_resolution_ns=1,
    )
