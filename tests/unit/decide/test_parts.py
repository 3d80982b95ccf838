"""How objects are cut into parts, against brute force."""

from __future__ import annotations

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from brigade.decide.parts import composite_etag, fits_limits, guess_part_size, plan_parts, uniform_sizes
from brigade.objects import MEBIBYTE

PART = 8 * MEBIBYTE
TEBIBYTE = 1024**4
S3 = {"max_parts": 10_000, "max_part_bytes": 5 * 1024**3}


@pytest.mark.parametrize(
    ("size", "count", "first"),
    [
        (0, 1, 0),
        (1, 1, 1),
        (PART - 1, 1, PART - 1),
        (PART, 1, PART),
        (PART + 1, 2, PART),
        (3 * PART + 1, 4, PART),
        (10_000 * PART, 10_000, PART),
        (10_000 * PART + 1, 5_001, 2 * PART),
        (5 * TEBIBYTE, 5_120, 128 * PART),
    ],
)
def test_a_plan_of_ours(size, count, first):
    sizes = plan_parts(size, PART, **S3)
    assert (sum(sizes), len(sizes), sizes[0]) == (size, count, first)
    assert fits_limits(sizes, min_part_bytes=5 * MEBIBYTE, **S3)


@given(st.integers(0, 5000), st.integers(1, 40), st.integers(1, 50), st.integers(1, 200))
def test_every_plan_covers_the_object_within_the_limits_or_says_that_none_can(size, part, max_parts, max_part):
    try:
        sizes = plan_parts(size, part, max_parts=max_parts, max_part_bytes=max_part)
    except ValueError:
        assert size > max_parts * max_part
        return
    assert sum(sizes) == size
    assert len(sizes) <= max_parts
    assert max(sizes) <= max_part
    assert all(n == sizes[0] for n in sizes[:-1])
    if size:
        assert 0 < sizes[-1] <= sizes[0]


@given(st.integers(0, 500), st.integers(1, 60))
def test_uniform_sizes_by_brute_force(size, part):
    expected = [min(part, size - first) for first in range(0, size, part)] or [0]
    assert list(uniform_sizes(size, part)) == expected


@given(
    st.sampled_from([5, 6, 7, 8, 10, 12, 15, 16, 20, 24, 25, 32, 50, 64, 100, 128, 256, 512]), st.integers(1, 10**11)
)
def test_a_guess_always_gives_the_right_number_of_parts(mebibytes, size):
    count = -(-size // (mebibytes * MEBIBYTE))
    guess = guess_part_size(size, count)
    assert guess is not None
    assert len(list(uniform_sizes(size, guess))) == count


@given(st.sampled_from([5, 8, 16]), st.integers(20, 400))
def test_a_guess_is_right_for_common_clients_and_enough_parts(mebibytes, parts):
    size = parts * mebibytes * MEBIBYTE - 1
    assert guess_part_size(size, parts) == mebibytes * MEBIBYTE


def test_no_guess_where_nothing_fits():
    assert guess_part_size(100, 7) is None
    assert guess_part_size(0, 3) is None
    assert guess_part_size(0, 1) == 0
    assert guess_part_size(123, 1) == 123


@pytest.mark.parametrize(
    ("sizes", "fits"),
    [
        ([], False),
        ([0], True),
        ([10], True),
        ([4], True),
        ([10, 4], True),
        ([4, 10], False),
        ([5, 5, 1], True),
        ([5, 21], False),
        ([21], False),
        ([5] * 8, True),
        ([5] * 9, False),
    ],
)
def test_limits_of_a_target(sizes, fits):
    assert fits_limits(sizes, min_part_bytes=5, max_part_bytes=20, max_parts=8) is fits


@given(st.lists(st.binary(max_size=20), min_size=1, max_size=10))
def test_the_composite_etag_is_that_of_s3(parts):
    etags = [hashlib.md5(part).hexdigest() for part in parts]
    whole = hashlib.md5(b"".join(hashlib.md5(part).digest() for part in parts)).hexdigest()
    assert composite_etag(etags) == f"{whole}-{len(parts)}"


@pytest.mark.parametrize("etag", ["", "opaque-1", "f" * 31, "f" * 30 + "  ", "0" * 32 + "-1", "g" * 32])
def test_parts_whose_etags_are_no_md5_have_no_composite(etag):
    assert composite_etag(["0" * 32, etag]) is None
