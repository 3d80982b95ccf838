"""`brigade demo` keeps what it promises and leaves nothing behind."""

from __future__ import annotations

import pytest

from brigade.testing.processes import children

pytestmark = pytest.mark.server


async def test_the_demo_tells_the_whole_story(brigade, tmp_path):
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    process = await brigade.start("demo", env={"TMPDIR": str(scratch)})
    ran = await brigade.ended(process)
    assert ran.code == 0, ran.words
    for words in (
        "proven by etag",
        "0 copied (0 B)",
        "different  odd/a-b",
        "1 copied",
        "0 differ",
        "has 199 of them",
        "300 keys wait",
        "has 300 of them",
        "nothing is left",
    ):
        assert words in ran.out
    assert not list(scratch.iterdir())
    assert not children(process.pid)
