"""What a user of Google, Azure or Swift reads who has the wrong credentials, or not the package that finds them."""

from __future__ import annotations

import os

import pytest

from brigade.testing.azurite import AzuriteServer
from brigade.testing.gcs_fake import GcsFake
from brigade.testing.swift import SwiftServer

NOWHERE = "http://127.0.0.1:9"
EXTRAS = {
    "gcs": ("google", {"type": "gcs", "endpoint": NOWHERE, "credentials": "{}"}),
    "azure": ("azure.identity", {"type": "azure", "account": "acc", "endpoint": f"{NOWHERE}/acc"}),
    "swift": ("keystoneauth1", {"type": "swift", "auth_url": f"{NOWHERE}/v3", "user": "me", "key": "x"}),
}


@pytest.mark.parametrize("extra", EXTRAS)
async def test_a_missing_extra_is_one_line_with_the_command_that_installs_it(brigade, tmp_path, extra):
    module, section = EXTRAS[extra]
    (tmp_path / "without").mkdir()
    (tmp_path / "without" / "sitecustomize.py").write_text(f"import sys\nsys.modules[{module!r}] = None\n")
    brigade.have("store", {}, **section)
    path = os.pathsep.join([str(tmp_path / "without"), os.environ.get("PYTHONPATH", "")])
    ran = await brigade("ls", "store:bucket", env={"PYTHONPATH": path})
    assert (ran.code, ran.out, len(ran.err.splitlines())) == (2, "", 1), ran.words
    assert f"pip install 'bucket-brigade[{extra}]'" in ran.err


async def refused(brigade, secrets, **section):
    """The one line of a store that refuses these credentials."""
    brigade.have("store", secrets, **section)
    ran = await brigade("ls", "store:bucket")
    assert (ran.code, ran.out, len(ran.err.splitlines())) == (1, "", 1), ran.words
    assert not [secret for secret in secrets.values() if secret in ran.err]
    return ran.err


@pytest.mark.server
async def test_google_refuses_a_token_in_one_line(brigade):
    with GcsFake(token="good") as google:
        google.make_bucket("bucket")
        line = await refused(brigade, {"access_token": "b4d"}, type="gcs", endpoint=google.url)
    assert "store:bucket open: access denied" in line
    assert "check the credentials" in line


@pytest.mark.server
@pytest.mark.skipif(AzuriteServer.missing() is not None, reason=str(AzuriteServer.missing()))
@pytest.mark.parametrize(
    "secret", [{"key": "d3JvbmcsIHNvIHdyb25n"}, {"sas": "sv=2021-12-02&sig=wr0ng"}], ids=["key", "SAS"]
)
async def test_azure_refuses_credentials_in_one_line(brigade, running, secret):
    at = running("azurite").endpoint
    line = await refused(brigade, secret, type="azure", endpoint=at.url)
    assert "store:bucket open: access denied" in line
    assert "check the credentials" in line


@pytest.mark.server
@pytest.mark.skipif(SwiftServer.missing() is not None, reason=str(SwiftServer.missing()))
async def test_swift_refuses_a_log_in_and_a_token_in_one_line(brigade, running):
    server = running("swift")
    line = await refused(brigade, {"key": "wr0ng"}, type="swift", auth_url=server.auth_url, user=server.user)
    assert "the log-in was refused (check user and key of the store)" in line
    url = f"http://127.0.0.1:{server.port}/v1/AUTH_test"
    line = await refused(brigade, {"token": "AUTH_tkb4d"}, type="swift", storage_url=url)
    assert "the server refuses the token (fetch a new token)" in line
