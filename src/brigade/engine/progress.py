"""The checkpoint of a run: up to which key everything is settled."""

from __future__ import annotations

from collections import deque


class Batch:
    """Keys settled together; `open` counts the tasks under way and the reading of the batch itself."""

    __slots__ = ("last_key", "open")

    def __init__(self, last_key: str) -> None:
        self.last_key = last_key
        self.open = 1


class Progress:
    """How far a run is: every key up to `cursor` is settled, whatever is still under way behind it."""

    def __init__(self, cursor: str | None = None) -> None:
        self.cursor = cursor
        self._batches: deque[Batch] = deque()

    def begin(self, last_key: str) -> Batch:
        """A batch of keys that ends with `last_key` is about to be settled."""
        batch = Batch(last_key)
        self._batches.append(batch)
        return batch

    def settled(self, batch: Batch) -> None:
        """One task of the batch is settled; the cursor moves over batches that have none left."""
        batch.open -= 1
        batches = self._batches
        while batches and not batches[0].open:
            self.cursor = batches.popleft().last_key
