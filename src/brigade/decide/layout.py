"""Where the objects of a container lie in a bucket that many containers share."""

from __future__ import annotations

import hashlib


def hashed_prefix(account: str, container: str) -> str:
    """The `hashed` layout, as 1space writes it: `<hex>/<account>/<container>/`, so that listings and load spread.

    The hex digits are the MD5 of `account/container` modulo 16^6, without leading zeros.
    """
    digest = hashlib.md5(f"{account}/{container}".encode(), usedforsecurity=False).hexdigest()
    return f"{int(digest, 16) % 16**6:x}/{account}/{container}/"
