"""Messages of Amazon SNS: is the signature theirs, and the answer to a topic that asks whether it may send.

The signature covers the topic, so a message from a topic that is not in the settings is refused before anything is
fetched. The certificate comes only from SNS' own hosts, over HTTPS, whose chain is what vouches for it. A message that
is sent again years later marks a key once more, which harms nothing; so its age is not looked at.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import json
import re
from collections.abc import Collection, Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from brigade.changes.events import Confirmation
from brigade.changes.fetch import Fetch
from brigade.clock import Clock
from brigade.errors import Refused

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

_HOST = re.compile(r"sns\.[a-z0-9-]{3,40}\.amazonaws\.com(\.cn)?").fullmatch
_CERTIFICATE_PATH = re.compile(r"/SimpleNotificationService-[0-9a-zA-Z]{1,64}\.pem").fullmatch
_NOTIFICATION_FIELDS = ("Message", "MessageId", "Subject", "Timestamp", "TopicArn", "Type")
_CONFIRMATION_FIELDS = ("Message", "MessageId", "SubscribeURL", "Timestamp", "Token", "TopicArn", "Type")
# One certificate at a time is in use, two while it is changed, one of each region.
_KEPT_CERTIFICATES = 16


def signed_text(message: Mapping[str, Any]) -> str:
    """What SNS signs of a message: names and values in lines, those it has, in the order of their names."""
    fields = _NOTIFICATION_FIELDS if message.get("Type") == "Notification" else _CONFIRMATION_FIELDS
    return "".join([f"{name}\n{message[name]}\n" for name in fields if message.get(name) is not None])


def is_sns_url(url: str) -> bool:
    """Whether a URL leads to SNS itself, over HTTPS, and nowhere else."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        return False
    plain = not parts.username and not parts.password and port in (None, 443)
    return parts.scheme == "https" and plain and _HOST(parts.hostname or "") is not None


class SnsMessages:
    """Verifies the messages of some topics and confirms their subscriptions."""

    def __init__(self, topics: Collection[str], fetch: Fetch, clock: Clock) -> None:
        self._topics = frozenset(topics)
        self._fetch = fetch
        self._clock = clock
        self._keys: dict[str, RSAPublicKey] = {}
        self._lock = asyncio.Lock()

    async def verify(self, body: bytes) -> None:
        """Raises `Refused` unless one of our topics signed this message; `StoreError` if the certificate is not to be had."""
        message = _message(body)
        topic = message.get("TopicArn")
        if topic not in self._topics:
            raise Refused("the message is from no topic that the settings name")
        url = str(message.get("SigningCertURL") or message.get("SigningCertUrl") or "")
        if not is_sns_url(url) or not _CERTIFICATE_PATH(urlsplit(url).path) or urlsplit(url).query:
            raise Refused("the message names a certificate that is not at SNS")
        key = await self._key(url)
        try:
            signature = base64.b64decode(str(message.get("Signature", "")), validate=True)
        except (binascii.Error, ValueError):
            raise Refused("the message has no readable signature") from None
        _check(key, signature, signed_text(message).encode(), str(message.get("SignatureVersion", "")))

    async def confirm(self, confirmation: Confirmation) -> None:
        """Say yes to a topic. Only topics of the settings are confirmed, and only at SNS itself."""
        if self._topics and confirmation.topic not in self._topics:
            raise Refused(f"the settings do not name the topic {confirmation.topic[:200]!r}")
        if not is_sns_url(confirmation.url):
            raise Refused("the confirmation leads to another host than SNS")
        await self._fetch(confirmation.url)

    async def _key(self, url: str) -> RSAPublicKey:
        async with self._lock:
            key = self._keys.get(url)
            if key is None:
                key = self._public_key(await self._fetch(url))
                if len(self._keys) >= _KEPT_CERTIFICATES:
                    self._keys.clear()
                self._keys[url] = key
            return key

    def _public_key(self, certificate: bytes) -> RSAPublicKey:
        from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
        from cryptography.x509 import load_pem_x509_certificate

        try:
            loaded = load_pem_x509_certificate(certificate)
        except ValueError as error:
            raise Refused(f"the certificate of the message cannot be read: {error}") from None
        now = datetime.fromtimestamp(self._clock.now_ns() / 1e9, UTC)
        if not loaded.not_valid_before_utc <= now <= loaded.not_valid_after_utc:
            raise Refused("the certificate of the message is not valid today")
        key = loaded.public_key()
        if not isinstance(key, RSAPublicKey):
            raise Refused("the certificate of the message holds no RSA key")
        return key


def _message(body: bytes) -> dict[str, Any]:
    try:
        message = json.loads(body)
    except (ValueError, RecursionError):
        message = None
    if not isinstance(message, dict):
        raise Refused("this is no message of SNS")
    return message


def _check(key: RSAPublicKey, signature: bytes, text: bytes, version: str) -> None:
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
    from cryptography.hazmat.primitives.hashes import SHA1, SHA256

    if version not in ("1", "2"):
        raise Refused("the message has a signature of an unknown version")
    try:
        key.verify(signature, text, PKCS1v15(), SHA1() if version == "1" else SHA256())  # noqa: S303 (version 1 is what they send)
    except InvalidSignature:
        raise Refused("the signature of the message is wrong") from None
