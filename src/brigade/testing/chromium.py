"""Debian's Chromium without a screen, driven by Playwright: a fresh profile each time, nothing fetched from outside."""

from __future__ import annotations

import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any

_ARGUMENTS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


def missing_chromium() -> str | None:
    """Why there is no browser here, None if there is one."""
    if find_spec("playwright") is None:
        return "playwright is not installed (pip install playwright)"
    return None if shutil.which("chromium") else "Chromium is not installed (apt-get install chromium)"


@asynccontextmanager
async def chromium(profile: Path, **options: Any) -> AsyncIterator[Any]:
    """A browser window's context, as Playwright knows it; `options` are those of `launch_persistent_context`."""
    from playwright.async_api import async_playwright

    path = shutil.which("chromium")
    assert path is not None
    async with async_playwright() as playwright:
        context = await playwright.chromium.launch_persistent_context(
            profile, executable_path=path, args=list(_ARGUMENTS), **options
        )
        try:
            yield context
        finally:
            await context.close()
