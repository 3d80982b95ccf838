"""The documents of Azure's blob service besides the listing of blobs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from brigade.wire.xml import XmlError, escape, parse


class Block(NamedTuple):
    """One block of a blob as the server names it."""

    name: str
    size_bytes: int


class BlockList(NamedTuple):
    """The blocks that make up a blob, and those that were put and belong to nothing yet."""

    committed: list[Block]
    uncommitted: list[Block]


def parse_message(body: bytes) -> str:
    """The message in the body of an error; a body that is no document gives its text, shortened."""
    try:
        return parse(body.removeprefix(b"\xef\xbb\xbf")).text_of("Message") or ""
    except XmlError:
        return " ".join(body[:300].decode("utf-8", "replace").split())


def build_block_list(names: Iterable[str]) -> bytes:
    """What Put Block List takes: the uncommitted blocks that make up the blob, in order."""
    inner = "".join([f"<Uncommitted>{name}</Uncommitted>" for name in names])
    return f'<?xml version="1.0" encoding="utf-8"?><BlockList>{inner}</BlockList>'.encode()


def parse_block_list(body: bytes) -> BlockList:
    """What Get Block List answers. Raises ValueError for anything else."""
    root = parse(body.removeprefix(b"\xef\xbb\xbf"))
    if root.name != "BlockList":
        raise XmlError(f"it is a {root.name}")
    lists = []
    for part in ("CommittedBlocks", "UncommittedBlocks"):
        node = root.child(part)
        blocks = node.all("Block") if node is not None else []
        lists.append([Block(block.text_of("Name") or "", int(block.text_of("Size") or "")) for block in blocks])
    return BlockList(*lists)


def build_tags(tags: Mapping[str, str]) -> bytes:
    """What Set Blob Tags takes."""
    pairs = [f"<Tag><Key>{escape(name)}</Key><Value>{escape(value)}</Value></Tag>" for name, value in tags.items()]
    return f'<?xml version="1.0" encoding="utf-8"?><Tags><TagSet>{"".join(pairs)}</TagSet></Tags>'.encode()


def parse_tags(body: bytes) -> dict[str, str]:
    """What Get Blob Tags answers. Raises ValueError for anything else."""
    root = parse(body.removeprefix(b"\xef\xbb\xbf"))
    if root.name != "Tags":
        raise XmlError(f"it is a {root.name}")
    held = root.child("TagSet")
    tags = held.all("Tag") if held is not None else []
    return {tag.text_of("Key") or "": tag.text_of("Value") or "" for tag in tags}


class Containers(NamedTuple):
    """One page of the containers of an account, and the marker of the next."""

    names: list[str]
    marker: str | None


def parse_containers(body: bytes) -> Containers:
    """What List Containers answers. Raises ValueError for anything else."""
    root = parse(body.removeprefix(b"\xef\xbb\xbf"))
    held = root.child("Containers")
    if root.name != "EnumerationResults" or held is None:
        raise XmlError(f"it is a {root.name}")
    names = [container.text_of("Name") or "" for container in held.all("Container")]
    return Containers([name for name in names if name], root.text_of("NextMarker") or None)
