"""What describes one bucket of Google Cloud Storage: where it is, and who asks."""

from __future__ import annotations

from dataclasses import dataclass, field
from urllib.parse import urlsplit

from brigade.errors import ConfigError

ENDPOINT = "https://storage.googleapis.com"
_LOOPBACK = ("127.0.0.1", "localhost", "::1")


@dataclass(frozen=True, slots=True)
class GcsSettings:
    """One bucket.

    Who asks: nobody (`anonymous`), the bearer of `access_token`, a service account (`credentials_file`, or its text
    in `credentials`), or what Google's tools would use on this machine. `project` is where buckets are made and listed,
    `user_project` pays for requests to other people's buckets, `location` and `storage_class` are those of a new bucket.
    """

    name: str
    bucket: str
    endpoint: str = ENDPOINT
    credentials_file: str | None = None
    credentials: str | None = field(default=None, repr=False)
    access_token: str | None = field(default=None, repr=False)
    anonymous: bool = False
    project: str | None = None
    user_project: str | None = None
    location: str | None = None
    storage_class: str | None = None
    ca_bundle: str | None = None
    verify_tls: bool = True
    connections: int = 64
    connect_timeout_seconds: float = 10.0
    idle_timeout_seconds: float = 60.0

    def __post_init__(self) -> None:
        where = f"store {self.name!r}"
        if not self.bucket or "/" in self.bucket:
            raise ConfigError(f"{where}: {self.bucket!r} is not the name of a bucket")
        ways = (self.credentials_file, self.credentials, self.access_token, self.anonymous or None)
        if sum(way is not None for way in ways) > 1:
            raise ConfigError(
                f"{where}: credentials_file, credentials, access_token and anonymous exclude each other",
                hint="give one of them, or none for what Google's tools would use",
            )
        self._check_endpoint(where)

    def _check_endpoint(self, where: str) -> None:
        try:
            parts = urlsplit(self.endpoint)
            usable = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
        except ValueError:
            usable = False
            parts = urlsplit("")
        if not usable or parts.query or parts.fragment or parts.username or parts.password:
            hint = f"it looks like {ENDPOINT}"
            raise ConfigError(f"{where}: the endpoint {self.endpoint!r} is no URL that can be used", hint=hint)
        if parts.scheme == "http" and not self.anonymous and parts.hostname not in _LOOPBACK:
            raise ConfigError(
                f"{where}: credentials would travel in the clear to {self.endpoint!r}",
                hint="use https, or anonymous: true",
            )
