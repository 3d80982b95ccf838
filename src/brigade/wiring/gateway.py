"""The gateway's settings from the configuration: stores with their credentials, users, routes."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING

from brigade.engine.groups import first_error
from brigade.errors import BrigadeError, StoreError
from brigade.gateway.settings import GatewaySettings, StoreTarget, User
from brigade.stores.s3.credentials import credential_source
from brigade.stores.s3.opening import aws_endpoint, client_factory, first_region, is_aws, tls_of
from brigade.stores.s3.settings import S3Settings, Vendor
from brigade.stores.s3.vendors import TRAITS, recognise
from brigade.wire.sigv4 import Credentials
from brigade.wire.verify import AccessKey
from brigade.wiring.s3 import s3_settings
from brigade.wiring.wiring import Wiring

if TYPE_CHECKING:
    from brigade.config.gateway import GatewaySection, UserSection

log = logging.getLogger("brigade.gateway")

# Those that were seen to understand uploads with a checksum behind the body.
_KNOW_TRAILERS = frozenset({Vendor.AWS, Vendor.SEAWEEDFS, Vendor.MINIO, Vendor.MOTO})
_LOOK_SECONDS = 5.0


async def gateway_settings(wiring: Wiring, section: GatewaySection) -> GatewaySettings:
    """The settings of the gateway. Asks each store once who it is; one that does not answer is taken for any.

    All S3 stores of the configuration are behind it: routes that are set at run time may lead to any of them.
    """
    assert wiring.loaded is not None
    host, port = section.listen
    rules = section.rules()
    names = [name for name, store in wiring.loaded.config.stores.items() if store.type == "s3"]
    with first_error():
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(_target_or_none(wiring, name, needed=name in section.stores)) for name in names]
    targets = (task.result() for task in tasks)
    return GatewaySettings(
        stores=tuple(target for target in targets if target is not None),
        users=tuple(_user(name, user) for name, user in section.users.items()),
        store=section.store,
        routes=rules.routes,
        blocks=rules.blocks,
        host=host,
        port=port,
        domains=tuple(section.domains),
        region=section.region,
        anonymous=section.anonymous,
        allow_sigv2=section.sigv2,
        best_effort=section.capture == "best_effort",
    )


def _user(name: str, section: UserSection) -> User:
    keys = tuple(AccessKey(Credentials(key.access_key, key.secret_key)) for key in section.keys)
    return User(name, keys, section.store)


async def _target_or_none(wiring: Wiring, name: str, *, needed: bool) -> StoreTarget | None:
    """A store that nothing in the configuration routes to must not keep the gateway from serving the others."""
    try:
        return await _target(wiring, name)
    except BrigadeError as error:
        if needed:
            raise
        log.warning("no route may lead to the store %r: %s", name, error)
        return None


async def _target(wiring: Wiring, name: str) -> StoreTarget:
    assert wiring.loaded is not None
    section = wiring.loaded.config.stores[name]
    assert section.type == "s3"
    base = wiring.loaded.directory
    settings = s3_settings(name, "*", section, directory=base, environment=wiring.environment)
    region = await first_region(settings)
    endpoint = settings.endpoint or aws_endpoint(region)
    vendor = await _vendor(settings, endpoint)
    return StoreTarget(
        name,
        endpoint,
        credential_source(settings, wiring.clock),
        region,
        ssl=tls_of(settings) if endpoint.startswith("https") else None,
        connect_timeout_seconds=settings.connect_timeout_seconds,
        idle_timeout_seconds=settings.idle_timeout_seconds,
        trailers=vendor in _KNOW_TRAILERS,
        blanks=TRAITS[vendor].blanks,
    )


async def _vendor(settings: S3Settings, endpoint: str) -> Vendor:
    """Whose store it is: told by the settings, by its name, or by its answer to nobody in particular."""
    if settings.vendor is not Vendor.AUTO:
        return settings.vendor
    if is_aws(settings.endpoint):
        return Vendor.AWS
    client = client_factory(settings)(endpoint)
    try:
        async with (
            asyncio.timeout(_LOOK_SECONDS),
            client.send("GET", "/", [("host", endpoint.partition("//")[2])]) as answer,
        ):
            return recognise(answer.headers)
    except (StoreError, TimeoutError):
        return Vendor.GENERIC
    finally:
        await client.close()
