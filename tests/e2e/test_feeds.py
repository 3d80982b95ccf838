"""`brigade run` hears of writes that nobody made through it: stores post events to the webhook, or to a queue."""

from __future__ import annotations

import base64
import http.client
import json
import sqlite3
import ssl
from contextlib import closing
from pathlib import Path

import botocore.session
import pytest

from brigade.testing.available import available
from brigade.testing.buckets import Bucket
from brigade.testing.certificates import write_certificate
from brigade.testing.live import stop, until
from brigade.testing.processes import free_port
from brigade.testing.servers import Endpoint

pytestmark = pytest.mark.server

SECRET = "correct horse+%"
CEPH = pytest.mark.skipif("ceph" not in available(), reason="Ceph RGW cannot run here")
MOTO = pytest.mark.skipif("moto" not in available(), reason="moto is not installed")
MEBIBYTE = 1024 * 1024


def backlog(brigade) -> list[str]:
    """The keys that wait or are in work."""
    with closing(sqlite3.connect(brigade.state)) as connection:
        return sorted(key.decode() for (key,) in connection.execute("SELECT key FROM backlog"))


@CEPH
async def test_a_write_at_ceph_itself_is_at_the_target_soon_and_a_missed_one_with_the_next_comparison(
    brigade, own_bucket, place
):
    source, target = own_bucket("ceph"), place("ceph")
    source.put("p/before", b"1")
    port = free_port()
    brigade.webhook = {"listen": f"127.0.0.1:{port}", "url": f"http://127.0.0.1:{port}", "secrets": [SECRET]}
    from_, to = brigade.reach("a", source) + "p/", brigade.reach("b", target)
    brigade.replications = {"photos": {"source": from_, "target": to, "live": ["webhook"], "delete": "tracked"}}
    brigade.write_config()

    ran = await brigade("notifications", "setup", "photos", "--dry-run")
    assert (ran.code, "would be done" in ran.out) == (0, True), ran.words
    assert source.client.get_bucket_notification_configuration(Bucket=source.name).keys() == {"ResponseMetadata"}
    process = await brigade.start("run")
    await brigade.said(process, "webhook: listens on")
    ran = await brigade("notifications", "setup", "photos")
    assert (ran.code, ran.err) == (0, ""), ran.words
    assert SECRET not in ran.words
    (entry,) = (await brigade("notifications", "show", "photos", "--json")).json["entries"]
    assert (entry["id"], entry["prefix"], entry["ours"]) == ("brigade-photos", "p/", True)

    await until(lambda: target.keys() == ["before"])
    source.put("p/a dir/x+y %41 é", b"now")
    source.put("elsewhere", b"not ours")
    await until(lambda: target.keys() == ["a dir/x+y %41 é", "before"])
    source.delete("p/before")
    await until(lambda: target.keys() == ["a dir/x+y %41 é"])
    ran = await stop(brigade, process)
    assert "webhook of a: " in ran.out

    # Nobody listens: Ceph tells nobody again. The next comparison finds it.
    source.put("p/missed", b"2")
    process = await brigade.start("run")
    await until(lambda: "missed" in set(target.keys()))
    await stop(brigade, process)
    ran = await brigade("notifications", "remove", "photos", "--json")
    assert (ran.code, len(ran.json["entries"])) == (0, 1), ran.words
    assert source.client.get_bucket_notification_configuration(Bucket=source.name).keys() == {"ResponseMetadata"}


class Queue:
    """A queue of moto's."""

    def __init__(self, endpoint: Endpoint, name: str) -> None:
        self._client = botocore.session.get_session().create_client(
            "sqs",
            endpoint_url=endpoint.url,
            region_name=endpoint.region,
            aws_access_key_id=endpoint.access_key,
            aws_secret_access_key=endpoint.secret_key,
        )
        told = self._client.create_queue(QueueName=name, Attributes={"VisibilityTimeout": "2"})["QueueUrl"]
        self.url = endpoint.url + "/" + told.split("/", 3)[3]
        self.arn = self._asked("QueueArn")

    def _asked(self, name: str) -> str:
        return str(self._client.get_queue_attributes(QueueUrl=self.url, AttributeNames=[name])["Attributes"][name])

    @property
    def waiting(self) -> int:
        return int(self._asked("ApproximateNumberOfMessages"))

    @property
    def handed_out(self) -> int:
        return int(self._asked("ApproximateNumberOfMessagesNotVisible"))

    @property
    def is_empty(self) -> bool:
        return not self.waiting and not self.handed_out

    def close(self) -> None:
        self._client.close()


@pytest.fixture
def queued(brigade, own_bucket):
    """A bucket of moto whose store has a queue, and a replication that is followed by it."""
    source, target = own_bucket("moto"), own_bucket("moto")
    queue = Queue(source.endpoint, source.name)
    from_ = brigade.reach("a", source, queue={"url": queue.url, "wait": "1s"})
    to = brigade.reach("b", target)
    brigade.replications = {"photos": {"source": from_, "target": to, "live": ["sqs"], "delete": "tracked"}}
    brigade.write_config()
    yield source, target, queue
    queue.close()


@MOTO
async def test_a_write_that_a_queue_tells_of_is_at_the_target_soon(brigade, queued):
    source, target, queue = queued
    ran = await brigade("notifications", "setup", "photos", "--json")
    assert ran.code == 0, ran.words
    assert ran.json["entries"][0]["arn"] == queue.arn
    assert "already" in (await brigade("notifications", "setup", "photos")).out
    process = await brigade.start("run")
    await brigade.said(process, "in step")
    source.put("a dir/x+y é", b"now")
    source.put("short", b"lived")
    await until(lambda: target.keys() == ["a dir/x+y é", "short"])
    source.delete("short")
    await until(lambda: target.keys() == ["a dir/x+y é"])
    await until(lambda: queue.is_empty)
    ran = await stop(brigade, process)
    assert "queue of a: " in ran.out
    assert (await brigade("notifications", "remove", "photos")).code == 0
    assert "sends nothing" in (await brigade("notifications", "show", "photos")).out


@MOTO
async def test_a_process_that_is_killed_before_it_could_note_a_message_has_lost_nothing(brigade, queued):
    source, _, queue = queued
    await brigade("notifications", "setup", "photos")
    # Only the feed: what it notes waits on the backlog, and nobody compares.
    process = await brigade.start("run", "agent")
    await brigade.said(process, "takes events from")
    await until(lambda: queue.is_empty)
    with closing(sqlite3.connect(brigade.state, isolation_level=None)) as connection:
        connection.execute("BEGIN IMMEDIATE")
        source.put("k", b"1")
        await until(lambda: queue.handed_out)
        await brigade.kill(process)
        connection.execute("ROLLBACK")
    assert backlog(brigade) == []
    process = await brigade.start("run", "agent")
    await until(lambda: backlog(brigade) == ["k"] and queue.is_empty)
    await stop(brigade, process)


def record(key: str, bucket: str = "photos", source: str = "aws:s3") -> dict:
    return {"eventSource": source, "s3": {"bucket": {"name": bucket}, "object": {"key": key}}}


class Sender:
    """Posts to the webhook of a process."""

    def __init__(self, url: str, certificate: Path | None = None) -> None:
        scheme, _, self._host = url.partition("://")
        self._tls = ssl.create_default_context(cafile=certificate) if scheme == "https" else None

    def _connect(self) -> http.client.HTTPConnection:
        if self._tls is not None:
            return http.client.HTTPSConnection(self._host, timeout=20, context=self._tls)
        return http.client.HTTPConnection(self._host, timeout=20)

    def post(self, body, secret=SECRET, path="/events/a", **headers) -> int:
        """The status of the answer."""
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        named = headers or ({"Authorization": f"Bearer {secret}"} if secret else {})
        with closing(self._connect()) as connection:
            connection.request("POST", path, data, named)
            return connection.getresponse().status

    def begin(self, length: int) -> int:
        """The status of the answer to a body of which nothing is sent yet."""
        with closing(self._connect()) as connection:
            connection.putrequest("POST", "/events/a")
            connection.putheader("Authorization", f"Bearer {SECRET}")
            connection.putheader("Content-Length", str(length))
            connection.endheaders()
            return connection.getresponse().status


async def listening(brigade, **webhook):
    """An agent for a store that is never asked, and who posts to it."""
    nowhere = Endpoint("nowhere", "http://127.0.0.1:9", "us-east-1", "k", "s")
    source, target = Bucket(nowhere, "photos", "p/"), Bucket(nowhere, "copies")
    from_, to = brigade.reach("a", source), brigade.reach("b", target)
    source.close()
    target.close()
    brigade.webhook = {"listen": "127.0.0.1:0", "secrets": [SECRET], **webhook}
    brigade.replications = {"photos": {"source": from_, "target": to, "live": ["webhook"]}}
    brigade.write_config()
    process = await brigade.start("run", "agent")
    line = await brigade.said(process, "webhook: listens on")
    return process, line.split()[3]


MINIO = {
    "EventName": "s3:ObjectCreated:Put",
    "Key": "photos/p/minio",
    "Records": [record("p/mi+nio", source="minio:s3")],
}
BRIDGE = {"detail-type": "Object Created", "detail": {"bucket": {"name": "photos"}, "object": {"key": "p/bri dge"}}}
SNS = {
    "Type": "Notification",
    "TopicArn": "arn:aws:sns:x:1:t",
    "Message": json.dumps({"Records": [record("p/s%2Bns")]}),
}


async def test_each_form_of_event_is_noted_and_what_is_none_is_refused(brigade):
    process, url = await listening(brigade)
    sender = Sender(url)
    basic = base64.b64encode(f"x:{SECRET}".encode()).decode()
    assert sender.post(MINIO) == 200
    assert sender.post(BRIDGE, Authorization=f"Basic {basic}") == 200
    assert sender.post(SNS, None, "/events/a?token=correct%20horse%2B%25") == 200
    assert backlog(brigade) == ["bri dge", "mi nio", "s+ns"]
    # A flood of what is not ours: other buckets, other prefixes.
    flood = {
        "Records": [record(f"p/{number}", "foreign") for number in range(2000)] + [record("q/x"), record("p/last")]
    }
    assert [sender.post(flood) for _ in range(10)] == [200] * 10
    assert sender.post(MINIO, "wrong horse") == 403
    assert sender.post(MINIO, None) == 401
    assert sender.post(MINIO, path="/events/b") == 404
    assert sender.post(b"{") == 400
    assert sender.post({"Records": [{"s3": "?"}]}) == 400
    assert sender.begin(10 * MEBIBYTE) == 413
    assert backlog(brigade) == ["bri dge", "last", "mi nio", "s+ns"]
    await brigade.complained(process, "turned away")
    ran = await stop(brigade, process)
    assert "13 marked, 20010 ignored, 3 failed; 2 requests turned away" in ran.out, ran.out
    assert SECRET not in ran.words


async def test_other_secrets_routes_and_certificates_are_taken_up_while_it_listens(brigade, tmp_path):
    certificate = write_certificate(tmp_path / "first.pem")
    process, url = await listening(brigade, tls={"certificate": "first.pem"})
    sender = Sender(url, certificate)
    assert sender.post(MINIO) == 200
    # Another replication of the same bucket, another secret, another certificate under the same name.
    more = {"Records": [record("q/more")]}
    assert sender.post(more) == 200
    assert backlog(brigade) == ["mi nio"]
    brigade.webhook["secrets"] = ["another secret"]
    brigade.replications["more"] = {**brigade.replications["photos"], "source": "a:photos/q/", "target": "b:more"}
    renewed = write_certificate(tmp_path / "first.pem")
    brigade.write_config()
    await brigade.said(process, "configuration: read again")
    sender = Sender(url, renewed)
    assert sender.post(more) == 403
    assert sender.post(more, "another secret") == 200
    assert backlog(brigade) == ["mi nio", "more"]
    ran = await stop(brigade, process)
    # Two requests before and one after: the counts go on.
    assert "3 changes received, 2 marked, 1 ignored; 1 requests turned away" in ran.out


@MOTO
async def test_where_a_server_has_no_api_a_person_is_told_what_to_do_and_nothing_counts_as_done(brigade, own_bucket):
    bucket = own_bucket("moto")
    from_, to = brigade.reach("a", bucket, vendor="seaweedfs"), brigade.reach("b", bucket) + "copies"
    brigade.webhook = {"secrets": [SECRET], "url": "https://brigade.example:9200/"}
    brigade.replications = {"photos": {"source": from_, "target": to, "live": ["webhook"]}}
    brigade.write_config()
    ran = await brigade("notifications", "setup", "photos")
    assert (ran.code, "notification.toml" in ran.out) == (1, True), ran.words
    assert "https://brigade.example:9200/events/a" in ran.out
    assert SECRET not in ran.words
    ran = await brigade("notifications", "show", "photos")
    assert (ran.code, "have no notifications" in ran.err) == (1, True), ran.words
    ran = await brigade("notifications", "setup", "photos", "--feed", "mail")
    assert (ran.code, ran.out, len(ran.err.splitlines())) == (2, "", 1), ran.words
