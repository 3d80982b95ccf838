"""What a bucket tells to whom: the NotificationConfiguration document, read and written. Pure.

What others have configured is kept as it stands, elements that nobody here knows included.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from brigade.wire.xml import Node, XmlError, escape, parse

# moto has a name of its own for a configuration without entries.
_ROOTS = frozenset({"NotificationConfiguration", "GetBucketNotificationResponse"})
_NAMESPACE = 'xmlns="http://s3.amazonaws.com/doc/2006-03-01/"'
# Each kind of entry, and the element that names where its events go.
_DESTINATIONS = {
    "QueueConfiguration": "Queue",
    "TopicConfiguration": "Topic",
    "CloudFunctionConfiguration": "CloudFunction",
}


class Entry(NamedTuple):
    """One entry. `xml` is the whole element; the rest is what it says, as far as it is understood."""

    element: str
    id: str
    arn: str
    events: tuple[str, ...]
    prefix: str
    suffix: str
    xml: str


def new_entry(entry_id: str, arn: str, events: Sequence[str], prefix: str = "", suffix: str = "") -> Entry:
    """An entry that sends these events to a queue or topic. Raises `XmlError` for a prefix that XML cannot hold."""
    # Only SNS and what imitates it have topics; every other ARN stands in the element of queues, MinIO's too.
    element = "TopicConfiguration" if ":sns:" in arn else "QueueConfiguration"
    rules = "".join(
        [
            f"<FilterRule><Name>{name}</Name><Value>{escape(value)}</Value></FilterRule>"
            for name, value in (("prefix", prefix), ("suffix", suffix))
            if value
        ]
    )
    xml = (
        f"<{element}><Id>{escape(entry_id)}</Id>"
        f"<{_DESTINATIONS[element]}>{escape(arn)}</{_DESTINATIONS[element]}>"
        + "".join([f"<Event>{escape(event)}</Event>" for event in events])
        + (f"<Filter><S3Key>{rules}</S3Key></Filter>" if rules else "")
        + f"</{element}>"
    )
    return Entry(element, entry_id, arn, tuple(events), prefix, suffix, xml)


def parse_notifications(body: bytes) -> list[Entry]:
    """The entries of a configuration; an empty body is one without any."""
    if not body.strip():
        return []
    root = parse(body)
    if root.name not in _ROOTS:
        raise XmlError(f"this is no NotificationConfiguration but a {root.name}")
    return [_entry(node) for node in root.children]


def build_notifications(entries: Iterable[Entry]) -> bytes:
    """The document that makes these the configuration."""
    return f"<NotificationConfiguration {_NAMESPACE}>{''.join([entry.xml for entry in entries])}</NotificationConfiguration>".encode()


def _entry(node: Node) -> Entry:
    rules: dict[str, str] = {}
    for outer in node.all("Filter"):
        for inner in outer.children:
            for rule in inner.all("FilterRule"):
                rules[(rule.text_of("Name") or "").lower()] = rule.text_of("Value") or ""
    return Entry(
        node.name,
        node.text_of("Id") or "",
        node.text_of(_DESTINATIONS.get(node.name, "")) or "",
        tuple([event.text for event in node.all("Event")]),
        rules.get("prefix", ""),
        rules.get("suffix", ""),
        _written(node),
    )


def _written(node: Node) -> str:
    inner = "".join([_written(child) for child in node.children]) if node.children else escape(node.text)
    return f"<{node.name}>{inner}</{node.name}>"
