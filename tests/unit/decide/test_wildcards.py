from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from brigade.decide.wildcards import SAMPLE, BucketNote, Form, is_bucket

FORM = Form.of_sample(f"s3://old:80/{SAMPLE} → s3://new:80/{SAMPLE}")
NAMES = st.text(st.characters(exclude_characters="/?*"), min_size=1, max_size=63).filter(is_bucket)


@given(NAMES)
def test_every_bucket_is_found_again_in_what_it_makes(bucket):
    assert FORM.bucket_in(FORM.filled(bucket)) == bucket


@pytest.mark.parametrize(
    "identity",
    [
        "s3://old:80/photos → s3://new:80/films",
        "s3://old:80/photos → s3://other:80/photos",
        "s3://old:80/photos/prefix → s3://new:80/photos/prefix",
        "s3://old:80/ → s3://new:80/",
        "s3://old:80/* → s3://new:80/*",
        "s3://old:80/a?deleted → s3://new:80/a?deleted",
        "",
    ],
)
def test_what_has_another_form_is_no_bucket_of_it(identity):
    assert FORM.bucket_in(identity) is None


@given(st.text(max_size=80))
def test_any_text_is_either_made_by_one_bucket_or_by_none(text):
    bucket = FORM.bucket_in(text)
    assert bucket is None or FORM.filled(bucket) == text


@given(NAMES, st.booleans())
def test_a_note_is_the_same_after_it_was_a_key(bucket, is_deletion):
    assert BucketNote.of_key(BucketNote(bucket, is_deletion).key) == BucketNote(bucket, is_deletion)


@pytest.mark.parametrize("name", ["", ".", "..", "*", "photos?deleted", "a/b"])
def test_what_is_no_name_of_a_bucket_makes_no_note(name):
    assert not is_bucket(name)
