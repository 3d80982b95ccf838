"""The lifecycle configuration of a bucket (AWS, "PutBucketLifecycleConfiguration"), changed by one rule of ours."""

from __future__ import annotations

import hashlib

from brigade.wire.xml import Node, XmlError, escape, parse

_NAMESPACE = "http://s3.amazonaws.com/doc/2006-03-01/"


def rule_id(prefix: str) -> str:
    """The name of our rule for a prefix: the same prefix has the same rule."""
    return f"brigade-expire-{hashlib.md5(prefix.encode(), usedforsecurity=False).hexdigest()[:8]}"


def with_expiry(document: bytes | None, prefix: str, days: int) -> bytes | None:
    """The configuration with our rule for a prefix in place of an older one; every other rule as it was.

    `document` None: the bucket has none yet. Returns None where our rule stands there just so already. Raises `XmlError`.
    """
    rules = _rules(document) if document is not None else []
    ours = _rule(prefix, days)
    others = [rule for rule in rules if rule.text_of("ID") != rule_id(prefix)]
    same = [rule for rule in rules if rule.text_of("ID") == rule_id(prefix)]
    if len(same) == 1 and _says(same[0]) == (prefix, str(days), "Enabled"):
        return None
    inner = "".join([*map(_written, others), ours])
    return f'<LifecycleConfiguration xmlns="{_NAMESPACE}">{inner}</LifecycleConfiguration>'.encode()


def _rules(document: bytes) -> list[Node]:
    """The rules of a configuration. Whatever else a server answers is none without rules: they would be written over."""
    root = parse(document)
    if root.name != "LifecycleConfiguration":
        raise XmlError(f"it is a {root.name}")
    return root.all("Rule")


def _says(rule: Node) -> tuple[str | None, str | None, str | None]:
    prefix = rule.text_of("Filter", "Prefix")
    return (
        prefix if prefix is not None else rule.text_of("Prefix"),
        rule.text_of("Expiration", "Days"),
        rule.text_of("Status"),
    )


def _rule(prefix: str, days: int) -> str:
    return (
        f"<Rule><ID>{rule_id(prefix)}</ID><Filter><Prefix>{escape(prefix)}</Prefix></Filter><Status>Enabled</Status>"
        f"<Expiration><Days>{days}</Days></Expiration></Rule>"
    )


def _written(node: Node) -> str:
    """An element as it was read, without the blanks between its children."""
    inner = "".join(map(_written, node.children)) if node.children else escape(node.text)
    return f"<{node.name}>{inner}</{node.name}>"
