"""The buckets of a project: what `store:*` stands for."""

from __future__ import annotations

from brigade.clock import Clock
from brigade.errors import ConfigError, Rejected
from brigade.stores.gcs.caller import Caller
from brigade.stores.gcs.credentials import token_source
from brigade.stores.gcs.opening import ClientFactory, client_factory, origin_of
from brigade.stores.gcs.settings import GcsSettings
from brigade.wire.gcs import parse_refusal

_PAGE = "1000"


async def list_buckets(settings: GcsSettings, clock: Clock, *, connect: ClientFactory | None = None) -> list[str]:
    """The names of all buckets of the project, sorted. The bucket in `settings` plays no part. Raises `StoreError`."""
    client = (connect or client_factory(settings))(origin_of(settings))
    try:
        caller = Caller(f"{settings.name}:*", client, token_source(settings, clock), settings)
        project = await project_of(settings, caller)
        names: list[str] = []
        query = [("project", project), ("maxResults", _PAGE), ("fields", "items(name),nextPageToken")]
        token = ""
        while True:
            more = [("pageToken", token)] if token else []
            page = await caller.call("list_buckets", None, "GET", caller.buckets, query + more)
            try:
                names += [bucket["name"] for bucket in page.get("items", [])]
            except (TypeError, KeyError):
                raise Rejected("the list of buckets cannot be read", store=caller.store) from None
            token = page.get("nextPageToken", "")
            if not token:
                return sorted(names)
    finally:
        await client.close()


async def has_bucket(settings: GcsSettings, clock: Clock, *, connect: ClientFactory | None = None) -> bool:
    """True if the bucket is there and may be listed. Raises `StoreError` if the server does not say."""
    client = (connect or client_factory(settings))(origin_of(settings))
    try:
        caller = Caller(settings.name, client, token_source(settings, clock), settings)
        answer = await caller.ask("has_bucket", None, "GET", caller.objects, [("maxResults", "1")])
        if answer.status < 300:
            return True
        throttled = "rateLimitExceeded" in parse_refusal(answer.body).reason
        if answer.status in (400, 401, 403, 404) and not throttled:
            return False
        raise await caller.refusal("has_bucket", None, *answer)
    finally:
        await client.close()


async def project_of(settings: GcsSettings, caller: Caller) -> str:
    """The project of the settings or of the credentials. Raises `ConfigError` where neither names one."""
    project = settings.project or await caller.source.project()
    if project is None:
        raise ConfigError(f"store {settings.name!r}: no project is known", hint="set project of the store")
    return project
