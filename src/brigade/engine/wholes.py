"""Holding the pieces of an object, read at once, to the digest that the source tells of the whole."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from brigade.engine.proving import checksum_of, new_md5
from brigade.errors import Corrupt
from brigade.objects import Checksum, ChecksumAlgorithm
from brigade.stores.digests import combined


class Whole:
    """Takes each piece once, with its number from 1 on; an MD5 is fed in order, so pieces wait for those before them.

    Whoever reads the pieces begins them in order and waits for none that has not begun.
    """

    def __init__(self, told: Checksum, sizes: Sequence[int]) -> None:
        self._told = told
        self._sizes = sizes
        self._pieces: dict[int, Checksum] = {}
        self._md5 = new_md5() if told.algorithm is ChecksumAlgorithm.MD5 else None
        self._turn = asyncio.Condition()

    async def take(self, number: int, data: bytes, md5: Checksum) -> None:
        """A piece as it was read, and its own MD5; of one that is read again, the same. Raises `Corrupt` if it differs."""
        if self._md5 is None:
            self._pieces[number] = checksum_of(self._told.algorithm, data)
            return
        async with self._turn:
            await self._turn.wait_for(lambda: number <= len(self._pieces) + 1)
            if number <= len(self._pieces):
                if self._pieces[number] != md5:
                    raise Corrupt("two reads gave different bytes", operation="get")
                return
            self._md5.update(data)
            self._pieces[number] = md5
            self._turn.notify_all()

    def check(self) -> None:
        """Raise `Corrupt` unless the pieces make the whole that was told."""
        if self._md5 is not None:
            found = self._md5.hexdigest()
        else:
            found = combined([(self._pieces[number], size) for number, size in enumerate(self._sizes, 1)]).hex
        if found != self._told.hex:
            raise Corrupt(f"the bytes do not match the {self._told.algorithm} that the source tells", operation="get")
