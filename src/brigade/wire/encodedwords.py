"""Values of headers as RFC 2047 words: what a header cannot hold as it is travels in base64 and comes back exactly."""

from __future__ import annotations

import base64
import binascii
import re

_ENCODED_WORD = re.compile(r"=\?[\w-]+\?[bBqQ]\?[^?]*\?=")
_OURS = re.compile(r"=\?UTF-8\?B\?([A-Za-z0-9+/]*={0,2})\?=").fullmatch


def encoded_word(value: str) -> str:
    """The value as one word in UTF-8 and base64."""
    return f"=?UTF-8?B?{base64.b64encode(value.encode()).decode()}?="


def decoded_words(value: str) -> str:
    """The text that a value with encoded words stands for; a value that cannot be decoded is itself."""
    if "=?" not in value:
        return value
    ours = _OURS(value)
    try:
        if ours is not None:
            return base64.b64decode(ours[1], validate=True).decode()
        return _decoded_by_the_book(value) if _ENCODED_WORD.search(value) else value
    except (LookupError, ValueError, binascii.Error):
        return value


def _decoded_by_the_book(value: str) -> str:
    # Rarely needed, and heavy to import.
    from email.header import decode_header

    words = decode_header(value)
    return "".join([word.decode(charset or "latin-1") if isinstance(word, bytes) else word for word, charset in words])
