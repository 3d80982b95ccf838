"""What a replication would do, in lines."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from brigade.cli.text import one_line, quote_key


def preview_lines(found: Mapping[str, Any]) -> Iterator[str]:
    """The first objects that would be touched, then the sums, then what speaks against it."""
    from brigade.config.units import format_size

    for line in found["lines"]:
        error = f"  {one_line(line['error'])}" if line["error"] else ""
        yield f"{line['action']:14}  {quote_key(line['key'])}  {one_line(line['reason'])}{error}"
    counts = ", ".join(f"{count} to {action}" for action, count in found["counts"].items()) or "no objects"
    more = "" if found["whole"] else "; there is more"
    yield f"{counts}; {format_size(found['copied_bytes'])} to copy; {found['failed']} failed{more}"
    yield from (f"note: {one_line(note)}" for note in found["notes"])
    if found["trouble"] is not None:
        yield f"it would not go on: {one_line(found['trouble'])}"
