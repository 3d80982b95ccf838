"""What a description of an S3 bucket must not be, and must not show."""

from __future__ import annotations

from typing import Any

import pytest

from brigade.errors import ConfigError
from brigade.stores.s3.settings import Encryption, S3Settings


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"bucket": ""}, "bucket"),
        ({"bucket": "a/b"}, "bucket"),
        ({"access_key": "A"}, "go together"),
        ({"secret_key": "hush"}, "go together"),
        ({"access_key": "A", "secret_key": "hush", "anonymous": True}, "exclude"),
        ({"encryption": Encryption.SSE_C}, "32 bytes"),
        ({"encryption": Encryption.SSE_C, "customer_key": b"short"}, "32 bytes"),
        ({"endpoint": "s3.example.com"}, "is no URL"),
        ({"endpoint": "ftp://s3.example.com"}, "is no URL"),
        ({"endpoint": "https://"}, "is no URL"),
        ({"endpoint": "https://h:99999"}, "is no URL"),
        ({"endpoint": "https://user:hush@h"}, "nothing but"),
        ({"endpoint": "https://h/?x=1"}, "nothing but"),
    ],
)
def test_settings_that_make_no_sense_name_the_store_and_the_reason(changes: Any, words: Any) -> None:
    with pytest.raises(ConfigError, match=words) as caught:
        S3Settings(**({"name": "here", "bucket": "photos"} | changes))
    assert "'here'" in str(caught.value)
    assert "secret" not in str(caught.value).replace("secret_key", "")


def test_secrets_do_not_show() -> None:
    text = repr(
        S3Settings(
            "s", "b", access_key="AKID", secret_key="hush", session_token="hush", encryption=Encryption.SSE_C,
            customer_key=b"hush" * 8,
        )
    )  # fmt: skip
    assert "AKID" in text
    assert "hush" not in text
