"""What describes one Swift container: where it is, who asks, and how."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from urllib.parse import urlsplit

from brigade.errors import ConfigError


class AuthVersion(StrEnum):
    """How a token is got: Swift's own v1, Keystone v2 or v3, or not at all (`FIXED`)."""

    V1 = "1"
    V2 = "2"
    V3 = "3"
    FIXED = "fixed"


class DynamicObjects(StrEnum):
    """What dynamic large objects are taken for: `SEGMENTS` keeps their cut in copies, `FLATTEN` does not, `IGNORE` never looks."""

    SEGMENTS = "segments"
    FLATTEN = "flatten"
    IGNORE = "ignore"


@dataclass(frozen=True, slots=True)
class SwiftSettings:
    """One container of one account.

    `auth_version` None is told by the end of `auth_url`. `storage_url` replaces what the log-in answers, `account` its last
    component. `segments_container` None is `<container>_segments`. `dlo`: whether empty objects are looked
    at, which may be dynamic large ones, and how such a one is copied. `delete_segments`: the segments of a large object go with it. `encode_metadata_names`: names that
    Swift would drop are carried percent-encoded.
    """

    name: str
    container: str
    auth_url: str | None = None
    auth_version: AuthVersion | None = None
    user: str | None = None
    key: str | None = field(default=None, repr=False)
    user_domain_name: str | None = None
    user_domain_id: str | None = None
    project_name: str | None = None
    project_id: str | None = None
    project_domain_name: str | None = None
    project_domain_id: str | None = None
    application_credential_id: str | None = None
    application_credential_name: str | None = None
    application_credential_secret: str | None = field(default=None, repr=False)
    region: str | None = None
    interface: str = "public"
    storage_url: str | None = None
    token: str | None = field(default=None, repr=False)
    account: str | None = None
    segments_container: str | None = None
    storage_policy: str | None = None
    dlo: DynamicObjects = DynamicObjects.SEGMENTS
    delete_segments: bool = True
    encode_metadata_names: bool = False
    ca_bundle: str | None = None
    verify_tls: bool = True
    connections: int = 64
    connect_timeout_seconds: float = 10.0
    idle_timeout_seconds: float = 60.0

    def __post_init__(self) -> None:
        where = f"store {self.name!r}"
        if not self.container or "/" in self.container:
            raise ConfigError(f"{where}: {self.container!r} is not the name of a container")
        if self.segments == self.container:
            raise ConfigError(f"{where}: the segments need a container of their own")
        for name, url in (("auth_url", self.auth_url), ("storage_url", self.storage_url)):
            if url is not None and not _is_url(url):
                raise ConfigError(f"{where}: the {name} {url!r} is no URL", hint="it looks like https://swift.example")
        _check_credentials(self, where)

    @property
    def segments(self) -> str:
        """The container for segments."""
        return self.segments_container or f"{self.container}_segments"

    @property
    def version(self) -> AuthVersion:
        """How the token is got."""
        if self.token is not None:
            return AuthVersion.FIXED
        if self.auth_version is not None:
            return self.auth_version
        path = urlsplit(self.auth_url or "").path.rstrip("/")
        if path.endswith(("/v1.0", "/v1", "/auth")):
            return AuthVersion.V1
        return AuthVersion.V2 if path.endswith("/v2.0") else AuthVersion.V3

    @property
    def by_application(self) -> bool:
        """True for an application credential."""
        return self.application_credential_secret is not None


def _is_url(url: str) -> bool:
    try:
        parts = urlsplit(url)
        return parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0 and not parts.username
    except ValueError:
        return False


def _check_credentials(settings: SwiftSettings, where: str) -> None:
    if settings.token is not None:
        if settings.storage_url is None:
            raise ConfigError(f"{where}: a token needs a storage_url", hint="give both, or auth_url with user and key")
        return
    if settings.auth_url is None:
        raise ConfigError(
            f"{where}: there is no auth_url", hint="give auth_url with user and key, or token and storage_url"
        )
    if settings.by_application:
        if settings.version is not AuthVersion.V3:
            raise ConfigError(f"{where}: application credentials are a matter of Keystone v3")
        named = settings.application_credential_name is not None and settings.user is not None
        if settings.application_credential_id is None and not named:
            raise ConfigError(f"{where}: the application credential needs its id, or its name and the user")
        return
    if settings.user is None or settings.key is None:
        raise ConfigError(f"{where}: user and key go together", hint="give both, or an application credential")
