"""Where an account of Azure Storage is: connection strings and endpoints, taken apart."""

from __future__ import annotations

from typing import NamedTuple
from urllib.parse import urlsplit

from brigade.errors import ConfigError

DEVELOPMENT_ACCOUNT = "devstoreaccount1"
# Public: Microsoft documents this key of its emulators, so that everybody can use them.
_DEVELOPMENT_KEY = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="
_DEVELOPMENT_PROXY = "http://127.0.0.1"


class Connection(NamedTuple):
    """What a connection string says; key and SAS are secrets."""

    account: str
    endpoint: str
    key: str | None
    sas: str | None

    def __repr__(self) -> str:
        return f"Connection(account={self.account!r}, endpoint={self.endpoint!r})"


def account_of(endpoint: str) -> str:
    """The account that an endpoint belongs to: in the path where there is one, else the host's first label."""
    parts = urlsplit(endpoint)
    return parts.path.strip("/").partition("/")[0] or (parts.hostname or "").partition(".")[0]


def parse_connection_string(text: str, where: str) -> Connection:
    """Raises `ConfigError` at `where` for one that cannot be read; no part of it is repeated."""
    said = _pairs(text, where)
    if said.get("usedevelopmentstorage", "").lower() == "true":
        proxy = said.get("developmentstorageproxyuri") or _DEVELOPMENT_PROXY
        return Connection(
            DEVELOPMENT_ACCOUNT, f"{proxy.rstrip('/')}:10000/{DEVELOPMENT_ACCOUNT}", _DEVELOPMENT_KEY, None
        )
    endpoint = said.get("blobendpoint")
    account = said.get("accountname") or (account_of(endpoint) if endpoint else "")
    if not account:
        raise ConfigError(f"{where} names neither AccountName nor BlobEndpoint")
    if not endpoint:
        scheme = said.get("defaultendpointsprotocol") or "https"
        endpoint = f"{scheme}://{account}.blob.{said.get('endpointsuffix') or 'core.windows.net'}"
    return Connection(account, endpoint, said.get("accountkey"), said.get("sharedaccesssignature"))


def _pairs(text: str, where: str) -> dict[str, str]:
    said = {}
    for piece in text.strip().strip(";").split(";"):
        name, equals, value = piece.partition("=")
        if not equals or not name.strip():
            raise ConfigError(f"{where} is no connection string", hint="it looks like AccountName=…;AccountKey=…")
        said[name.strip().lower()] = value.strip()
    return said
