"""What becomes of a wildcard's buckets themselves: made at the target, removed there when empty, or found gone.

Both classes settle what a follower has claimed: the first the notes of buckets, which are keys of the wildcard's own
backlog, the second the keys of a bucket that the source has no more.
"""

from __future__ import annotations

from contextlib import AsyncExitStack

from brigade.control.wildcards import Wildcard, is_there, make_bucket, name_of
from brigade.control.work import Work
from brigade.decide.actions import ActionKind, Known
from brigade.decide.wildcards import BucketNote
from brigade.engine.follow_key import Settled
from brigade.engine.ledger import Ledger
from brigade.engine.report import Outcome
from brigade.errors import BucketMissing, NotFound, Rejected, Retry, SourceChanged, StoreError, Unsupported
from brigade.objects import Proof
from brigade.replications import DeleteMode
from brigade.state.state import State
from brigade.stores.base import Store


class BucketSettler:
    """Makes the target's buckets what the source's are: a key is a `BucketNote`."""

    def __init__(self, wildcard: Wildcard, state: State) -> None:
        self._wildcard = wildcard
        self._state = state

    def refresh(self) -> None:
        """Nothing here depends on the time."""

    async def settle(self, key: str, known: Known | None) -> Settled:  # noqa: ARG002  (nothing is known of buckets)
        """Do what the note asks for. Raises the errors of the stores."""
        note = BucketNote.of_key(key)
        identity = self._wildcard.identity_of(note.bucket)
        if identity is None:
            return _skip(key, "another replication writes to this bucket")
        work = self._wildcard.work(note.bucket)
        async with AsyncExitStack() as stack:
            stack.push_async_callback(work.target.close)
            stack.push_async_callback(work.source.close)
            number = await self._state.replications.find(identity)
            try:
                there = await is_there(work.source)
            except StoreError as error:
                # A client named a bucket of somebody else's, or no bucket at all: that is no trouble of ours.
                if number is None and error.retry is Retry.NEVER:
                    return _skip(key, f"the source shows no such bucket: {error.message}")
                raise
            if there:
                await self._state.replications.ensure(name_of(self._wildcard, note.bucket), identity)
                made = await make_bucket(work.target)
                return _done(key, ActionKind.COPY, "made") if made else _skip(key, "both sides have the bucket")
            if not note.is_deletion or work.policy.delete is DeleteMode.NO:
                return _skip(key, "the source has no such bucket")
            if number is None:
                return _skip(key, "nothing was ever brought from this bucket")
            return await self._remove(key, work, number)

    async def _remove(self, key: str, work: Work, number: int) -> Settled:
        """Remove the target's bucket. The store sees to it that it is empty."""
        if not await is_there(work.target):
            return _skip(key, "neither side has the bucket")
        # Asked again after all else: whoever makes the bucket anew must not lose the target's.
        if not await _is_gone(work.source):
            raise SourceChanged("the bucket is there again", store=work.source.name)
        try:
            await work.target.delete_bucket()
        except Unsupported as error:
            return _skip(key, error.message)
        except Rejected as error:
            error.hint = "the source's bucket is deleted; what the target's still holds stays until somebody looks"
            raise
        if not await _is_gone(work.source):
            await make_bucket(work.target)
            await self._look_again(work, number)
        return _done(key, ActionKind.DELETE, "the source's bucket was deleted")

    async def _look_again(self, work: Work, number: int) -> None:
        """The bucket came back during its removal: what is remembered of its keys may be of the target's before."""
        ledger = Ledger(self._state, number, followed=True)
        cursor: str | None = None
        while True:
            page = await work.source.list_page(cursor=cursor)
            if page.entries:
                await ledger.doubt({entry.key: False for entry in page.entries})
            cursor = page.cursor
            if cursor is None:
                return


class GoneSettler:
    """Settles the keys of a bucket that the source does not have: with it went the word on each of its objects.

    So nothing is deleted. `is_over`: the bucket is there again, and its keys need the usual look.
    """

    def __init__(self, source: Store, target: Store, delete: DeleteMode) -> None:
        self._source = source
        self._target = target
        self._delete = delete
        self.is_over = False

    def refresh(self) -> None:
        """Nothing here depends on the time."""

    async def settle(self, key: str, known: Known | None) -> Settled:  # noqa: ARG002  (the contract names it)
        """Tell what stays. Raises `SourceChanged` when the bucket is back, and `Rejected` for what somebody must see to."""
        if not await _is_gone(self._source):
            self.is_over = True
            raise SourceChanged("the bucket is there again", store=self._source.name, key=key)
        if self._delete is DeleteMode.NO or not await _has(self._target, key):
            return _skip(key, "the source has no such bucket, and nothing is to be deleted")
        raise Rejected(
            "the source's bucket is gone, so it cannot confirm that the object is",
            store=self._target.name,
            key=key,
            hint="what the target holds stays; delete it there if it is of no use",
        )


async def _is_gone(store: Store) -> bool:
    try:
        await store.list_page(limit=1)
    except BucketMissing:
        return True
    return False


async def _has(store: Store, key: str) -> bool:
    try:
        await store.head(key)
    except (NotFound, BucketMissing):
        return False
    return True


def _skip(key: str, reason: str) -> Settled:
    return _done(key, ActionKind.SKIP, reason)


def _done(key: str, action: ActionKind, reason: str) -> Settled:
    return Settled(Outcome(key, action, reason, Proof.NONE, 0))
