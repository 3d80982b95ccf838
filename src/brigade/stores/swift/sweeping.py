"""Clearing away segments that belong to no object any more, and never one that does."""

from __future__ import annotations

from brigade.errors import NotFound, StoreError
from brigade.stores.swift.bulk import BulkCalls
from brigade.stores.swift.uploads import (
    UPLOAD_PREFIX,
    base_of,
    folder_name,
    is_upload_id,
    mark_name,
    parse_segment_name,
)

_VERSIONS_ELSEWHERE = ("x-versions-location", "x-history-location")


class SweepingCalls(BulkCalls):
    """What is left of an object that was written over."""

    async def _sweep(self, key: str) -> None:
        """Remove the segments of earlier objects of this key, after another one has taken its place.

        Segments carry the id of their upload, so they belong to one manifest. An upload that is marked as open keeps
        its segments, and so does one that the manifest of the moment names. The marks are looked at first: an upload loses
        its mark only after its manifest is there, so one without a mark shows in the manifest that is read afterwards.
        A container that keeps versions keeps older manifests too, which nobody lists here: there nothing is removed.
        """
        try:
            stale = [each for each in await self._upload_ids(key) if not await self._is_open(key, each)]
            if stale and not await self._keeps_versions():
                live = await self._live_uploads(key)
                for upload_id in stale:
                    if upload_id not in live:
                        await self._remove_segments(key, upload_id)
        except StoreError:
            # The object itself is written and proven; the next write of this key sweeps again.
            return

    async def _keeps_versions(self) -> bool:
        """Whether what is written over or deleted stays in the container as an older version, or goes to another one."""
        answer = await self.caller.call("sweep", None, "HEAD", self._path(None, "sweep"))
        enabled = answer.headers.get("x-versions-enabled", "").lower() == "true"
        return enabled or any(name in answer.headers for name in _VERSIONS_ELSEWHERE)

    def _base(self, key: str) -> str:
        return base_of(self.settings.container, key, self._limits.max_key_bytes)

    async def _upload_ids(self, key: str) -> list[str]:
        """The uploads of this key that have segments."""
        prefix = f"{self._base(key)}/"
        found = await self._segment_pages("sweep", prefix + UPLOAD_PREFIX, delimiter="/")
        ids = [folder.removeprefix(prefix).rstrip("/") for folder in found.folders]
        return [each for each in ids if is_upload_id(each)]

    async def _is_open(self, key: str, upload_id: str) -> bool:
        path = self._segment_path(mark_name(self._base(key), upload_id), "upload")
        answer = await self.caller.ask("upload", key, "HEAD", path, [("x-newest", "true")])
        if answer.status not in (200, 204, 404):
            raise self.caller.refusal("upload", key, answer)
        return answer.status != 404

    async def _live_uploads(self, key: str) -> set[str]:
        """The uploads that the object of the moment is made of."""
        try:
            manifest = await self._read_manifest("sweep", key, newest=True)
        except NotFound:
            return set()
        if manifest is None:
            return set()
        place = f"/{self.settings.segments}/"
        names = [each.path.removeprefix(place) for each in manifest.segments if each.path.startswith(place)]
        return {parsed.upload_id for name in names if (parsed := parse_segment_name(name)) is not None}

    async def _remove_segments(self, key: str, upload_id: str) -> None:
        base = self._base(key)
        found = await self._segment_pages("sweep", folder_name(base, upload_id))
        names = [(info.key, parse_segment_name(info.key)) for info in found.entries]
        ours = [name for name, parsed in names if parsed is not None and parsed[:2] == (base, upload_id)]
        for error in (await self._remove(self.settings.segments, ours, "sweep")).values():
            if error is not None:
                raise error
