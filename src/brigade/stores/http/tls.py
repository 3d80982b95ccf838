"""Which certificates a store's client trusts."""

from __future__ import annotations

import ssl

from brigade.errors import ConfigError


def trust(store: str, ca_bundle: str | None, *, verify: bool) -> ssl.SSLContext:
    """The system's authorities, or those of the bundle. Raises `ConfigError` for a bundle that cannot be used."""
    try:
        context = ssl.create_default_context(cafile=ca_bundle)
    except (OSError, ssl.SSLError) as error:
        raise ConfigError(
            f"store {store!r}: the ca_bundle {ca_bundle!r} cannot be used: {error}",
            hint="it is a file of PEM certificates",
        ) from error
    if not verify:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context
