"""Routes and blocks by the API."""

from __future__ import annotations

BUCKET = {"bucket": "photos", "user": None}


async def test_a_route_from_its_setting_to_its_end(ask):
    assert (await ask("PUT", "/routes", body={"bucket": "photos", "store": "ceph"})).json() == {"unheard": []}
    listed = (await ask("GET", "/routes")).json()
    assert [(each["bucket"], each["store"], each["set_at"] is None) for each in listed] == [
        ("photos", "ceph", False),
        (None, "ceph", True),
    ]
    told = (await ask("GET", "/routes/explain", query={"bucket": "photos", "method": "put"})).json()
    route = {**BUCKET, "store": "ceph", "set": True}
    assert told == {**BUCKET, "method": "PUT", "store": "ceph", "route": route, "block": None}
    gone = {"bucket": "photos"}
    assert (await ask("DELETE", "/routes", query=gone)).json() == {"done": True}
    assert (await ask("DELETE", "/routes", query=gone)).json() == {"done": False}
    entries = (await ask("GET", "/audit")).json()["items"]
    assert [(each["action"], each["subject"]) for each in entries] == [
        ("delete route", "bucket photos"),
        ("route", "bucket photos"),
    ]


async def test_a_block_refuses_until_it_is_gone(ask):
    block = {"bucket": "*", "user": "ann", "writes_only": True, "note": "moves"}
    assert (await ask("PUT", "/blocks", body=block)).status == 204
    (listed,) = (await ask("GET", "/blocks")).json()
    assert (listed["bucket"], listed["user"], listed["note"], listed["writes_only"]) == (None, "ann", "moves", True)
    query = {"bucket": "photos", "user": "ann", "method": "DELETE"}
    told = (await ask("GET", "/routes/explain", query=query)).json()
    assert (told["store"], told["block"]["code"]) == (None, "ServiceUnavailable")
    assert (await ask("GET", "/routes/explain", query={**query, "method": "GET"})).json()["store"] == "ceph"
    assert (await ask("DELETE", "/blocks", query={"bucket": "*", "user": "ann"})).json() == {"done": True}
    assert (await ask("GET", "/blocks")).json() == []


async def test_strangers_and_places_that_replications_write_to_are_refused(ask):
    assert (await ask("PUT", "/routes", body={"bucket": "b", "store": "nowhere"})).status == 422
    assert (await ask("PUT", "/routes", body={"bucket": "b", "store": "ceph", "user": "bob"})).status == 422
    assert (await ask("PUT", "/routes", body={"bucket": "a/b", "store": "ceph"})).status == 422
    new = {"name": "in", "settings": {"source": "m:in", "target": "ceph:taken"}}
    assert (await ask("POST", "/replications", body=new)).status == 201
    taken = {"bucket": "taken", "store": "ceph"}
    assert (await ask("PUT", "/routes", body=taken)).json()["error"]["code"] == "refused"
    assert (await ask("PUT", "/routes", body={**taken, "force": True})).status == 200
