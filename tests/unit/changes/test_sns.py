from __future__ import annotations

import asyncio
import base64
import json
from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15

from brigade.changes.events import Confirmation
from brigade.changes.sns import SnsMessages, is_sns_url, signed_text
from brigade.changes.webhook import Webhook, WebhookSettings
from brigade.errors import Refused, Unavailable
from brigade.testing.clock import ManualClock
from brigade.testing.marks import until

TOPIC = "arn:aws:sns:eu-west-1:123456789012:photos"
CERTIFICATE = "https://sns.eu-west-1.amazonaws.com/SimpleNotificationService-56e67fcb41f6fec09b0196692625d385.pem"
KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)
NOW = datetime.fromtimestamp(ManualClock().now_ns() / 1e9, UTC)


def certificate(key=KEY, *, days: int = 30, age_days: int = 1) -> bytes:
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "sns.amazonaws.com")])
    begin = NOW - timedelta(days=age_days)
    built = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(begin)
        .not_valid_after(begin + timedelta(days=days))
        .sign(KEY, hashes.SHA256())
    )
    return built.public_bytes(serialization.Encoding.PEM)


def message(version: str = "2", **changes: object) -> dict:
    found = {
        "Type": "Notification",
        "MessageId": "22b80b92-fdea-4c2c-8f9d-bdfb0c7bf324",
        "TopicArn": TOPIC,
        "Subject": "Amazon S3 Notification",
        "Message": json.dumps({"Records": [{"s3": {"bucket": {"name": "photos"}, "object": {"key": "a"}}}]}),
        "Timestamp": "2026-05-02T00:54:06.655Z",
        "SignatureVersion": version,
        "SigningCertURL": CERTIFICATE,
    } | changes
    digest = hashes.SHA1() if version == "1" else hashes.SHA256()
    found["Signature"] = base64.b64encode(KEY.sign(signed_text(found).encode(), PKCS1v15(), digest)).decode()
    return found


class Fetched:
    """Hands out a certificate and remembers who was asked."""

    def __init__(self, answer: bytes | Exception | None = None) -> None:
        self.answer = certificate() if answer is None else answer
        self.urls: list[str] = []

    async def __call__(self, url: str) -> bytes:
        self.urls.append(url)
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


@pytest.fixture
def fetched() -> Fetched:
    return Fetched()


@pytest.fixture
def sns(fetched: Fetched) -> SnsMessages:
    return SnsMessages([TOPIC], fetched, ManualClock())


async def verify(sns: SnsMessages, value: dict) -> None:
    await sns.verify(json.dumps(value).encode())


def test_what_is_signed_is_what_the_documentation_says():
    shown = {"Type": "Notification", "MessageId": "m", "TopicArn": "t", "Message": "x\ny", "Timestamp": "now", "Z": "z"}
    assert signed_text(shown) == "Message\nx\ny\nMessageId\nm\nTimestamp\nnow\nTopicArn\nt\nType\nNotification\n"
    asked = shown | {"Type": "SubscriptionConfirmation", "SubscribeURL": "u", "Token": "k", "Subject": "not signed"}
    assert signed_text(asked) == (
        "Message\nx\ny\nMessageId\nm\nSubscribeURL\nu\nTimestamp\nnow\nToken\nk\nTopicArn\nt\n"
        "Type\nSubscriptionConfirmation\n"
    )


@pytest.mark.parametrize("version", ["1", "2"])
async def test_a_message_that_they_signed_is_taken(sns, version):
    await verify(sns, message(version))
    without_subject = message(version)
    del without_subject["Subject"]
    with pytest.raises(Refused):
        await verify(sns, without_subject)


@pytest.mark.parametrize("field", ["Message", "MessageId", "Subject", "Timestamp", "Type", "Signature"])
@pytest.mark.parametrize("version", ["1", "2"])
async def test_a_message_with_any_field_changed_is_refused(sns, version, field):
    sent = message(version)
    with pytest.raises(Refused):
        await verify(sns, sent | {field: "x" + sent[field]})


async def test_the_version_of_the_signature_cannot_be_swapped(sns):
    with pytest.raises(Refused):
        await verify(sns, message("2") | {"SignatureVersion": "1"})
    with pytest.raises(Refused):
        await verify(sns, message("2") | {"SignatureVersion": "3"})


async def test_a_topic_that_nobody_named_is_refused_and_nothing_is_fetched(sns, fetched):
    with pytest.raises(Refused):
        await verify(sns, message(TopicArn=TOPIC + "x"))
    assert not fetched.urls


@pytest.mark.parametrize(
    "url",
    [
        "http://sns.eu-west-1.amazonaws.com/SimpleNotificationService-1.pem",
        "https://sns.eu-west-1.amazonaws.com.evil.example/SimpleNotificationService-1.pem",
        "https://evil.example/SimpleNotificationService-1.pem",
        "https://sns.eu-west-1.amazonaws.com@evil.example/SimpleNotificationService-1.pem",
        "https://sns.eu-west-1.amazonaws.com:8443/SimpleNotificationService-1.pem",
        "https://s3.amazonaws.com/mybucket/SimpleNotificationService-1.pem",
        "https://evil.sns.eu-west-1.amazonaws.com/SimpleNotificationService-1.pem",
        "https://sns.eu-west-1.amazonaws.com/else.pem",
        "https://sns.eu-west-1.amazonaws.com/SimpleNotificationService-1.pem?x=1",
        "https://[::1/SimpleNotificationService-1.pem",
        "",
    ],
)
async def test_certificates_come_from_sns_and_from_nowhere_else(sns, fetched, url):
    with pytest.raises(Refused):
        await verify(sns, message(SigningCertURL=url))
    assert not fetched.urls


def test_the_hosts_of_sns():
    assert is_sns_url(CERTIFICATE)
    assert is_sns_url("https://sns.cn-north-1.amazonaws.com.cn/x")
    assert is_sns_url("https://sns.us-gov-west-1.amazonaws.com:443/x")


async def test_a_certificate_is_fetched_once(sns, fetched):
    await verify(sns, message())
    await verify(sns, message("1"))
    assert fetched.urls == [CERTIFICATE]


@pytest.mark.parametrize(
    "pem",
    [
        b"nonsense",
        certificate(days=1, age_days=2),
        certificate(age_days=-1),
        certificate(rsa.generate_private_key(public_exponent=65537, key_size=2048)),
        certificate(ec.generate_private_key(ec.SECP256R1())),
    ],
    ids=["unreadable", "expired", "of tomorrow", "of another key", "of another kind"],
)
async def test_a_certificate_that_is_not_good_refuses(pem):
    with pytest.raises(Refused):
        await verify(SnsMessages([TOPIC], Fetched(pem), ManualClock()), message())


async def test_a_certificate_that_cannot_be_had_now_is_asked_for_again(sns, fetched):
    fetched.answer = Unavailable("no answer")
    with pytest.raises(Unavailable):
        await verify(sns, message())
    fetched.answer = certificate()
    await verify(sns, message())


@pytest.mark.parametrize("body", [b"", b"[]", b"{}", b"[" * 50_000])
async def test_what_is_no_message_is_refused(sns, body):
    with pytest.raises(Refused):
        await sns.verify(body)


async def test_a_subscription_is_confirmed_at_sns_only(sns, fetched):
    url = "https://sns.eu-west-1.amazonaws.com/?Action=ConfirmSubscription&Token=1"
    await sns.confirm(Confirmation(TOPIC, url))
    assert fetched.urls == [url]
    for wrong in (Confirmation(TOPIC, "https://evil.example/"), Confirmation("arn:other", url)):
        with pytest.raises(Refused):
            await sns.confirm(wrong)
    assert len(fetched.urls) == 1


async def posted(intake, fetched, value, **settings) -> int:
    """The status that a webhook answers to a message, through its real server."""
    webhook = Webhook(WebhookSettings(port=0, **settings), {"/events": intake}, ManualClock(), fetch=fetched)
    feed = asyncio.create_task(webhook.run())
    await until(lambda: webhook.address)
    reader, writer = await asyncio.open_connection(*webhook.address)
    body = json.dumps(value).encode()
    writer.write(b"POST /events HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: %d\r\n\r\n" % len(body))
    writer.write(body)
    status = int((await reader.read()).split()[1])
    writer.close()
    feed.cancel()
    await asyncio.wait([feed])
    return status


async def test_a_webhook_of_topics_takes_signed_messages_and_no_others(intake, marks, fetched):
    assert await posted(intake, fetched, message(), topics=(TOPIC,)) == 200
    assert marks.marked() == ["a"]
    assert await posted(intake, fetched, message() | {"Message": "{}"}, topics=(TOPIC,)) == 403
    assert await posted(intake, fetched, {"Records": []}, topics=(TOPIC,)) == 403
    assert intake.counts.refused == 2


async def test_a_webhook_confirms_the_subscription_of_its_topic(intake, fetched):
    url = "https://sns.eu-west-1.amazonaws.com/?Action=ConfirmSubscription"
    asked = message(Type="SubscriptionConfirmation", SubscribeURL=url, Token="t")
    assert await posted(intake, fetched, asked, topics=(TOPIC,)) == 200
    assert fetched.urls == [CERTIFICATE, url]
    assert intake.counts.ignored == 1


async def test_a_certificate_that_does_not_come_has_the_message_sent_again(intake):
    assert await posted(intake, Fetched(Unavailable("no answer")), message(), topics=(TOPIC,)) == 503
