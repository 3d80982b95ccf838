from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from brigade.decide.routing import Block, BucketRoute, RouteTable, Rule, Rules

FILE = Rules(
    store="default",
    user_stores={"ann": "anns"},
    routes=(BucketRoute("photos", "file-photos"), BucketRoute("photos", "file-ann-photos", "ann")),
)
SET = (
    BucketRoute("photos", "set-photos"),
    BucketRoute("photos", "set-ann-photos", "ann"),
    BucketRoute(None, "set-anns", "ann"),
    BucketRoute(None, "set-default"),
)


def store(rules: Rules, user: str | None, bucket: str | None) -> str | None:
    return RouteTable(rules).decide(user, bucket, changes=False).store


@pytest.mark.parametrize(
    ("user", "bucket", "expected"),
    [
        ("ann", "photos", "file-ann-photos"),
        ("bob", "photos", "file-photos"),
        (None, "photos", "file-photos"),
        ("ann", "else", "anns"),
        ("bob", "else", "default"),
        ("ann", None, "anns"),
        (None, None, "default"),
    ],
)
def test_a_users_route_goes_before_everybodys_and_a_buckets_before_that_of_all(user, bucket, expected):
    assert store(FILE, user, bucket) == expected


@pytest.mark.parametrize(
    ("count", "user", "bucket", "expected"),
    [
        # A route of everybody that is set at run time goes before a user's in the file.
        (1, "ann", "photos", "set-photos"),
        (2, "ann", "photos", "set-ann-photos"),
        (2, "bob", "photos", "set-photos"),
        (2, "ann", "else", "anns"),
        (3, "ann", "else", "set-anns"),
        (3, "bob", "else", "default"),
        (4, "bob", "else", "set-default"),
        (4, "ann", "else", "set-anns"),
        (4, None, None, "set-default"),
    ],
)
def test_what_is_set_at_run_time_goes_before_the_file(count, user, bucket, expected):
    rules = Rules(FILE.store, FILE.user_stores, FILE.routes, set_routes=SET[:count])
    assert store(rules, user, bucket) == expected


def test_a_route_for_all_buckets_leaves_alone_those_that_have_one():
    rules = Rules(FILE.store, FILE.user_stores, FILE.routes, set_routes=(BucketRoute(None, "new"),))
    assert store(rules, "bob", "photos") == "file-photos"
    # Everybody's route of now goes before the user's own store in the file, as it does for a single bucket.
    assert store(rules, "ann", "else") == "new"


def test_without_rules_nobody_is_served():
    decision = RouteTable(Rules()).decide("ann", "photos", changes=True)
    assert (decision.block, decision.rule, decision.store) == (None, None, None)
    assert RouteTable(Rules()).stores_of("ann") == []


@pytest.mark.parametrize("is_set", [False, True])
def test_a_block_refuses_and_the_rule_is_told_all_the_same(is_set):
    block = Block(bucket="photos", writes_only=True)
    rules = Rules("default", set_blocks=(block,)) if is_set else Rules("default", blocks=(block,))
    table = RouteTable(rules)
    assert table.decide("ann", "photos", changes=False).store == "default"
    decision = table.decide("ann", "photos", changes=True)
    assert decision == (block, Rule(BucketRoute(None, "default"), False))
    assert decision.store is None
    # What is no bucket's business is not refused for one.
    assert table.decide("ann", None, changes=True).store == "default"


def test_a_block_of_a_user_refuses_what_is_no_buckets_business_too():
    table = RouteTable(Rules("default", blocks=(Block(user="ann"),)))
    assert table.decide("ann", None, changes=False).block is not None
    assert table.decide("bob", None, changes=False).block is None
    assert table.decide(None, "photos", changes=False).block is None


def test_the_stores_of_a_user_are_those_that_serve_him_something():
    rules = Rules(FILE.store, FILE.user_stores, FILE.routes, set_routes=(BucketRoute("b", "bobs", "bob"),))
    assert RouteTable(rules).stores_of("ann") == ["anns", "file-photos", "file-ann-photos"]
    assert RouteTable(rules).stores_of("bob") == ["default", "bobs", "file-photos"]
    assert RouteTable(rules).stores_of(None) == ["default", "file-photos"]


PLACES = st.tuples(st.sampled_from(["ann", "bob", None]), st.sampled_from(["photos", "files", None]))
ROUTES = st.lists(st.tuples(PLACES, st.sampled_from("1234")), max_size=5, unique_by=lambda each: each[0]).map(
    lambda found: tuple(BucketRoute(bucket, store, user) for (user, bucket), store in found)
)


@given(ROUTES, ROUTES, PLACES)
def test_the_rule_that_decides_fits_the_request_and_none_that_fits_better_is_passed_over(configured, given_now, place):
    user, bucket = place
    rule = RouteTable(Rules(routes=configured, set_routes=given_now)).rule_of(user, bucket)
    fitting = [
        (route.bucket is None, not is_set, route.user is None, route)
        for routes, is_set in ((given_now, True), (configured, False))
        for route in routes
        if route.user in (None, user) and route.bucket in (None, bucket)
    ]
    best = min(fitting, key=lambda each: each[:3])[3] if fitting else None
    assert (rule.route if rule is not None else None) == best
