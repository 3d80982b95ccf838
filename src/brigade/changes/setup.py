"""Having a bucket send its events: `notifications setup | show | remove` as plans, calls, and commands for a person.

Where the server has an API for it the bucket is configured, and what others have configured stays. Where it has none
the exact commands are handed back. Ours are the entries whose id begins with `brigade-`.
"""

from __future__ import annotations

import hashlib
import json
import re
import shlex
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple, Protocol

from brigade.errors import ConfigError, Unsupported
from brigade.wire.encoding import encode_value
from brigade.wire.s3notifications import Entry, new_entry

ID_PREFIX = "brigade-"
SECRET_VARIABLE = "BRIGADE_WEBHOOK_SECRET"  # noqa: S105 (the name of a variable)

_CHANGES = ("s3:ObjectCreated:*", "s3:ObjectRemoved:*")
# Ceph 16 refuses what is not in its short list; of AWS all that changes an object is asked for.
_EVENTS = {
    "aws": (
        *_CHANGES,
        "s3:ObjectRestore:Completed",
        "s3:ObjectTagging:*",
        "s3:ObjectAcl:Put",
        "s3:LifecycleExpiration:*",
    ),
    "moto": (*_CHANGES, "s3:ObjectTagging:*", "s3:ObjectAcl:Put"),
}
# A prefix with other characters would have to be encoded by rules that differ; then all keys are sent, and sorted here.
_PLAIN_PREFIX = re.compile(r"[A-Za-z0-9\-._/]*").fullmatch
# Its filer sends the events of all buckets, as a file on its machine says.
_WITHOUT_API = frozenset({"seaweedfs"})
_MINIO_ARN = "arn:minio:sqs::brigade:webhook"
_IN_PLACE = "# takes the place of the policy that is there"
_NAME = re.compile(r"[A-Za-z0-9_-]{1,200}").fullmatch


class BucketSide(Protocol):
    """The notification settings of one bucket, and the topics of servers that post by themselves."""

    name: str
    bucket: str
    vendor: str

    async def read(self) -> list[Entry]: ...
    async def write(self, entries: Sequence[Entry], *, removed: Collection[str] = ()) -> None: ...
    async def create_topic(self, name: str, push_endpoint: str) -> str: ...
    async def delete_topic(self, arn: str) -> None: ...


@dataclass(frozen=True, slots=True)
class Wish:
    """That the keys of a replication under a source prefix be sent to a queue or topic (`arn`), or to our webhook (`url`).

    `buckets` are all that send to `arn`, for what allows them to: none means the bucket that is asked alone.
    """

    replication: str
    prefix: str = ""
    arn: str | None = None
    url: str | None = None
    secret: str | None = field(default=None, repr=False)
    buckets: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if (self.arn is None) == (self.url is None):
            raise ConfigError(
                f"{self.replication}: events are sent either to a queue or topic, or to a webhook",
                hint="give one of them",
            )

    @property
    def entry_id(self) -> str:
        """The id of the entry, and the name of the topic."""
        return entry_id_of(self.replication)


class Outcome(NamedTuple):
    """What was done, what is left to a person, and the entries that are ours now."""

    done: tuple[str, ...] = ()
    commands: tuple[str, ...] = ()
    entries: tuple[Entry, ...] = ()


def entry_id_of(replication: str) -> str:
    """The id of a replication's entry: its name, where ids can hold it, else what can be told from all others."""
    if _NAME(replication):
        return ID_PREFIX + replication
    digest = hashlib.sha256(replication.encode()).hexdigest()[:12]
    return f"{ID_PREFIX}{re.sub(r'[^A-Za-z0-9_-]+', '-', replication)[:100]}-{digest}"


def wanted_entry(wish: Wish, arn: str, vendor: str) -> Entry:
    """The entry that fulfils a wish at this vendor."""
    prefix = wish.prefix if _PLAIN_PREFIX(wish.prefix) else ""
    return new_entry(wish.entry_id, arn, _EVENTS.get(vendor, _CHANGES), prefix)


def with_entry(entries: Sequence[Entry], wanted: Entry) -> list[Entry] | None:
    """The configuration with an entry in place; None if it is there already."""
    others = [entry for entry in entries if entry.id != wanted.id]
    current = [entry for entry in entries if entry.id == wanted.id]
    if len(current) == 1 and _says(current[0]) == _says(wanted):
        return None
    return [*others, wanted]


def _covering(entries: Sequence[Entry], wanted: Entry) -> Entry | None:
    """An entry of another replication of ours that sends all of it to the same place: AWS takes no second one."""
    if any(entry.id == wanted.id for entry in entries):
        return None
    for entry in entries:
        sends_it = entry.arn == wanted.arn and not entry.suffix and set(wanted.events) <= set(entry.events)
        if entry.id.startswith(ID_PREFIX) and sends_it and wanted.prefix.startswith(entry.prefix):
            return entry
    return None


def _says(entry: Entry) -> tuple[object, ...]:
    return entry.arn, frozenset(entry.events), entry.prefix, entry.suffix


async def set_up(side: BucketSide, wish: Wish, *, dry_run: bool = False) -> Outcome:
    """Have the bucket send its events. Raises `StoreError` where the server refuses."""
    if wish.url is not None and side.vendor != "ceph":
        return Outcome(commands=webhook_commands(side, wish))
    _require_api(side)
    commands = permission_commands(side, wish)
    entries = await side.read()
    arn = wish.arn
    done: list[str] = []
    if wish.url is not None:
        done.append(f"topic {wish.entry_id} posts to {wish.url}")
        if not dry_run:
            arn = await side.create_topic(wish.entry_id, _with_secret(wish.url, wish.secret))
    wanted = wanted_entry(wish, arn or f"arn:aws:sns:default::{wish.entry_id}", side.vendor)
    planned = with_entry(entries, wanted)
    if planned is None:
        return Outcome((*done, f"{side.name} sends its events already"), (), (wanted,))
    if (covering := _covering(entries, wanted)) is not None:
        return Outcome((*done, f"{side.name} sends its events already, by the entry {covering.id}"), (), (covering,))
    if not dry_run:
        replaced = [entry.id for entry in entries if entry.id == wanted.id]
        await side.write(planned, removed=replaced)
    kept = len(planned) - 1
    done.append(f"{side.name} sends {', '.join(wanted.events)} to {wanted.arn}; {kept} other entries stay")
    return Outcome(tuple(done), commands, (wanted,))


async def show(side: BucketSide) -> list[tuple[Entry, bool]]:
    """All entries of the bucket, and whether each is ours. Raises `Unsupported` where a bucket has none."""
    _require_api(side)
    return [(entry, entry.id.startswith(ID_PREFIX)) for entry in await side.read()]


async def remove(side: BucketSide, replication: str, *, dry_run: bool = False) -> Outcome:
    """Have the bucket send no more for this replication. What others configured stays."""
    if side.vendor in _WITHOUT_API:
        return Outcome(commands=removal_commands(side, ()))
    entry_id = entry_id_of(replication)
    entries = await side.read()
    ours = [entry for entry in entries if entry.id == entry_id]
    rest = [entry for entry in entries if entry.id != entry_id]
    if ours and not dry_run:
        await side.write(rest, removed=[entry_id])
        for arn in {entry.arn for entry in ours if side.vendor == "ceph" and entry.arn.endswith(f":{entry_id}")}:
            await side.delete_topic(arn)
    done = f"{side.name} sends no more for {replication}; {len(rest)} other entries stay" if ours else ""
    return Outcome((done,) if done else (), removal_commands(side, ours), tuple(ours))


def _require_api(side: BucketSide) -> None:
    if side.vendor in _WITHOUT_API:
        raise Unsupported(
            "its buckets have no notifications",
            store=side.name,
            operation="notifications",
            hint="its filer sends events as notification.toml says: follow by webhook, and set that up",
        )


def webhook_commands(side: BucketSide, wish: Wish) -> tuple[str, ...]:
    """What a person types where a server has no API that would point it to a webhook. Secrets come from the environment."""
    url, prefix = wish.url or "", wish.prefix
    if side.vendor == "minio":
        return _minio_commands(side.bucket, url, prefix)
    if side.vendor == "seaweedfs":
        return _seaweed_commands(side.bucket, url, prefix)
    policy = shlex.quote(_policy("*", "sns:Publish", (side.bucket,)))
    protocol = url.partition(":")[0]
    subscribe = f"--protocol {protocol} --notification-endpoint {shlex.quote(url)}"
    # A topic asks the webhook whether it may send, once: the webhook must know it by then.
    return (
        f"topic=$(aws sns create-topic --name {wish.entry_id} --query TopicArn --output text)",
        f'aws sns set-topic-attributes --topic-arn "$topic" --attribute-name Policy --attribute-value {policy}',
        'echo "$topic"  # name it in webhook.topics, and let brigade run read that before you go on',
        f'aws sns subscribe --topic-arn "$topic" {subscribe}',
        f"brigade notifications setup {shlex.quote(wish.replication)}  # again: the bucket then sends to the topic",
    )


def _minio_commands(bucket: str, url: str, prefix: str) -> tuple[str, ...]:
    target = f'endpoint={shlex.quote(url)} auth_token="${SECRET_VARIABLE}" queue_dir=/var/lib/minio-events'
    event = f"mc event add ALIAS/{bucket} {_MINIO_ARN} --event put,delete --ignore-existing"
    return (
        f"mc admin config set ALIAS notify_webhook:brigade {target}",
        "mc admin service restart ALIAS",
        f"{event} --prefix {shlex.quote(prefix)}" if prefix else event,
    )


def _seaweed_commands(bucket: str, url: str, prefix: str) -> tuple[str, ...]:
    path = json.dumps(f"/buckets/{bucket}/{prefix}", ensure_ascii=False)
    lines = (
        "# A filer has one webhook: another bucket is another entry of path_prefixes.",
        "[notification.webhook]",
        "enabled = true",
        f"endpoint = {json.dumps(url)}",
        f"path_prefixes = [{path}]",
    )
    return (
        "\n".join(["cat >>/etc/seaweedfs/notification.toml <<'EOF'", *lines, "EOF"]),
        f'export WEED_NOTIFICATION_WEBHOOK_BEARER_TOKEN="${SECRET_VARIABLE}"',
        "weed filer  # start the filer again with both",
    )


def permission_commands(side: BucketSide, wish: Wish) -> tuple[str, ...]:
    """What allows S3 to send to a queue or topic of AWS: needed once, before it takes the bucket's notifications."""
    arn, buckets = wish.arn, wish.buckets or (side.bucket,)
    if arn is None or side.vendor != "aws":
        return ()
    if ":sns:" in arn:
        policy = shlex.quote(_policy(arn, "sns:Publish", buckets))
        set_it = f"aws sns set-topic-attributes --topic-arn {shlex.quote(arn)} --attribute-name Policy"
        return (f"{set_it} --attribute-value {policy}  {_IN_PLACE}",)
    if ":sqs:" not in arn:
        return ()
    attributes = shlex.quote(json.dumps({"Policy": _policy(arn, "sqs:SendMessage", buckets)}))
    queue = f"aws sqs get-queue-url --queue-name {shlex.quote(arn.rpartition(':')[2])} --query QueueUrl --output text"
    return (f'aws sqs set-queue-attributes --queue-url "$({queue})" --attributes {attributes}  {_IN_PLACE}',)


def removal_commands(side: BucketSide, removed: Sequence[Entry]) -> tuple[str, ...]:
    """What a person types to undo `webhook_commands`, given the entries that are gone."""
    if side.vendor == "aws":
        # Only topics that were made for one entry: they have its name.
        return tuple([f"aws sns delete-topic --topic-arn {entry.arn}" for entry in removed if _is_topic_of(entry)])
    if side.vendor == "minio":
        return (f"mc event remove ALIAS/{side.bucket} {_MINIO_ARN}",)
    if side.vendor == "seaweedfs":
        return (
            "sed -i '/notification.webhook/,/path_prefixes/d' /etc/seaweedfs/notification.toml",
            "weed filer  # start the filer again",
        )
    return ()


def _is_topic_of(entry: Entry) -> bool:
    return ":sns:" in entry.arn and entry.arn.rpartition(":")[2] == entry.id


def _policy(resource: str, action: str, buckets: Sequence[str]) -> str:
    partition = resource.split(":")[1] if ":" in resource else "*"
    statement = {
        "Effect": "Allow",
        "Principal": {"Service": "s3.amazonaws.com"},
        "Action": action,
        "Resource": resource,
        "Condition": {"ArnLike": {"aws:SourceArn": [f"arn:{partition}:s3:::{bucket}" for bucket in buckets]}},
    }
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


def _with_secret(url: str, secret: str | None) -> str:
    """The URL with the secret in its query, for servers that can send no header."""
    if secret is None:
        return url
    return f"{url}{'&' if '?' in url else '?'}token={encode_value(secret)}"
