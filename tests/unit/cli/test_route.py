"""`brigade route` on the state alone: no gateway must run."""

from __future__ import annotations

import json

import pytest

CONFIG = """
stores:
  one: {type: s3, endpoint: "http://127.0.0.1:1", access_key: a, secret_key: b}
  two: {type: s3, endpoint: "http://127.0.0.1:2", access_key: a, secret_key: b}
  disk: {type: file, root: data}
replications:
  copy: {source: "one:moving", target: "two:moving", delete: mirror, live: [gateway]}
gateway:
  store: one
  users:
    ann: {keys: [{access_key: ann, secret_key: s}]}
    bob: {keys: [{access_key: bob, secret_key: s}], store: two, block: writes}
  routes:
    - {bucket: files, store: two}
    - {bucket: closed, block: true}
    - {bucket: files, user: ann, store: one, block: writes}
"""


@pytest.fixture
def route(brigade, write):
    write(**{"brigade.yaml": CONFIG})
    return lambda *arguments: brigade("route", *arguments)


def test_the_list_begins_with_what_was_set_and_tells_where_each_comes_from(route):
    assert route("set", "photos", "two")[:2] == (0, "photos: goes to two\n")
    assert route("set", "*", "one", "--user", "bob")[:2] == (0, "every bucket of bob: goes to one\n")
    assert route("block", "photos", "--writes", "--note", "moves")[:2] == (0, "photos: writes are blocked\n")
    ran = route("list")
    assert [line.partition("  (")[0] for line in ran.out.splitlines()] == [
        "block  photos: writes are blocked",
        "block  every bucket of bob: writes are blocked",
        "block  closed: is blocked",
        "block  files of ann: writes are blocked",
        "route  every bucket of bob: goes to one",
        "route  photos: goes to two",
        "route  files: goes to two",
        "route  files of ann: goes to one",
        "route  every bucket of bob: goes to two",
        "route  every bucket: goes to one",
    ]
    assert ran.out.splitlines()[0].endswith("Z; moves)")
    lines = [json.loads(line) for line in route("list", "--json").out.splitlines()]
    assert [line["set_at"] is not None for line in lines] == [True, False, False, False, True, True, *[False] * 4]
    assert lines[0] | {"set_at": 0} == {
        "kind": "block",
        "writes_only": True,
        "note": "moves",
        "bucket": "photos",
        "user": None,
        "set_at": 0,
    }
    assert (lines[4]["store"], lines[4]["user"], lines[4]["bucket"]) == ("one", "bob", None)


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["photos"], 0, "GET photos: goes to one, by the route of every bucket, of the configuration"),
        (["files"], 0, "GET files: goes to two, by the route of files, of the configuration"),
        (["files", "--user", "ann"], 0, "GET files of ann: goes to one, by the route of files of ann, of the"),
        (["files", "--user", "ann", "--method", "put"], 1, "PUT files of ann: refused with ServiceUnavailable: files"),
        (["x", "--user", "bob"], 0, "GET x of bob: goes to two, by the route of every bucket of bob, of the"),
        (["x", "--user", "bob", "--method", "PUT"], 1, "is blocked for writing"),
        (["closed"], 1, "GET closed: refused with ServiceUnavailable: closed is blocked"),
        (["now"], 0, "GET now: goes to two, by the route of now, set at run time"),
    ],
)
def test_the_test_tells_what_happens_and_by_which_rule(route, arguments, code, words):
    route("set", "now", "two")
    ran = route("test", *arguments)
    assert ran.code == code
    assert words in ran.out
    answer = json.loads(route("test", *arguments, "--json").out)
    assert (answer["store"] is not None) == (code == 0)
    assert list(answer) == ["bucket", "user", "method", "store", "route", "block"]


def test_what_was_not_set_cannot_be_removed(route):
    route("set", "photos", "two")
    assert route("delete", "photos", "--user", "ann")[:2] == (1, "photos of ann: no route was set at run time\n")
    assert route("delete", "photos")[:2] == (0, "photos: the route is gone\n")
    assert route("delete", "photos", "--json")[:2] == (1, '{"done": false}\n')
    # That of the configuration is changed there.
    assert route("unblock", "closed")[:2] == (1, "closed: no block was set at run time\n")
    route("block", "closed")
    assert route("unblock", "closed").code == 0


def test_clients_are_not_sent_where_a_replication_writes(route):
    ran = route("set", "moving", "two")
    assert (ran.code, len(ran.err.splitlines())) == (3, 1)
    assert "copy copies one:moving there (delete: mirror)" in ran.err
    assert route("set", "*", "two").code == 3
    ran = route("set", "moving", "two", "--force")
    assert ran.code == 0
    assert "note: copy does not follow what is written to two" in ran.err
    ran = route("set", "moving", "one")
    assert (ran.code, ran.err) == (0, "")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["set", "photos", "nowhere"], "there is no S3 store 'nowhere' in the configuration (there are: one, two)"),
        (["set", "photos", "disk"], "there is no S3 store 'disk'"),
        (["set", "photos", "one", "--user", "eve"], "the gateway has no user 'eve' (there are: ann, bob)"),
        (["block", "photos", "--user", "eve"], "the gateway has no user 'eve'"),
        (["test", "photos", "--user", "eve"], "the gateway has no user 'eve'"),
        (["set", "photos/2024", "one"], "'photos/2024' is no bucket"),
        (["block", ""], "'' is no bucket"),
    ],
)
def test_wrong_words_are_one_line(route, arguments, words):
    ran = route(*arguments)
    assert (ran.code, ran.out, len(ran.err.splitlines())) == (2, "", 1)
    assert words in ran.err


def test_without_a_gateway_in_the_configuration_what_is_there_can_be_seen_and_removed(route, write):
    route("set", "photos", "two")
    write(**{"brigade.yaml": "stores: {}\n"})
    assert route("set", "photos", "one").code == 2
    assert route("list").out.startswith("route  photos: goes to two  (set at run time, 20")
    assert route("delete", "photos").code == 0
    assert route("list").out == "no routes and no blocks\n"
