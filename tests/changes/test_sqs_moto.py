"""The queue feed against moto's SQS, with what moto's own S3, SNS and EventBridge send to it."""

from __future__ import annotations

import json
from typing import Any

import pytest

from brigade.changes.base import Intake, Routes, Subscription
from brigade.changes.sqs import SqsFeed
from brigade.changes.sqs_queue import SqsQueue, SqsSettings
from brigade.clock import SystemClock
from brigade.errors import AccessDenied, Rejected, Unavailable
from brigade.stores.s3.credentials import FixedCredentials
from brigade.testing.available import SERVERS
from brigade.testing.marks import until
from brigade.wire.sigv4 import Credentials

pytestmark = [pytest.mark.server, pytest.mark.skipif(SERVERS["moto"].missing() is not None, reason="moto is missing")]
KEYS = FixedCredentials(Credentials("brigade-test", "secret"))


@pytest.fixture(scope="module")
def client(running):
    """Makes botocore clients of moto's services."""
    import botocore.session

    session, url = botocore.session.get_session(), running("moto").endpoint.url

    def make(service: str) -> Any:
        return session.create_client(
            service,
            region_name="us-east-1",
            endpoint_url=url,
            aws_access_key_id="brigade-test",
            aws_secret_access_key="secret",
        )

    return make


@pytest.fixture
def scene(client, running, request):
    """A bucket that sends all it does to a queue: (s3 client, bucket, queue url, queue arn)."""
    s3, sqs = client("s3"), client("sqs")
    bucket = running("moto").make_bucket("changes")
    url = sqs.create_queue(QueueName=bucket)["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    return s3, bucket, url, arn


def subscribe(s3, bucket: str, arn: str, kind: str = "Queue") -> None:
    events = ["s3:ObjectCreated:*", "s3:ObjectRemoved:*", "s3:ObjectTagging:*"]
    configuration = {f"{kind}Configurations": [{f"{kind}Arn": arn, "Events": events}]}
    s3.put_bucket_notification_configuration(Bucket=bucket, NotificationConfiguration=configuration)


def size(client, url: str) -> int:
    names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
    found = client("sqs").get_queue_attributes(QueueUrl=url, AttributeNames=names)["Attributes"]
    return sum(int(found[name]) for name in names)


@pytest.fixture
def feed(marks, background):
    def start(bucket: str, url: str, **settings) -> Intake:
        chosen = SqsSettings(url, wait_seconds=1, **settings)
        intake = Intake(Routes([Subscription(1, bucket)]), marks)
        background(SqsFeed(chosen, SqsQueue(chosen, KEYS, SystemClock()), intake, SystemClock()).run())
        return intake

    return start


async def test_what_the_bucket_sends_is_marked_and_leaves_the_queue(client, scene, feed, marks):
    s3, bucket, url, arn = scene
    subscribe(s3, bucket, arn)
    names = ["plain", "a dir/x+y 100% é.txt", "//odd", "tagged", "gone"]
    for name in names:
        s3.put_object(Bucket=bucket, Key=name, Body=b"x")
    s3.put_object_tagging(Bucket=bucket, Key="tagged", Tagging={"TagSet": [{"Key": "a", "Value": "b"}]})
    s3.delete_object(Bucket=bucket, Key="gone")
    intake = feed(bucket, url)
    await until(lambda: set(marks.marked()) >= set(names) and size(client, url) == 0)
    assert set(marks.marked()) == set(names)
    assert intake.counts.failed == 0


async def test_events_through_sns_are_opened(client, scene, feed, marks):
    s3, bucket, url, arn = scene
    sns = client("sns")
    topic = sns.create_topic(Name=bucket)["TopicArn"]
    sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn)
    subscribe(s3, bucket, topic, "Topic")
    s3.put_object(Bucket=bucket, Key="a b", Body=b"x")
    feed(bucket, url)
    await until(lambda: "a b" in marks.marked() and size(client, url) == 0)


async def test_events_through_eventbridge_are_read(client, scene, feed, marks):
    s3, bucket, url, arn = scene
    events = client("events")
    events.put_rule(Name=bucket, EventPattern=json.dumps({"source": ["aws.s3"]}))
    events.put_targets(Rule=bucket, Targets=[{"Id": "1", "Arn": arn}])
    configuration = {"EventBridgeConfiguration": {}}
    s3.put_bucket_notification_configuration(Bucket=bucket, NotificationConfiguration=configuration)
    s3.put_object(Bucket=bucket, Key="a dir/b", Body=b"x")
    feed(bucket, url)
    await until(lambda: "a dir/b" in marks.marked())


async def test_a_message_comes_again_until_its_mark_is_durable(client, scene, feed, marks):
    s3, bucket, url, arn = scene
    subscribe(s3, bucket, arn)
    marks.broken = True
    s3.put_object(Bucket=bucket, Key="a", Body=b"x")
    intake = feed(bucket, url, visibility_seconds=1)
    await until(lambda: intake.counts.failed)
    assert size(client, url) > 0
    marks.broken = False
    await until(lambda: marks.marked() and size(client, url) == 0)


async def test_a_poisoned_message_is_deleted_when_it_came_often_enough(client, scene, feed):
    _, bucket, url, _ = scene
    client("sqs").send_message(QueueUrl=url, MessageBody="nonsense")
    intake = feed(bucket, url, visibility_seconds=1, poison_receives=2)
    await until(lambda: size(client, url) == 0)
    assert intake.counts.failed == 2


async def test_more_messages_than_fit_into_a_batch(client, scene, feed, marks):
    _, bucket, url, _ = scene
    sqs = client("sqs")
    for first in range(0, 200, 10):
        bodies = [
            json.dumps({"Records": [{"s3": {"bucket": {"name": bucket}, "object": {"key": f"k{number}"}}}]})
            for number in range(first, first + 10)
        ]
        sqs.send_message_batch(
            QueueUrl=url, Entries=[{"Id": str(at), "MessageBody": body} for at, body in enumerate(bodies)]
        )
    intake = feed(bucket, url)
    await until(lambda: len(set(marks.marked())) == 200 and size(client, url) == 0)
    # moto may hand out one message to both pollers, as SQS may too.
    assert intake.counts.marked >= 200
    assert intake.counts.failed == 0


async def test_a_queue_that_is_not_there_is_told(running):
    settings = SqsSettings(f"{running('moto').endpoint.url}/123456789012/missing")
    queue = SqsQueue(settings, KEYS, SystemClock())
    with pytest.raises(Rejected, match="no such queue"):
        await queue.receive()
    await queue.close()


async def test_a_server_that_is_no_queue_is_told(running):
    settings = SqsSettings("http://127.0.0.1:9/1/q")
    queue = SqsQueue(settings, KEYS, SystemClock())
    with pytest.raises((Unavailable, AccessDenied)) as told:
        await queue.receive()
    assert "ReceiveMessage" in str(told.value)
    await queue.close()
