"""Heads of requests and answers."""

from __future__ import annotations

import pytest

from brigade.errors import Rejected, Unavailable
from brigade.stores.http.heads import CHUNKED, UNTIL_CLOSE, request_head, response_head


def test_a_request_head_holds_target_and_headers_as_given_and_the_length() -> None:
    head = request_head("PUT", "/b/%2F//..?x&y=%20", [("Host", "h:1"), ("x-amz-meta-ä", "Ü")], "other", 5)
    expected = "PUT /b/%2F//..?x&y=%20 HTTP/1.1\r\nHost: h:1\r\nx-amz-meta-ä: Ü\r\nContent-Length: 5\r\n\r\n"
    assert head == expected.encode()


def test_a_request_without_host_gets_the_origins() -> None:
    assert request_head("GET", "/", [], "h:1", None) == b"GET / HTTP/1.1\r\nHost: h:1\r\n\r\n"


@pytest.mark.parametrize("method", ["PUT", "POST"])
def test_a_put_or_post_without_body_says_length_zero(method: str) -> None:
    assert b"\r\nContent-Length: 0\r\n" in request_head(method, "/", [], "h", None)


@pytest.mark.parametrize("bad", ["a\r\nX-Evil: 1", "a\nb", "a\rb", "a\0b"])
def test_a_line_break_or_nul_in_a_header_or_the_target_is_refused(bad: str) -> None:
    with pytest.raises(Rejected):
        request_head("PUT", "/", [("x-amz-meta-a", bad)], "h", 0)
    with pytest.raises(Rejected):
        request_head("PUT", f"/{bad}", [], "h", 0)


def test_header_names_are_lower_case_repeated_ones_joined_and_values_kept() -> None:
    head = response_head("HTTP/1.1 200 OK\r\nX-A:  1 \r\nx-a:2\r\nX-Ü: é: b\r\nEmpty:".encode(), "GET")
    assert head.headers == {"x-a": "1, 2", "x-ü": "é: b", "empty": ""}


def test_bytes_that_are_not_utf8_survive_in_a_header() -> None:
    value = response_head(b"HTTP/1.1 200 OK\r\nx: \xff\xfe", "GET").headers["x"]
    assert value.encode("utf-8", "surrogateescape") == b"\xff\xfe"


@pytest.mark.parametrize(
    ("method", "text", "framing"),
    [
        ("GET", "200 OK\r\nContent-Length: 12", 12),
        ("GET", "200 OK\r\nContent-Length: 12\r\nContent-Length: 12", 12),
        ("GET", "200 OK\r\nTransfer-Encoding: Chunked", CHUNKED),
        ("GET", "200 OK\r\nTransfer-Encoding: chunked\r\nContent-Length: 3", CHUNKED),
        ("GET", "200 OK", UNTIL_CLOSE),
        ("GET", "200", UNTIL_CLOSE),
        ("HEAD", "200 OK\r\nContent-Length: 12", 0),
        ("HEAD", "200 OK\r\nTransfer-Encoding: chunked", 0),
        ("GET", "304 Not Modified\r\nContent-Length: 12", 0),
        ("DELETE", "204 No Content", 0),
        ("PUT", "100 Continue", 0),
    ],
)
def test_the_framing_follows_method_status_and_headers(method: str, text: str, framing: int) -> None:
    assert response_head(f"HTTP/1.1 {text}".encode(), method).framing == framing


@pytest.mark.parametrize(
    ("text", "keep_alive"),
    [
        ("HTTP/1.1 204 No", True),
        ("HTTP/1.1 204 No\r\nConnection: close", False),
        ("HTTP/1.1 204 No\r\nConnection: x, Close", False),
        ("HTTP/1.1 204 No\r\nConnection: keep-alive", True),
        ("HTTP/1.0 204 No", False),
        ("HTTP/1.0 204 No\r\nConnection: Keep-Alive", True),
        ("HTTP/1.1 200 OK", False),
        ("HTTP/1.1 200 OK\r\nContent-Length: 3\r\nTransfer-Encoding: chunked", False),
    ],
)
def test_keep_alive_follows_version_connection_header_and_framing(text: str, keep_alive: bool) -> None:
    assert response_head(text.encode(), "GET").keep_alive is keep_alive


@pytest.mark.parametrize(
    "text",
    [
        "",
        "SSH-2.0-OpenSSH_9.2",
        "HTTP/2 200 OK",
        "HTTP/1.1 20 OK",
        "HTTP/1.1 2000 OK",
        "HTTP/1.1 abc OK",
        "HTTP/1.1 ²00 OK",
        "HTTP/1.1 200 OK\r\nno colon",
        "HTTP/1.1 200 OK\r\n: no name",
        "HTTP/1.1 200 OK\r\nname : value",
        "HTTP/1.1 200 OK\r\na: b\r\n folded: c",
        "HTTP/1.1 200 OK\r\nContent-Length: -1",
        "HTTP/1.1 200 OK\r\nContent-Length: 1_0",
        "HTTP/1.1 200 OK\r\nContent-Length: ٣",
        "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2",
        "HTTP/1.1 200 OK\r\nContent-Length: 99999999999999999999",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked",
    ],
)
def test_what_is_not_http_is_an_error(text: str) -> None:
    with pytest.raises(Unavailable, match="not valid HTTP"):
        response_head(text.encode(), "GET")
