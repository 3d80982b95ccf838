"""Google Cloud Storage on loopback as its documentation has it, for what emulators leave out. All of it is in memory.

Each rule names the page of the documentation that it comes from, so that a difference can be looked up.
"""

from __future__ import annotations

import gzip
import hmac
import json
import re
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self
from urllib.parse import parse_qsl, unquote, urlsplit

from brigade.testing.gcs_fake_objects import Bucket, Refused, not_found

_RANGE = re.compile(r"bytes=(\d+)-(\d*)").fullmatch
_PATHS = [
    (re.compile(pattern).fullmatch, name)
    for pattern, name in (
        (r"/storage/v1/b", "buckets"),
        (r"/storage/v1/b/([^/]+)", "bucket"),
        (r"/storage/v1/b/([^/]+)/o", "objects"),
        (r"/storage/v1/b/([^/]+)/o/([^/]+)", "object"),
        (r"/storage/v1/b/([^/]+)/o/([^/]+)/compose", "compose"),
        (r"/storage/v1/b/([^/]+)/o/([^/]+)/rewriteTo/b/([^/]+)/o/([^/]+)", "rewrite"),
        (r"/upload/storage/v1/b/([^/]+)/o", "upload"),
        (r"/token", "token"),
    )
]


class Reply(Exception):
    """An answer that is no document."""

    def __init__(self, status: int, headers: dict[str, str], body: bytes) -> None:
        super().__init__(status)
        self.status, self.headers, self.body = status, headers, body


class _Listener(ThreadingHTTPServer):
    # With the usual five a burst of connections waits a second.
    request_queue_size = 128
    daemon_threads = True


class GcsFake:
    """The server; `with GcsFake() as fake` runs it.

    `token`: what a request must bear. `throttle(n)` answers n requests with 429. `damage(n)` stores one bit wrong
    of the next n uploads, after their digests were checked. `requests` is what came: method, name of the call, query.
    """

    def __init__(self, *, token: str | None = None) -> None:
        self.token = token
        self.buckets: dict[str, Bucket] = {}
        self.requests: list[tuple[str, str, dict[str, str]]] = []
        self.tokens_given = 0
        self._lock = threading.Lock()
        self._served_first = self._throttled = 0
        self._damaged = 0
        self._held = ""
        self._go_on = threading.Event()
        self._server = _Listener(("127.0.0.1", 0), _handler_of(self))
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def throttle(self, times: int, *, after: int = 0) -> None:
        """Refuse so many requests with 429, once some more have been served."""
        self._served_first, self._throttled = after, times

    def damage(self, times: int) -> None:
        """Store the next uploads wrong."""
        self._damaged = times

    def make_bucket(self, name: str) -> None:
        """Make an empty bucket."""
        self.buckets[name] = Bucket(name, server=self.url)

    def hold(self, call: str) -> None:
        """Let requests of this name wait for `release`; a client that goes meanwhile gets nothing done."""
        self._held = call
        self._go_on.clear()

    def release(self) -> None:
        """Forget the requests that wait, and serve others as usual."""
        self._held = ""
        self._go_on.set()

    def calls(self) -> list[str]:
        """The names of the calls so far, in their order."""
        return [name for _, name, _ in self.requests]

    def answer(self, method: str, target: str, headers: dict[str, str], body: bytes) -> dict[str, Any] | None:
        """The document that a request is answered with. Raises `Refused`, and `Reply` for all that is no document."""
        parts = urlsplit(target)
        query = dict(parse_qsl(parts.query, keep_blank_values=True))
        name, matched = next(((name, found) for match, name in _PATHS if (found := match(parts.path))), ("", None))
        if matched is None:
            raise Refused(404, "notFound", "Not Found")
        with self._lock:
            self.requests.append((method, name, query))
            is_held = name == self._held
        if is_held:
            self._go_on.wait(30)
            raise Refused(503, "backendError", "It was held back.")
        with self._lock:
            if self._served_first:
                self._served_first -= 1
            elif self._throttled:
                self._throttled -= 1
                raise Refused(429, "rateLimitExceeded", "The object exceeded the rate limit.")
            bearer = headers.get("authorization", "")
            if self.token is not None and name != "token" and not hmac.compare_digest(bearer, f"Bearer {self.token}"):
                raise Refused(401, "authError", "Invalid Credentials")
            names = [unquote(group) for group in matched.groups()]
            answer: dict[str, Any] | None = getattr(self, f"_{name}")(method, names, query, headers, body)
        fields = query.get("fields")
        return _only(answer, fields) if answer is not None and fields else answer

    def _bucket_of(self, name: str) -> Bucket:
        if name not in self.buckets:
            raise Refused(404, "notFound", "The specified bucket does not exist.")
        return self.buckets[name]

    def _token(self, method: str, _names: list[str], _query: Any, _headers: Any, _body: bytes) -> dict[str, Any]:
        assert method == "POST"
        self.tokens_given += 1
        return {"access_token": self.token or "fake", "expires_in": 3600, "token_type": "Bearer"}

    def _buckets(
        self, method: str, _names: list[str], query: dict[str, str], _headers: Any, body: bytes
    ) -> dict[str, Any]:
        if "project" not in query:
            raise Refused(400, "required", "Required parameter: project")
        if method == "GET":
            names = sorted(self.buckets)
            first, most = int(query.get("pageToken", 0)), int(query.get("maxResults", 1000))
            more = {"nextPageToken": str(first + most)} if first + most < len(names) else {}
            return {"items": [{"name": name} for name in names[first : first + most]], **more}
        wanted = json.loads(body)
        if wanted["name"] in self.buckets:
            # "Buckets: insert", "HTTP status and error codes for JSON" (409 conflict)
            raise Refused(409, "conflict", "Your previous request to create the named bucket succeeded.")
        self.buckets[wanted["name"]] = Bucket(wanted["name"], wanted.get("storageClass", "STANDARD"), server=self.url)
        return wanted  # type: ignore[no-any-return]

    def _bucket(self, method: str, names: list[str], _query: Any, _headers: Any, _body: bytes) -> dict[str, Any] | None:
        bucket = self._bucket_of(names[0])
        if method == "GET":
            return {"name": bucket.name}
        if bucket.live or bucket.older:
            # "Buckets: delete": the bucket must be empty
            raise Refused(409, "conflict", "The bucket you tried to delete is not empty.")
        del self.buckets[names[0]]
        return None

    def _objects(
        self, _method: str, names: list[str], query: dict[str, str], _headers: Any, _body: bytes
    ) -> dict[str, Any]:
        return self._bucket_of(names[0]).listed(query)

    def _upload(
        self, _method: str, names: list[str], query: dict[str, str], headers: dict[str, str], body: bytes
    ) -> dict[str, Any]:
        bucket = self._bucket_of(names[0])
        resource, kind, data = _related(headers["content-type"], body)
        stored = bucket.insert(query.get("name") or resource["name"], resource, kind, data, query)
        if self._damaged and data:
            self._damaged -= 1
            stored.damage()
        return stored.resource

    def _object(
        self, method: str, names: list[str], query: dict[str, str], headers: dict[str, str], body: bytes
    ) -> dict[str, Any] | None:
        bucket, name = self._bucket_of(names[0]), names[1]
        if method == "DELETE":
            bucket.delete(name, query)
            return None
        if method == "PATCH":
            return bucket.patch(name, json.loads(body), query)
        found = bucket.find(name, query.get("generation"))
        bucket.check(found, query, reading=True)
        if found is None:
            raise not_found(bucket.name, name)
        if query.get("alt") != "media":
            return found.resource
        raise _download(found.resource, found.data, headers)

    def _compose(
        self, _method: str, names: list[str], query: dict[str, str], _headers: Any, body: bytes
    ) -> dict[str, Any]:
        return self._bucket_of(names[0]).compose(names[1], json.loads(body), query)

    def _rewrite(
        self, _method: str, names: list[str], query: dict[str, str], _headers: Any, body: bytes
    ) -> dict[str, Any]:
        source, target = self._bucket_of(names[0]), self._bucket_of(names[2])
        return target.rewrite(source, names[1], names[3], json.loads(body or b"{}"), query)


def _related(content_type: str, body: bytes) -> tuple[dict[str, Any], str, bytes]:
    """The resource, the type and the content of an upload of two parts ("Objects: insert", "Multipart upload")."""
    boundary = content_type.partition("boundary=")[2].strip('"').encode()
    if not content_type.startswith("multipart/related") or not boundary:
        raise Refused(400, "badContent", "Bad Content-Type")
    first, second = body.split(b"--" + boundary + b"\r\n", 2)[1:]
    resource = json.loads(first.split(b"\r\n\r\n", 1)[1])
    # A part may have no headers at all.
    head, content = (b"\r\n" + second).split(b"\r\n\r\n", 1)
    end = content.rindex(b"\r\n--" + boundary + b"--")
    return resource, head.partition(b":")[2].strip().decode(), content[:end]


def _download(resource: dict[str, Any], data: bytes, headers: dict[str, str]) -> Reply:
    answer = {
        "content-type": resource.get("contentType", "application/octet-stream"),
        "x-goog-generation": resource["generation"],
        "x-goog-metageneration": resource["metageneration"],
        "x-goog-stored-content-length": resource["size"],
        "x-goog-hash": f"crc32c={resource['crc32c']}",
    }
    if "contentEncoding" in resource:
        if "gzip" in headers.get("accept-encoding", "") or resource["contentEncoding"] != "gzip":
            answer["content-encoding"] = resource["contentEncoding"]
        else:
            # "Transcoding of gzip-compressed files": decompressed unless the request accepts gzip
            return Reply(200, {**answer, "warning": "214 UploadServer gunzipped"}, gzip.decompress(data))
    wanted = _RANGE(headers.get("range", ""))
    if wanted is None:
        return Reply(200, answer, data)
    first, last = int(wanted[1]), min(int(wanted[2] or len(data)), len(data) - 1)
    if first > last:
        # "HTTP status and error codes for JSON": 416
        return Reply(416, {}, b"The requested range cannot be satisfied.")
    return Reply(206, {**answer, "content-range": f"bytes {first}-{last}/{len(data)}"}, data[first : last + 1])


def _only(document: dict[str, Any], fields: str) -> dict[str, Any]:
    """Partial response ("Improve performance", "Partial responses"): `a,b,items(c,d)`."""
    kept: dict[str, Any] = {}
    for name, below in re.findall(r"([\w]+)(?:\(([^)]*)\))?", fields):
        if name not in document:
            continue
        value = document[name]
        if below and isinstance(value, list):
            value = [_only(each, below) for each in value]
        elif below:
            value = _only(value, below)
        kept[name] = value
    return kept


def _handler_of(fake: GcsFake) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def _serve(self) -> None:
            body = self._body()
            if body is None:
                self.close_connection = True
                return
            headers = {name.lower(): value for name, value in self.headers.items()}
            try:
                document = fake.answer(self.command, self.path, headers, body)
            except Reply as reply:
                self._send(reply.status, reply.headers, reply.body)
            except Refused as refused:
                text_only = "alt=media" in self.path
                retry = {"retry-after": "0"} if refused.status == 429 else {}
                self._send(refused.status, retry, refused.text.encode() if text_only else refused.document())
            else:
                kind = {"content-type": "application/json; charset=UTF-8"}
                data = json.dumps(document).encode() if document is not None else b""
                self._send(200 if document is not None else 204, kind, data)

        def _body(self) -> bytes | None:
            """What came with the request, None if the client went away before its end."""
            if "chunked" in self.headers.get("transfer-encoding", ""):
                return self._chunks()
            length = int(self.headers.get("content-length", 0))
            body = self.rfile.read(length)
            return body if len(body) == length else None

        def _chunks(self) -> bytes | None:
            """The body of a client that did not know its size; Google's own libraries are such."""
            pieces = []
            while size := self.rfile.readline().strip():
                pieces.append(self.rfile.read(int(size, 16)))
                self.rfile.readline()
                if not int(size, 16):
                    return b"".join(pieces)
            return None

        do_GET = do_POST = do_PATCH = do_DELETE = do_PUT = _serve  # noqa: N815

        def _send(self, status: int, headers: dict[str, str], body: bytes) -> None:
            lines = [f"HTTP/1.1 {status} Fake", f"date: {self.date_time_string()}"]
            lines += [f"{name}: {value}" for name, value in headers.items()]
            lines += [f"content-length: {len(body)}", "", ""]
            head = "\r\n".join(lines).encode("utf-8", "surrogateescape")
            try:
                self.wfile.write(head + body if len(body) < 65536 else head)
                if len(body) >= 65536:
                    self.wfile.write(body)
            except (ConnectionError, BrokenPipeError):
                self.close_connection = True

        def log_message(self, *_: Any) -> None:
            """Silence: failed tests say enough."""

    return Handler
