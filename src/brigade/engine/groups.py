"""Task groups that raise one error instead of a group of them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from brigade.errors import BrigadeError


@contextmanager
def first_error() -> Iterator[None]:
    """Raise the first error of a group that failed; an unexpected one before those of our own tree."""
    try:
        yield
    except BaseExceptionGroup as group:
        errors = list(_leaves(group))
        ours = [error for error in errors if isinstance(error, BrigadeError)]
        strange = [error for error in errors if not isinstance(error, BrigadeError)]
        # A bug must not hide behind an error that it caused.
        raise (strange or ours)[0] from None


def _leaves(group: BaseExceptionGroup[BaseException]) -> Iterator[BaseException]:
    for error in group.exceptions:
        if isinstance(error, BaseExceptionGroup):
            yield from _leaves(error)
        else:
            yield error
