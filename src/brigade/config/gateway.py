"""The keys of `gateway:`."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from brigade.config.fields import Address, Secret, Section, Text, no_items
from brigade.decide.routing import Block, BucketRoute, Rules


class KeySection(Section):
    """One key pair of a user."""

    access_key: Annotated[Text, Field(description="Access key that clients sign with")]
    secret_key: Annotated[Secret, Field(repr=False, description="Its secret key")]


Blocking = Annotated[
    bool | Literal["writes"],
    Field(description="Refuse requests for now: true for all of them, writes for those that change something"),
]


class UserSection(Section):
    """Somebody who may ask the gateway."""

    keys: Annotated[list[KeySection], Field(min_length=1, description="Key pairs of the gateway's own")]
    store: Annotated[Text | None, Field(description="The store of this user's buckets that no route names")] = None
    block: Blocking = False


class RouteSection(Section):
    """A bucket and the store that serves it, or that its requests are refused for now, or both."""

    bucket: Annotated[Text, Field(description="The bucket")]
    store: Annotated[Text | None, Field(description="The store that serves it")] = None
    user: Annotated[Text | None, Field(description="For this user only; for everybody if left out")] = None
    block: Blocking = False

    @model_validator(mode="after")
    def _says_something(self) -> Self:
        if self.store is None and not self.block:
            raise ValueError("a route has store, or block, or both")
        return self


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
        default_factory=no_items
    )
    domains: Annotated[
        list[Text], Field(description="Host names under which a bucket may stand as the first label")
    ] = Field(default_factory=no_items)
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

    def rules(self) -> Rules:
        """The routes and blocks that stand here."""
        blocked = [
            Block(user=name, writes_only=user.block == "writes") for name, user in self.users.items() if user.block
        ]
        blocked += [Block(each.bucket, each.user, each.block == "writes") for each in self.routes if each.block]
        return Rules(
            store=self.store,
            user_stores={name: user.store for name, user in self.users.items() if user.store is not None},
            routes=tuple(BucketRoute(each.bucket, each.store, each.user) for each in self.routes if each.store),
            blocks=tuple(blocked),
        )
