"""Filters: globs against a slow matcher of its own, ordered rules, limits, and patterns that make no sense."""

from __future__ import annotations

import warnings

import pytest
from hypothesis import given
from hypothesis import strategies as st

from brigade.decide.filters import NANOSECONDS, compile_pattern, compile_selector
from brigade.errors import UsageError
from brigade.objects import ObjectInfo
from brigade.replications import FilterRule, Policy

MATCHES = [
    ("*.jpg", "a.jpg", True),
    ("*.jpg", "deep/er/a.jpg", True),
    ("*.jpg", "a.jpg/b", False),
    ("*.jpg", "a.jpg\n", False),
    ("tmp", "tmp", True),
    ("tmp", "a/tmp", True),
    ("tmp", "tmp/a", False),
    ("tmp", "tmpa", False),
    ("tmp/**", "tmp/a", True),
    ("tmp/**", "tmp/a/b", True),
    ("tmp/**", "tmp/", True),
    ("tmp/**", "tmp", False),
    ("tmp/**", "x/tmp/a", False),
    ("tmp/*", "tmp/a", True),
    ("tmp/*", "tmp/a/b", False),
    ("**/tmp/**", "tmp/a", True),
    ("**/tmp/**", "x/y/tmp/a", True),
    ("**/tmp/**", "xtmp/a", False),
    ("a/**/z", "a/z", True),
    ("a/**/z", "a/b/c/z", True),
    ("a/**/z", "az", False),
    ("/a.txt", "a.txt", True),
    ("/a.txt", "b/a.txt", False),
    ("**", "", True),
    ("**", "any/thing\n", True),
    ("?", "ü", True),
    ("?", "😀", True),
    ("a?b", "a/b", False),
    ("[a-c]x", "bx", True),
    ("[a-c]x", "dx", False),
    ("[!a-c]x", "dx", True),
    ("[!a-c]x", "ax", False),
    ("a[!b]c", "a/c", False),
    ("/a[.-0]c", "a/c", False),
    ("/a[.-0]c", "a.c", True),
    ("[]x]", "]", True),
    ("[!]]", "]", False),
    ("[!]]", "a", True),
    ("[a-]", "-", True),
    ("[a--]", "-", None),
    ("[+--]", ",", True),
    ("[[a]", "[", True),
    ("[\\]", "\\", True),
    ("[a||b&&c~~d]", "|", True),
    ("[^a]", "b", True),
    ("{a,b}.txt", "b.txt", True),
    ("{a,b}.txt", "c.txt", False),
    ("{a,{b,c}d}x", "cdx", True),
    ("{,a}b", "b", True),
    ("a,b", "a,b", True),
    (r"\*", "*", True),
    (r"\*", "a", False),
    (r"\{a\}", "{a}", True),
    ("a.b", "axb", False),
    ("a+(b)$^|", "a+(b)$^|", True),
    ("re:^a.*z$", "a/z", True),
    ("re:b", "abc", True),
    ("re:^b", "abc", False),
    ("re:a.b", "a\nb", True),
]


@pytest.mark.parametrize(("pattern", "key", "expected"), MATCHES)
def test_patterns_match_as_documented(pattern, key, expected):
    if expected is None:
        with pytest.raises(UsageError):
            compile_pattern(pattern)
    else:
        assert bool(compile_pattern(pattern)(key)) is expected


BAD = [
    "",
    "/",
    "re:",
    "re:(",
    "re:a{99999999999999999999}",
    "[a",
    "[",
    "[]",
    "[z-a]",
    "{a",
    "a}",
    "{a,{b}",
    "\\",
    "a\\",
]


@pytest.mark.parametrize("pattern", BAD)
def test_a_pattern_that_makes_no_sense_is_a_usage_error_that_names_it(pattern):
    with pytest.raises(UsageError) as caught:
        compile_pattern(pattern)
    assert "pattern" in str(caught.value)
    if len(pattern) > 1 and pattern != "re:":
        assert pattern in str(caught.value).replace("\\\\", "\\")


@given(st.text("ab*?[]{}!-/\\,^&|~.", max_size=10))
def test_any_text_is_a_pattern_or_a_usage_error_and_nothing_warns(pattern):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        try:
            matches = compile_pattern(pattern)
        except UsageError:
            return
    matches("a/b.c")


def slow_match(pattern, key):
    """Globs without classes, choices and escapes, by recursion over both texts."""
    if not pattern:
        return not key
    if pattern.startswith("**/") and slow_match(pattern[3:], key):
        return True
    if pattern.startswith("**"):
        return any(slow_match(pattern[2:], key[n:]) for n in range(len(key) + 1))
    if pattern[0] == "*":
        return any(slow_match(pattern[1:], key[n:]) for n in range(len(key) + 1) if "/" not in key[:n])
    return (
        bool(key)
        and (pattern[0] == key[0] or (pattern[0] == "?" and key[0] != "/"))
        and slow_match(pattern[1:], key[1:])
    )


GLOBS = st.lists(st.sampled_from(["a", "b", "*", "?", "/", "**", "/**/"]), min_size=1, max_size=6).map("".join)
GLOBS = GLOBS.filter(lambda glob: "***" not in glob and glob != "/" and "b**/" not in glob and "a**/" not in glob
                     and "?**/" not in glob)  # fmt: skip


def reference(pattern, key):
    if "/" not in pattern and "**" not in pattern:
        return slow_match(pattern, key.rpartition("/")[2])
    return slow_match(pattern.removeprefix("/"), key)


@given(GLOBS, st.text("ab/", max_size=7))
def test_globs_match_as_the_slow_matcher_says(pattern, key):
    assert bool(compile_pattern(pattern)(key)) == reference(pattern, key), (pattern, key)


@given(st.lists(st.tuples(st.booleans(), GLOBS), max_size=4), st.text("ab/", min_size=1, max_size=6))
def test_the_first_rule_that_matches_decides_and_includes_restrict(rules, key):
    selector = compile_selector(Policy(filters=tuple(FilterRule(*rule) for rule in rules)), now_ns=0)
    expected = next((include for include, glob in rules if reference(glob, key)), not any(i for i, _ in rules))
    assert (selector.exclude_key(key) is None) is expected


def test_the_reason_names_the_rule():
    selector = compile_selector(Policy(filters=(FilterRule(False, "*.tmp"), FilterRule(True, "a/**"))), now_ns=0)
    assert "*.tmp" in (selector.exclude_key("a/x.tmp") or "")
    assert selector.exclude_key("a/x") is None
    assert "not included" in (selector.exclude_key("b") or "")


NOW_NS = 1_000 * NANOSECONDS


@pytest.mark.parametrize(
    ("policy", "size", "age_seconds", "excluded"),
    [
        ({}, 0, 0, False),
        ({"min_size_bytes": 5}, 4, 0, True),
        ({"min_size_bytes": 5}, 5, 0, False),
        ({"max_size_bytes": 5}, 5, 0, False),
        ({"max_size_bytes": 5}, 6, 0, True),
        ({"max_size_bytes": 0}, 1, 0, True),
        ({"min_age_seconds": 10}, 1, 9, True),
        ({"min_age_seconds": 10}, 1, 10, False),
        ({"max_age_seconds": 10}, 1, 10, False),
        ({"max_age_seconds": 10}, 1, 11, True),
        ({"max_age_seconds": 0}, 1, 1, True),
    ],
)
def test_limits_on_size_and_age(policy, size, age_seconds, excluded):
    selector = compile_selector(Policy(**policy), now_ns=NOW_NS)
    info = ObjectInfo("k", size, None, NOW_NS - age_seconds * NANOSECONDS)
    assert (selector.exclude_object(info) is not None) is excluded


def test_what_is_of_unknown_age_is_not_taken_for_old():
    selector = compile_selector(Policy(copy_after_seconds=10), now_ns=NOW_NS)
    assert selector.exclude_object(ObjectInfo("k", 1, None, 0)) == "of unknown age"


def test_only_a_policy_without_filters_takes_all():
    assert compile_selector(Policy(), now_ns=0).takes_all
    for policy in (Policy(filters=(FilterRule(True, "**"),)), Policy(min_size_bytes=0), Policy(max_age_seconds=1)):
        assert not compile_selector(policy, now_ns=0).takes_all
