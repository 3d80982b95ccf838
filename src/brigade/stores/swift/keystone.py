"""Logging in at Keystone with its own library, which blocks: call `log_in` in a thread."""

from __future__ import annotations

import calendar
from typing import TYPE_CHECKING

from keystoneauth1 import exceptions
from keystoneauth1.identity import v2, v3
from keystoneauth1.session import Session

from brigade.errors import AccessDenied, StoreError, Unavailable
from brigade.stores.swift.settings import AuthVersion, SwiftSettings
from brigade.stores.swift.tokens import Token
from brigade.wire.s3time import SECOND_NS

if TYPE_CHECKING:
    from keystoneauth1.access import AccessInfo
    from keystoneauth1.identity.base import BaseIdentityPlugin

_SERVICE = "object-store"


def log_in(settings: SwiftSettings, now_ns: int) -> Token:
    """A token and the URL of the account. Raises `AccessDenied` and `Unavailable`."""
    verify: bool | str = (settings.ca_bundle or True) if settings.verify_tls else False
    timeout_seconds = settings.connect_timeout_seconds + settings.idle_timeout_seconds
    session = Session(verify=verify, timeout=timeout_seconds)
    try:
        access = _plugin(settings).get_access(session)
        url = settings.storage_url or _endpoint(settings, access)
        expires = access.expires
    except exceptions.ClientException as error:
        raise _translated(error) from None
    life_seconds = calendar.timegm(expires.utctimetuple()) - now_ns / SECOND_NS if expires is not None else None
    return Token(access.auth_token or "", url, life_seconds)


def _plugin(settings: SwiftSettings) -> BaseIdentityPlugin:
    url = (settings.auth_url or "").rstrip("/")
    if settings.version is AuthVersion.V2:
        url = url if url.endswith("/v2.0") else f"{url}/v2.0"
        by_id = settings.project_id is not None
        return v2.Password(
            url,
            username=settings.user or "",
            password=settings.key,
            tenant_id=settings.project_id,
            tenant_name=None if by_id else settings.project_name,
        )
    url = url if url.endswith("/v3") else f"{url}/v3"
    domain_id, domain_name = _domain(settings.user_domain_id, settings.user_domain_name)
    if settings.by_application:
        by_name = settings.application_credential_id is None
        return v3.ApplicationCredential(
            url,
            settings.application_credential_secret or "",
            application_credential_id=settings.application_credential_id,
            application_credential_name=settings.application_credential_name if by_name else None,
            username=settings.user if by_name else None,
            user_domain_id=domain_id if by_name else None,
            user_domain_name=domain_name if by_name else None,
        )
    project_domain_id, project_domain_name = _domain(settings.project_domain_id, settings.project_domain_name)
    by_id = settings.project_id is not None
    return v3.Password(
        url,
        settings.key or "",
        username=settings.user,
        user_domain_id=domain_id,
        user_domain_name=domain_name,
        project_id=settings.project_id,
        project_name=None if by_id else settings.project_name,
        project_domain_id=None if by_id else project_domain_id,
        project_domain_name=None if by_id else project_domain_name,
    )


def _domain(identifier: str | None, name: str | None) -> tuple[str | None, str | None]:
    """The domain as given; Keystone's first one, whose id is `default`, where none is."""
    return (None, name) if name is not None and identifier is None else (identifier or "default", None)


def _endpoint(settings: SwiftSettings, access: AccessInfo) -> str:
    found = access.service_catalog.url_for(
        service_type=_SERVICE, interface=settings.interface, region_name=settings.region
    )
    if not found:
        raise exceptions.EndpointNotFound
    return str(found)


def _translated(error: exceptions.ClientException) -> StoreError:
    """The error in our words; the library's own message may repeat what was sent, so only its kind is told."""
    status = getattr(error, "http_status", 0) or 0
    if isinstance(error, exceptions.Unauthorized) or status in (401, 403):
        return AccessDenied("Keystone refuses the log-in", status=status, hint="check user, key, project and domains")
    if isinstance(error, exceptions.CatalogException):
        return AccessDenied(
            "Keystone's catalogue has no such endpoint of an object store",
            hint="check region and interface, and that the project is right; or set storage_url",
        )
    if isinstance(error, exceptions.SSLError):
        return AccessDenied(
            "Keystone's certificate is not trusted", hint="set ca_bundle to the authority that signed it"
        )
    if (
        isinstance(error, exceptions.RetriableConnectionFailure | exceptions.ConnectionError)
        or status >= 500
        or status == 429
    ):
        return Unavailable(f"Keystone does not answer ({type(error).__name__})", status=status)
    return AccessDenied(
        f"no token came back from Keystone ({type(error).__name__})", status=status, hint="check auth_url"
    )
