"""Keys and messages of strangers, made fit to stand in a line on a terminal."""

from __future__ import annotations


def quote_key(key: str) -> str:
    """A key as it can stand in a line: quoted where it holds what a terminal would act upon."""
    return key if key.isprintable() and key == key.strip() and key else repr(key)


def one_line(text: str) -> str:
    """The text without line breaks."""
    return " ".join(text.split())
