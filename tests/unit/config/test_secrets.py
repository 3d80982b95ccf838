"""Every key that takes a secret is known as one."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import BaseModel

from brigade.config.load import load_config
from brigade.config.model import Config
from brigade.config.secrets import is_secret, password_of, secrets_of

CONFIG = """\
state: postgresql://user:state%2Fcanary@host/db
stores:
  a: {type: s3, access_key: public, secret_key: store-canary, session_token: session-canary}
  b: {type: s3, encryption: sse-c, customer_key: MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE=}
gateway:
  store: a
  users: {ann: {keys: [{access_key: ann, secret_key: gateway-canary}]}}
webhook: {secrets: [webhook-canary-1, webhook-canary-2]}
"""


def test_all_of_them_are_found(tmp_path: Path):
    file = tmp_path / "brigade.yaml"
    file.write_text(CONFIG)
    assert secrets_of(load_config(file, {}).config) == {
        "state%2Fcanary",
        "state/canary",
        "store-canary",
        "session-canary",
        "MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE=",
        "gateway-canary",
        "webhook-canary-1",
        "webhook-canary-2",
    }


def test_nothing_is_found_where_there_is_nothing():
    assert secrets_of(Config()) == set()


@pytest.mark.parametrize("url", ["sqlite:///x.db", "postgresql://user@host/db", "not a url", "http://[::1"])
def test_a_url_without_a_password_has_none(url):
    assert password_of(url) == set()


def sections(model: type[BaseModel], seen: set[type[BaseModel]]) -> set[type[BaseModel]]:
    """Every model below this one."""

    def models(annotation: object):
        if isinstance(annotation, type) and issubclass(annotation, BaseModel):
            yield annotation
        for each in getattr(annotation, "__args__", ()):
            yield from models(each)

    if model not in seen:
        seen.add(model)
        for field in model.model_fields.values():
            for each in models(field.annotation):
                sections(each, seen)
    return seen


def test_whatever_is_called_a_secret_is_declared_as_one_and_keeps_out_of_its_repr():
    named = ("secret", "password", "token", "customer_key")
    found = [
        (model.__name__, name, field)
        for model in sections(Config, set())
        for name, field in model.model_fields.items()
        if any(word in name for word in named)
    ]
    assert len(found) >= 5
    for model, name, field in found:
        assert is_secret(field), (model, name)
        assert not field.repr, (model, name)
