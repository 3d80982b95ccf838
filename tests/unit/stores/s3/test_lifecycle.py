"""Writing our rule of expiry changes nothing else that the bucket's lifecycle configuration says."""

from __future__ import annotations

import pytest

from brigade.errors import NotFound, Rejected

THEIRS = (
    b"<LifecycleConfiguration><Rule><ID>theirs</ID><Filter/><Status>Enabled</Status><Transition><Days>1</Days>"
    b"<StorageClass>GLACIER</StorageClass></Transition></Rule></LifecycleConfiguration>"
)
SMALLEST = "x-amz-transition-default-minimum-object-size"


@pytest.mark.parametrize("body", [b"", b"<html/>", b"cut off"])
async def test_an_answer_that_is_no_configuration_is_not_written_over(open_store, server, reply, body):
    store = await open_store()
    server.say(reply(body=body))
    with pytest.raises(Rejected, match="none is added"):
        await store.expire_under("ours/", 30)
    assert [request.method for request in server.requests] == ["GET"]


async def test_which_sizes_the_transitions_of_others_leave_out_stays_as_it_was(open_store, server, reply):
    store = await open_store()
    server.say(reply(body=THEIRS, headers={SMALLEST: "varies_by_storage_class"}), reply())
    await store.expire_under("ours/", 30)
    assert server.last.method == "PUT"
    assert server.last.headers[SMALLEST] == "varies_by_storage_class"


async def test_a_server_that_does_not_say_it_is_told_nothing_of_it(open_store, server, reply):
    store = await open_store()
    server.say(reply(body=THEIRS), reply())
    await store.expire_under("ours/", 30)
    assert SMALLEST not in server.last.headers


async def test_a_bucket_without_any_rules_gets_ours(open_store, server, reply):
    store = await open_store()
    said = b"<Error><Code>NoSuchLifecycleConfiguration</Code></Error>"
    server.say(reply(404, body=said), reply())
    await store.expire_under("ours/", 30)
    assert server.last.method == "PUT"
    assert b"ours/" in server.last.body


async def test_any_other_refusal_is_no_word_that_there_are_no_rules(open_store, server, reply):
    store = await open_store()
    server.say(reply(404, body=b"<Error><Code>NoSuchKey</Code></Error>"))
    with pytest.raises(NotFound):
        await store.expire_under("ours/", 30)
    assert [request.method for request in server.requests] == ["GET"]
