"""Which store serves a request, and who asks. A table that never changes: new settings make a new one."""

from __future__ import annotations

from brigade.decide.routing import RouteTable, Rules
from brigade.errors import ConfigError
from brigade.gateway.settings import GatewaySettings, User
from brigade.wire.s3faults import Fault
from brigade.wire.verify import AccessKey


class Routes:
    """The routes, blocks and users of some settings. Raises `ConfigError` where they contradict each other."""

    def __init__(self, settings: GatewaySettings) -> None:
        self._table = RouteTable(
            Rules(
                settings.store,
                {user.name: user.store for user in settings.users if user.store is not None},
                settings.routes,
                settings.blocks,
                settings.set_routes,
                settings.set_blocks,
            )
        )
        self._keys: dict[str, tuple[AccessKey, User]] = {}
        for user in settings.users:
            for key in user.keys:
                if key.credentials.access_key in self._keys:
                    raise ConfigError(f"the gateway's access key {key.credentials.access_key!r} is given twice")
                self._keys[key.credentials.access_key] = key, user
        _refuse_unknown(settings)

    def key(self, access_key: str) -> AccessKey | None:
        """The key pair of that name."""
        found = self._keys.get(access_key)
        return found[0] if found else None

    def user_of(self, access_key: str) -> User:
        """Whose key that is; the key is known."""
        return self._keys[access_key][1]

    def find(self, user: User | None, bucket: str | None, *, changes: bool) -> str:
        """The store of a bucket, of None that of all others. Raises `Fault` where it is blocked or none serves it."""
        block, rule = self._table.decide(_name(user), bucket, changes=changes)
        if block is not None:
            raise Fault(block.code, "This bucket is blocked for now. Please try again later.")
        if rule is None:
            raise Fault("AccessDenied", f"No store serves this {'user' if bucket is None else 'bucket'}.")
        return rule.route.store

    def refuse_blocked(self, user: User | None, bucket: str | None, *, changes: bool) -> None:
        """Raise `Fault` for a request that is blocked."""
        block = self._table.block_of(_name(user), bucket, changes=changes)
        if block is not None:
            raise Fault(block.code, "This bucket is blocked for now. Please try again later.")

    def store_of(self, user: User | None, bucket: str | None) -> str | None:
        """The store of a bucket, blocked or not; of None that of all others."""
        rule = self._table.rule_of(_name(user), bucket)
        return rule.route.store if rule is not None else None

    def stores_of(self, user: User | None) -> list[str]:
        """Every store whose buckets the user may see, that of all other buckets first."""
        return self._table.stores_of(_name(user))


def _name(user: User | None) -> str | None:
    return user.name if user is not None else None


def _refuse_unknown(settings: GatewaySettings) -> None:
    """What the configuration names must be there. A route that was set at run time may name what has left it."""
    named = {*(route.store for route in settings.routes), *(user.store for user in settings.users), settings.store}
    if unknown := named - {None} - {store.name for store in settings.stores}:
        raise ConfigError(f"the gateway routes to a store that it does not have: {min(map(str, unknown))!r}")
