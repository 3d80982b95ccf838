"""Fail call 1, then 2, then 3 … of a small sync until a run meets no fault, and check the invariants each time.

The data takes every path of the engine: buffered, streamed and multipart copies, a cut of our own, metadata, tags,
deletions. After each faulty run:

- every object at the target is one version that its source had, or what the target held before: never in part, never
  with other bytes;
- nothing that the source holds was deleted;
- a run that says that it is in step is;
- the next run without faults converges and leaves no upload behind.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass, replace

import pytest

from brigade.errors import AccessDenied, Corrupt, StoreError
from brigade.objects import Attributes
from brigade.replications import DeleteMode, MaxDelete, Policy
from brigade.stores.base import Capabilities
from brigade.stores.layers.fault_script import Fault, FaultKind, FaultScript, reset, server_error, slow_down
from brigade.stores.layers.timeout import Timeouts
from brigade.stores.memory import MEMORY_CAPABILITIES
from brigade.testing.workbench import Faults, Held, Ran, Workbench, content, held, put, put_parts

POLICY = Policy(delete=DeleteMode.MIRROR, max_delete=MaxDelete(50, is_percent=True))
SHORT = Timeouts(call_seconds=0.02, slow_call_seconds=0.02, idle_seconds=0.02, slowest_bytes_per_second=10**9)
NO_ETAGS = replace(MEMORY_CAPABILITIES, content_etags=False)
BLIND = replace(MEMORY_CAPABILITIES, verifies_md5=False)


@dataclass(frozen=True, slots=True)
class Setting:
    """Between which stores the sweep runs."""

    source: Capabilities = MEMORY_CAPABILITIES
    target: Capabilities = MEMORY_CAPABILITIES


SETTINGS = {
    "two good stores": Setting(),
    "no etags at the source": Setting(source=NO_ETAGS),
    "a target that checks no digest": Setting(target=BLIND),
}


def forbidden() -> StoreError:
    return AccessDenied("forbidden (scripted)", status=403)


def bad_digest() -> StoreError:
    return Corrupt("bad digest (scripted)")


async def change_all(store: object) -> None:
    """Somebody writes to the source while it is read."""
    await put(store, "small", content(11, "changed"))  # type: ignore[arg-type]
    await put(store, "streamed", content(91, "changed"))  # type: ignore[arg-type]
    await put_parts(store, "parts", [content(80, "c1"), content(9, "c2")])  # type: ignore[arg-type]


KINDS: dict[str, dict[str, object]] = {
    "reset": {"kind": FaultKind.RAISE, "error": reset},
    "500": {"kind": FaultKind.RAISE, "error": server_error},
    "503": {"kind": FaultKind.RAISE, "error": slow_down(1.0)},
    "403": {"kind": FaultKind.RAISE, "error": forbidden},
    "bad digest": {"kind": FaultKind.RAISE, "error": bad_digest},
    "lost answer": {"kind": FaultKind.LOSE_ANSWER},
    "hang": {"kind": FaultKind.HANG},
    "reset in the body": {"kind": FaultKind.BREAK_BODY, "after_bytes": 5},
    "truncated body": {"kind": FaultKind.CUT_BODY, "after_bytes": 5},
    "empty body": {"kind": FaultKind.CUT_BODY, "after_bytes": 0},
    "bit flip": {"kind": FaultKind.FLIP_BIT, "after_bytes": 5},
    "wrong length": {"kind": FaultKind.WRONG_SIZE},
    "wrong ETag": {"kind": FaultKind.WRONG_ETAG},
    "broken listing": {"kind": FaultKind.BREAK_LISTING, "after_entries": 3},
    "cut listing": {"kind": FaultKind.CUT_LISTING, "after_entries": 3},
    "listing cut late": {"kind": FaultKind.CUT_LISTING, "after_entries": 9},
}
CHANGES: dict[str, dict[str, object]] = {
    "source changes before": {"kind": FaultKind.CHANGE, "change": change_all},
    "source changes while read": {"kind": FaultKind.CHANGE, "change": change_all, "after_bytes": 1},
}
# What poorer stores meet differently: answers and bytes, but not refusals.
TELLING = {"bad digest", "lost answer", "reset in the body", "truncated body", "bit flip", "wrong length", "wrong ETag"}
SIDES = [(side, kind) for side in ("source", "target") for kind in KINDS] + [("source", kind) for kind in CHANGES]
CASES = [
    (side, kind, setting)
    for setting in SETTINGS
    for side, kind in SIDES
    if setting == "two good stores" or kind in TELLING or kind in CHANGES
]
# A source that promises nothing of its bytes (no ETag, no checksum) cannot be held to anything.
CASES.remove(("source", "bit flip", "no etags at the source"))


async def fill(bench: Workbench) -> dict[str, set[bytes]]:
    """Objects for every path; returns all versions that may be seen at the target, by key."""
    source, target = bench.source, bench.target
    await put(source, "small", content(10), Attributes(metadata={"v": "1"}, tags={"k": "v"}))
    await put(source, "empty", b"")
    await put(source, "streamed", content(90, "s"), Attributes(tags={"k": "v"}))
    await put_parts(source, "parts", [content(80, "1"), content(80, "2"), content(3, "3")], Attributes(tags={"k": "v"}))
    await put(source, "large", content(230, "l"))
    await put(source, "meta", content(20, "m"), Attributes(metadata={"v": "2"}))
    await put(source, "tagged", content(21, "t"), Attributes(tags={"v": "2"}))
    await put(target, "meta", content(20, "m"), Attributes(metadata={"v": "1"}))
    await put(target, "streamed", content(70, "older"))
    for number in range(4):
        await put(source, f"same{number}", b"same")
        await put(target, f"same{number}", b"same")
    await put(target, "extra1", b"x")
    await put(target, "extra2", b"x")
    versions = {key: {value.data} for store in (source, target) for key, value in (await held(store)).items()}
    for key, value in (await held(target)).items():
        versions[key].add(value.data)
    versions["small"].add(content(11, "changed"))
    versions["streamed"] |= {content(91, "changed"), content(90, "s")}
    versions["parts"].add(content(80, "c1") + content(9, "c2"))
    bench.clock.advance(100)
    return versions


def comparable(objects: dict[str, Held]) -> dict[str, tuple[object, ...]]:
    """What must be equal on both sides."""
    return {
        key: (value.data, value.attributes.metadata, value.attributes.tags, value.attributes.content_type)
        for key, value in objects.items()
    }


async def check(bench: Workbench, ran: Ran, versions: dict[str, set[bytes]], before: set[str], *, kind: str) -> None:
    source, target = await held(bench.source), await held(bench.target)
    for key, value in target.items():
        assert value.data in versions[key], f"{key} has bytes that nobody wrote"
    assert not (before & set(source)) - set(target), "the source holds what was deleted at the target"
    if ran.result.in_step and kind not in CHANGES and details_of(kind)["kind"] is not FaultKind.CUT_LISTING:
        assert {key: value.data for key, value in target.items()} == {key: value.data for key, value in source.items()}
    bench.clock.advance(100)
    calm = await bench.sync(POLICY)
    assert calm.result.in_step, (calm.result, [o for o in calm.observer.outcomes if o.error])
    assert comparable(await held(bench.target)) == comparable(await held(bench.source))
    assert await bench.target.list_multiparts() == []
    assert await bench.ledger().uploads() == []


def details_of(kind: str) -> dict[str, object]:
    return {**KINDS, **CHANGES}[kind]


def operation_of(kind: str) -> str:
    return "list_page" if "listing" in kind else "get" if kind in CHANGES else "*"


@pytest.mark.parametrize("retry", [True, False], ids=["retried", "unretried"])
@pytest.mark.parametrize(("side", "kind", "setting"), CASES)
async def test_a_fault_at_any_call_breaks_no_promise(tmp_path, side, kind, setting, retry):
    details = details_of(kind)
    stores = SETTINGS[setting]
    async with Workbench(tmp_path, source=stores.source, target=stores.target) as bench:
        for call in itertools.count(1):
            await bench.start_over()
            fault = Fault(operation_of(kind), call=call, **details)
            script = FaultScript(fault)
            versions = await fill(bench)
            before = set(await held(bench.target))
            timeouts = SHORT if kind == "hang" else None
            ran = await bench.sync(POLICY, faults=Faults(**{side: script}, retry=retry, timeouts=timeouts))
            await check(bench, ran, versions, before, kind=kind)
            if kind == "bit flip":
                assert ran.result.in_step, "a flipped bit is caught and mended at once"
            if script._seen[0] < call:
                assert call > 1, "this fault never had a call to fail"
                return
