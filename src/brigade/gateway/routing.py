"""Which store serves a request. A table that never changes: new settings make a new one."""

from __future__ import annotations

from brigade.errors import ConfigError
from brigade.gateway.settings import Block, GatewaySettings, User
from brigade.wire.s3faults import Fault
from brigade.wire.verify import AccessKey


class Routes:
    """The routes, blocks and users of some settings. Raises `ConfigError` where they contradict each other."""

    def __init__(self, settings: GatewaySettings) -> None:
        self._default = settings.store
        self._blocks = settings.blocks
        self._by_bucket = {(route.user, route.bucket): route.store for route in settings.routes}
        self._keys: dict[str, tuple[AccessKey, User]] = {}
        for user in settings.users:
            for key in user.keys:
                if key.credentials.access_key in self._keys:
                    raise ConfigError(f"the gateway's access key {key.credentials.access_key!r} is given twice")
                self._keys[key.credentials.access_key] = key, user
        named = {*self._by_bucket.values(), *(user.store for user in settings.users), self._default} - {None}
        unknown = named - {store.name for store in settings.stores}
        if unknown:
            raise ConfigError(f"the gateway routes to a store that it does not have: {min(map(str, unknown))!r}")

    def key(self, access_key: str) -> AccessKey | None:
        """The key pair of that name."""
        found = self._keys.get(access_key)
        return found[0] if found else None

    def user_of(self, access_key: str) -> User:
        """Whose key that is; the key is known."""
        return self._keys[access_key][1]

    def find(self, user: User | None, bucket: str, *, changes: bool) -> str:
        """The store of a bucket. Raises `Fault` where it is blocked or none serves it."""
        if self._blocks:
            self._refuse_blocked(user, bucket, changes=changes)
        store = self.store_of(user, bucket)
        if store is None:
            raise Fault("AccessDenied", "No store serves this bucket.")
        return store

    def store_of(self, user: User | None, bucket: str) -> str | None:
        """The store of a bucket, blocked or not."""
        by_bucket = self._by_bucket
        if by_bucket:
            named = by_bucket.get((user.name, bucket)) if user is not None else None
            named = named or by_bucket.get((None, bucket))
            if named is not None:
                return named
        return self.default_of(user)

    def default_of(self, user: User | None) -> str | None:
        """The store for what is no bucket's business, and for buckets without a route."""
        return (user.store if user is not None else None) or self._default

    def stores_of(self, user: User | None) -> list[str]:
        """Every store whose buckets the user may see, the default first."""
        name = user.name if user is not None else None
        stores = [self.default_of(user)]
        stores += [store for (owner, _), store in self._by_bucket.items() if owner in (None, name)]
        return [store for store in dict.fromkeys(stores) if store is not None]

    def _refuse_blocked(self, user: User | None, bucket: str, *, changes: bool) -> None:
        for block in self._blocks:
            if _meets(block, user, bucket) and (changes or not block.writes_only):
                raise Fault(block.code, "This bucket is blocked for now. Please try again later.")


def _meets(block: Block, user: User | None, bucket: str) -> bool:
    name = user.name if user is not None else None
    return block.bucket in (None, bucket) and block.user in (None, name)
