"""The two ways S3 writes a moment."""

from __future__ import annotations

import calendar
import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from brigade.wire.s3time import http_date_ns, iso_ns

SECOND_NS = 1_000_000_000


@given(st.integers(0, 253_402_300_799))
def test_both_forms_are_read_as_the_standard_library_reads_them(second: Any) -> None:
    moment = time.gmtime(second)
    names = calendar.day_abbr[moment.tm_wday], calendar.month_abbr[moment.tm_mon]
    http = f"{names[0]}, {moment.tm_mday:02} {names[1]} {moment.tm_year:04} {time.strftime('%H:%M:%S', moment)} GMT"
    iso = f"{moment.tm_year:04}-{time.strftime('%m-%dT%H:%M:%S', moment)}"
    assert http_date_ns(http) == second * SECOND_NS
    assert iso_ns(f"{iso}Z") == iso_ns(f"{iso}.999Z") == second * SECOND_NS


@pytest.mark.parametrize("text", ["", "2013-05-24", "2013-05-24T00:00:00+02:00", "2013-13-24T00:00:00Z", "x" * 20])
def test_any_other_iso_text_is_refused(text: Any) -> None:
    with pytest.raises(ValueError, match=r"."):
        iso_ns(text)


@pytest.mark.parametrize("text", ["", "yesterday", "Fri, 24 Mai 2013 00:00:00 GMT", "Fri, 24 May 2013 00-00-00 GMT"])
def test_a_header_that_is_no_date_tells_nothing(text: Any) -> None:
    assert http_date_ns(text) == 0
