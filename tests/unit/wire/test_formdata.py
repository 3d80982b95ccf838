"""Forms up to their file, cut anywhere, and bodies that are none."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from brigade.wire.formdata import MAX_FIELDS_BYTES, Form, FormReader, boundary_of
from brigade.wire.s3faults import Fault

BODY = (
    b'--XX\r\nContent-Disposition: form-data; name="Key"\r\n\r\nuser/\xc3\xa9\r\n'
    b'--XX\r\nContent-Disposition: form-data; name="acl"\r\n\r\n\r\n'
    b'--XX\r\nContent-Disposition: form-data; name="file"; filename="C:\\\\dir\\\\a \\"b\\".png"\r\n'
    b"Content-Type: image/png\r\n\r\nthe file\r\n--XX--\r\n"
)


def read(body: bytes, cuts: list[int]) -> Form | None:
    reader = FormReader(b"XX")
    edges = [0, *sorted(cuts), len(body)]
    for begin, end in pairwise(edges):
        form = reader.feed(body[begin:end])
        if form is not None:
            return form._replace(rest=form.rest + body[end:])
    return None


@given(st.lists(st.integers(0, len(BODY)), max_size=8))
def test_a_form_is_read_however_it_is_cut(cuts):
    form = read(BODY, cuts)
    assert form is not None
    assert form.fields == {"key": "user/é", "acl": ""}
    assert form.file.content_type == "image/png"
    assert form.rest == b"the file\r\n--XX--\r\n"


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"rubbish --XX", None),
        (b"rubbish\r\n--XX\r\n", "MalformedPOSTRequest"),
        (b"--XXrubbish\r\n\r\n", "MalformedPOSTRequest"),
        (b"--XX--\r\n", "IncorrectNumberOfFilesInPostRequest"),
        (b"--XX\r\nContent-Type: text/plain\r\n\r\nx", "MalformedPOSTRequest"),
        (b'--XX\r\nContent-Disposition: form-data; name="\xff"\r\n\r\nx', "MalformedPOSTRequest"),
        (b'--XX\r\nContent-Disposition: form-data; name="a"\r\n\r\n\xff\r\n--XX', "MalformedPOSTRequest"),
        (b'--XX\r\nContent-Disposition: form-data; name="a"\r\n\r\n1\r\n' * 2 + b"--XX", "InvalidArgument"),
        (b"x" * (MAX_FIELDS_BYTES + 1), None),
    ],
)
def test_bodies_that_are_no_forms_are_refused_or_never_become_one(body, code):
    if code is None:
        assert read(body, []) is None
        return
    with pytest.raises(Fault) as caught:
        read(body, [])
    assert caught.value.code == code


def test_fields_are_bounded():
    reader = FormReader(b"XX")
    reader.feed(b'--XX\r\nContent-Disposition: form-data; name="a"\r\n\r\n')
    with pytest.raises(Fault, match="too large"):
        for _ in range(100):
            reader.feed(b"x" * 4096)


def test_the_boundary_is_read_from_the_content_type():
    assert boundary_of("multipart/form-data; boundary=abc") == b"abc"
    assert boundary_of('Multipart/Form-Data; charset=utf-8; boundary="a b"') == b"a b"
    for wrong in ("", "text/plain", "multipart/form-data", "multipart/mixed; boundary=x"):
        with pytest.raises(Fault):
            boundary_of(wrong)
