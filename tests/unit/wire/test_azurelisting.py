from __future__ import annotations

import pytest

from brigade.errors import ListingBroken
from brigade.objects import Checksum, ChecksumAlgorithm, ObjectInfo
from brigade.wire.azurelisting import parse_blobs

PROPERTIES = (
    "<Creation-Time>Fri, 20 Nov 2026 12:53:49 GMT</Creation-Time>"
    "<Last-Modified>Fri, 24 May 2013 00:00:01 GMT</Last-Modified><Etag>0x8D1</Etag><Content-Length>5</Content-Length>"
    "<Content-Type>text/css</Content-Type><Content-Encoding /><Content-MD5>ndTkYSaMgDT1yFZOFVxnpg==</Content-MD5>"
    "<BlobType>BlockBlob</BlobType><AccessTier>Cool</AccessTier>"
)
MODIFIED_NS = 1369353601 * 10**9
MD5 = Checksum(ChecksumAlgorithm.MD5, "9dd4e461268c8034f5c8564e155c67a6")


def page(*blobs, marker="", head='<?xml version="1.0" encoding="utf-8"?>'):
    end = f"<NextMarker>{marker}</NextMarker>" if marker else "<NextMarker />"
    text = f'{head}<EnumerationResults ContainerName="c"><Blobs>{"".join(blobs)}</Blobs>{end}</EnumerationResults>'
    return text.encode()


def blob(name="a", properties=PROPERTIES, metadata="", attribute=""):
    return f"<Blob><Name{attribute}>{name}</Name><Properties>{properties}</Properties>{metadata}</Blob>"


def keys(body):
    return [entry.key for entry in parse_blobs(body).entries]


def test_an_entry_has_all_that_the_listing_tells():
    found = parse_blobs(page(blob(), marker="2!next=="))
    assert found.entries == [ObjectInfo("a", 5, "0x8D1", MODIFIED_NS, "STANDARD_IA", checksum=MD5)]
    assert found.marker == "2!next=="


def test_only_an_empty_marker_ends_the_listing():
    assert parse_blobs(page(blob())).marker is None
    assert parse_blobs(page(blob()).replace(b"<NextMarker />", b"<NextMarker></NextMarker>")).marker is None
    with pytest.raises(ListingBroken):
        parse_blobs(page(blob()).replace(b"<NextMarker />", b""))


def test_an_empty_page_may_end_the_listing_or_go_on():
    assert parse_blobs(page()) == ([], [], None)
    assert parse_blobs(page().replace(b"<Blobs></Blobs>", b"<Blobs />")) == ([], [], None)
    assert parse_blobs(page(marker="m")) == ([], [], "m")


def test_names_are_read_with_their_references_and_escapes():
    names = [
        blob("a&amp;&lt;b"),
        blob("\u00fc \U0001f600"),
        blob("per%25cent"),
        blob("a%EF%BF%BFb", attribute=' Encoded="true"'),
    ]
    assert keys(page(*names)) == ["a&<b", "\u00fc \U0001f600", "per%25cent", "a\uffffb"]
    assert keys(b"\xef\xbb\xbf" + page(blob())) == ["a"]


def test_the_md5_counts_for_block_blobs_only():
    for kind in ("PageBlob", "AppendBlob"):
        (entry,) = parse_blobs(page(blob(properties=PROPERTIES.replace("BlockBlob", kind)))).entries
        assert entry.checksum is None


def test_directories_are_no_objects():
    folder = blob("folder", metadata="<Metadata><hdi_isfolder>true</hdi_isfolder></Metadata>")
    directory = blob("directory", properties=PROPERTIES + "<ResourceType>directory</ResourceType>")
    file = blob("file", properties=PROPERTIES + "<ResourceType>file</ResourceType>")
    assert keys(page(folder, directory, file)) == ["file"]


def test_metadata_cannot_pass_for_properties():
    metadata = "<Metadata><Etag>forged</Etag><ResourceType>directory</ResourceType><Size>7</Size></Metadata>"
    (entry,) = parse_blobs(page(blob(metadata=metadata))).entries
    assert entry.etag == "0x8D1"


def test_uncommitted_blocks_are_told_apart_where_they_were_asked_for():
    bare = blob("open", properties="<Etag>0x1</Etag><Content-Length>0</Content-Length>")
    found = parse_blobs(page(blob(), bare), uncommitted=True)
    assert ([entry.key for entry in found.entries], found.uncommitted) == (["a"], ["open"])
    with pytest.raises(ListingBroken):
        parse_blobs(page(blob(), bare))


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<html></html>",
        page(blob())[:-30],
        page(blob())[:300],
        page(blob()).replace(b"<Blob>", b"<!-- <Blob>").replace(b"</Blob>", b"</Blob> -->"),
        page(blob()).replace(b"5</Content-Length>", b"five</Content-Length>"),
        page(blob()).replace(b"Content-Length>", b"Length>"),
        page(blob()).replace(b"Name>", b"Nom>"),
        page(blob("a\xff".encode("latin-1").decode("latin-1"))).replace(b"\xc3\xbf", b"\xff"),
    ],
)
def test_a_page_that_cannot_be_relied_on_raises(body):
    with pytest.raises(ListingBroken):
        parse_blobs(body)


def test_no_cut_of_a_page_passes_for_a_whole_one():
    whole = page(blob("a"), blob("b", metadata="<Metadata><k>v</k></Metadata>"), marker="m")
    for end in range(len(whole)):
        with pytest.raises(ListingBroken):
            parse_blobs(whole[:end])


def test_snapshots_and_older_versions_have_their_names_and_what_is_there_now_has_none():
    moment = "2026-11-20T16:22:00.7310000Z"
    named = blob().replace("<Properties>", f"<VersionId>{moment}</VersionId>%s<Properties>", 1)
    blobs = [
        blob(),
        blob().replace("<Properties>", f"<Snapshot>{moment}</Snapshot><Properties>", 1),
        named % "",
        named % "<IsCurrentVersion>true</IsCurrentVersion>",
        blob(metadata="<Metadata><x>&lt;Snapshot&gt;1</x><Snapshot>2</Snapshot></Metadata>"),
    ]
    found = parse_blobs(page(*blobs), versions=True).entries
    assert [entry.version_id for entry in found] == [None, f"snapshot={moment}", moment, None, None]
    assert [entry.version_id for entry in parse_blobs(page(*blobs)).entries] == [None] * 5
