"""The keys of `gateway:`."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from brigade.config.fields import Address, Secret, Section, Text


class KeySection(Section):
    """One key pair of a user."""

    access_key: Annotated[Text, Field(description="Access key that clients sign with")]
    secret_key: Annotated[Secret, Field(repr=False, description="Its secret key")]


class UserSection(Section):
    """Somebody who may ask the gateway."""

    keys: Annotated[list[KeySection], Field(min_length=1, description="Key pairs of the gateway's own")]
    store: Annotated[Text | None, Field(description="The store of this user's buckets that no route names")] = None


class RouteSection(Section):
    """A bucket and the store that serves it."""

    bucket: Annotated[Text, Field(description="The bucket")]
    store: Annotated[Text, Field(description="The store that serves it")]
    user: Annotated[Text | None, Field(description="For this user only; for everybody if left out")] = None


class TlsSection(Section):
    """The certificate that a listener of ours presents."""

    certificate: Annotated[Text, Field(description="A file of PEM certificates, the server's own first")]
    key: Annotated[Text | None, Field(description="The file of its key; that of the certificate if left out")] = None


class GatewaySection(Section):
    """An S3 endpoint in front of the stores."""

    listen: Annotated[Address, Field(description="Address and port: 127.0.0.1:9000, [::1]:9000")] = ("127.0.0.1", 9000)
    tls: Annotated[TlsSection | None, Field(description="Serve HTTPS with this certificate")] = None
    store: Annotated[Text | None, Field(description="The store of every bucket that nothing else names")] = None
    users: Annotated[dict[str, UserSection], Field(description="Who may ask, by name")] = Field(default_factory=dict)
    routes: Annotated[list[RouteSection], Field(description="Which store serves a bucket")] = Field(
        default_factory=list
    )
    domains: Annotated[
        list[Text], Field(description="Host names under which a bucket may stand as the first label")
    ] = Field(default_factory=list)
    region: Annotated[Text | None, Field(description="The region that clients must sign for; any if left out")] = None
    anonymous: Annotated[bool, Field(description="Pass unsigned requests on unsigned: the store decides")] = False
    sigv2: Annotated[bool, Field(description="Take signatures of version 2, too")] = False
    capture: Annotated[
        Literal["strict", "best_effort"],
        Field(description="strict refuses a write whose change cannot be noted first, best_effort lets it through"),
    ] = "strict"

    def serves(self, bucket: str, store: str) -> bool:
        """True if somebody's requests for the bucket go to the store."""
        named = [route.store for route in self.routes if route.bucket == bucket]
        return store in {*named, self.store, *(user.store for user in self.users.values())}

    @property
    def stores(self) -> list[str]:
        """Every store that requests may go to, each once."""
        named = [self.store, *(user.store for user in self.users.values()), *(route.store for route in self.routes)]
        return [name for name in dict.fromkeys(named) if name is not None]
