"""A directory in turmoil, and a follower that looks only at what it is told: in the end both are equal."""

from __future__ import annotations

import asyncio
import random
import shutil
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

import pytest

from brigade.changes.base import Intake, Routes, Subscription
from brigade.changes.watch import WatchFeed, WatchSettings
from brigade.clock import SystemClock
from brigade.testing.marks import until

NAMES = ["a", "b", "c", "d e", "ü"]
STEPS = 150


class Follower:
    """Looks at each marked key at the moment of the mark, and at every key of both sides under a rescanned prefix."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.copy: dict[str, str] = {}
        self.rescanned: list[str] = []

    async def mark(self, replication_id: int, keys: Sequence[str]) -> None:
        for key in keys:
            self.look(key)

    async def rescan(self, replication_id: int, prefix: str) -> None:
        self.rescanned.append(prefix)
        for key in {*contents(self.root), *self.copy}:
            if key.startswith(prefix):
                self.look(key)

    def look(self, key: str) -> None:
        try:
            self.copy[key] = (self.root / key).read_text()
        except (FileNotFoundError, IsADirectoryError, NotADirectoryError):
            self.copy.pop(key, None)


def contents(root: Path) -> dict[str, str]:
    found = {}
    for path in root.rglob("*"):
        with suppress(FileNotFoundError):
            if path.is_file():
                found[str(path.relative_to(root))] = path.read_text()
    return found


def stir(root: Path, chance: random.Random, step: int) -> None:
    """Do something to the tree; what cannot be done just then is left."""

    def anywhere() -> Path:
        return root.joinpath(*[chance.choice(NAMES) for _ in range(chance.randint(1, 4))])

    path, other = anywhere(), anywhere()
    with suppress(OSError, shutil.Error):
        match chance.choice(["write", "write", "write", "append", "rename", "delete", "rmtree", "mkdir", "burst"]):
            case "write":
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(f"{step} of {path.name}")
            case "append":
                with path.open("a") as file:
                    file.write(f"+{step}")
            case "rename":
                other.parent.mkdir(parents=True, exist_ok=True)
                path.rename(other)
            case "delete":
                path.unlink()
            case "rmtree":
                shutil.rmtree(path)
            case "mkdir":
                path.mkdir(parents=True)
            case "burst":
                path.mkdir(parents=True, exist_ok=True)
                for number in range(20):
                    (path / f"{number}").write_text(f"{step}")


@pytest.mark.parametrize("seed", range(4))
async def test_whatever_is_done_to_a_directory_is_noticed(tmp_path: Path, background, seed: int):
    root = (tmp_path / "root").resolve()
    root.mkdir()
    chance = random.Random(seed)
    for step in range(30):
        stir(root, chance, step)
    follower = Follower(root)
    follower.copy = contents(root)
    intake = Intake(Routes([Subscription(1, "", "")]), follower, follower)
    settings = WatchSettings(str(root), settle_seconds=0.2, polling=False, rescan_at_start=False)
    feed = WatchFeed(settings, intake, SystemClock())
    background(feed.run())
    await until(lambda: feed.is_watching)
    for step in range(STEPS):
        await asyncio.to_thread(stir, root, chance, step)
        if chance.random() < 0.3:
            await asyncio.sleep(chance.random() * 0.05)
    await until(lambda: follower.copy == contents(root), seconds=80)
    # Calm: nothing is left that would still change the copy.
    await until(lambda: not feed._settling and not feed._fresh)
    assert follower.copy == contents(root)
