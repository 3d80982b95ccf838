"""Certificates of our own listeners."""

from __future__ import annotations

import ssl
from pathlib import Path
from typing import TYPE_CHECKING

from brigade.errors import ConfigError

if TYPE_CHECKING:
    from brigade.config.gateway import TlsSection


def server_tls(section: TlsSection, directory: Path, *, where: str) -> ssl.SSLContext:
    """A context for a listener; relative files start at `directory`. Raises `ConfigError` at `where` for bad files."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    load_certificate(context, section, directory, where=where)
    return context


def load_certificate(context: ssl.SSLContext, section: TlsSection, directory: Path, *, where: str) -> None:
    """Present the certificate as it is in its file now, to whoever connects from now on. Raises `ConfigError`."""
    certificate = directory / section.certificate
    key = directory / section.key if section.key is not None else certificate
    try:
        context.load_cert_chain(certificate, key, password=_none)
    except OSError as error:
        raise ConfigError(
            f"{where}: {certificate} and {key} cannot be used: {error}",
            hint="certificate is a file of PEM certificates, the server's own first; key its key without a passphrase",
        ) from None


def _none() -> str:
    """A key with a passphrase would ask the terminal, which nobody may be sitting at."""
    return ""
