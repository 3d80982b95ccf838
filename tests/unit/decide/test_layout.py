from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from brigade.decide.layout import hashed_prefix


@pytest.mark.parametrize(
    ("container", "expected"),
    [
        # The last six digits of `printf AUTH_test/sync-s3 | md5sum`; of the second they are 05dcc3, and the zero goes.
        ("sync-s3", "e5d922/AUTH_test/sync-s3/"),
        ("archive-s3", "5dcc3/AUTH_test/archive-s3/"),
    ],
)
def test_the_hashed_layout_is_that_of_1space(container, expected):
    assert hashed_prefix("AUTH_test", container) == expected


@given(st.text(min_size=1), st.text(min_size=1))
def test_the_hash_has_at_most_six_digits_and_no_leading_zero(account, container):
    digits = hashed_prefix(account, container).partition("/")[0]
    assert re.fullmatch(r"0|[1-9a-f][0-9a-f]{0,5}", digits)
