"""What all tools run on: a SeaweedFS, buckets, the tools' own configuration files, and the look at the outcome.

One server holds both buckets. Server and tools share the machine's cores, and a second server would only take more of
them for the same requests (a fifth, measured); what is compared is the tools.
"""

from __future__ import annotations

import compileall
import html
import os
import re
import shutil
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import brigade
from bench.data import Data
from bench.measure import Command, measure, process_cpu_seconds
from brigade.testing.processes import StartFailed
from brigade.testing.servers import Endpoint, SeaweedServer

# A server that uses less than this of one core has done what the last run left it to do.
_CALM_SHARE, _CALM_LIMIT_SECONDS = 0.1, 15.0
# In memory, if there is room: the disk of a shared machine would be measured along with the tools.
_MEMORY_DIRECTORY, _MEMORY_NEEDED_BYTES = Path("/dev/shm"), 12 * 1024**3
_ENTRY = re.compile(r"<Contents>(.*?)</Contents>", re.DOTALL)
_Kept = TypeVar("_Kept")


class BenchServer(SeaweedServer):
    """A server that drops a full bucket at once; deleting its objects one by one would take longer than copying them."""

    def _arguments(self) -> list[str]:
        refused = "-s3.allowDeleteBucketNotEmpty=false"
        return [refused.replace("false", "true") if text == refused else text for text in super()._arguments()]


class Seen(NamedTuple):
    """One object in a listing."""

    size_bytes: int
    etag: str
    modified: str


class Configs(NamedTuple):
    """The configuration files of the tools that need one."""

    brigade: Path
    rclone: Path


class Ground:
    """A server, its buckets, and a directory that goes when the benchmark ends."""

    def __init__(self, directory: Path, durable_directory: Path, server: BenchServer) -> None:
        self.directory = directory
        # On a disk even if the rest is in memory: for a state whose commits shall cost what they cost.
        self.durable_directory = durable_directory
        self.endpoint = server.endpoint
        self._server = server
        self._client = _client(server.endpoint)
        # Whatever proxy the environment names: the server is on this machine.
        self._opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        self._buckets = 0
        self._more_pids: list[int] = []
        self._kept: dict[str, Any] = {}
        self._stack = ExitStack()
        self.config = self.write_configs("server", server.endpoint.url)

    def kept(self, name: str, make: Callable[[], AbstractContextManager[_Kept]]) -> _Kept:
        """What several workloads share: made when first asked for, gone when the benchmark ends."""
        if name not in self._kept:
            self._kept[name] = self._stack.enter_context(make())
        kept: _Kept = self._kept[name]
        return kept

    def make_bucket(self) -> str:
        """A fresh bucket."""
        self._buckets += 1
        bucket = f"bench-{self._buckets:04d}"
        self._client.create_bucket(Bucket=bucket)
        return bucket

    def drop_bucket(self, bucket: str) -> None:
        """Delete a bucket with all that is in it."""
        self._client.delete_bucket(Bucket=bucket)

    def listing(self, bucket: str) -> dict[str, Seen]:
        """Every object, read by means that are neither ours nor a peer's. Keys are those of `key_of`: plain ASCII."""
        found: dict[str, Seen] = {}
        token = ""
        while True:
            more = {"ContinuationToken": token} if token else {}
            url = self._client.generate_presigned_url("list_objects_v2", Params={"Bucket": bucket, **more})
            page = self._get(url)
            for entry in _ENTRY.findall(page):
                found[_field("Key", entry)] = Seen(
                    int(_field("Size", entry)), _field("ETag", entry).strip('"'), _field("LastModified", entry)
                )
            if _field("IsTruncated", page) != "true":
                return found
            token = _field("NextContinuationToken", page)

    def _get(self, url: str) -> str:
        with self._opener.open(url, timeout=60) as answer:
            text: str = answer.read().decode()
        return text

    def trouble(self, bucket: str, data: Data) -> str:
        """What is wrong with a copy of `data`; empty if every object is there with an ETag that it may have."""
        found = self.listing(bucket)
        missing = [key for key in data.etags if key not in found]
        if missing:
            return f"{len(missing)} of {data.objects} objects are missing, {missing[0]} first"
        if len(found) > data.objects:
            return f"{len(found) - data.objects} objects too many"
        for key, seen in found.items():
            if seen.size_bytes != data.size_bytes or seen.etag not in data.etags[key]:
                return f"{key} came out with {seen.size_bytes} bytes and the ETag {seen.etag}"
        return ""

    def url_of(self, bucket: str, key: str) -> str:
        """Where whoever has this URL may read an object for an hour."""
        url: str = self._client.generate_presigned_url("get_object", Params={"Bucket": bucket, "Key": key})
        return url

    def add_servers(self, pids: Iterable[int]) -> None:
        """Count these processes as servers, too: an idle one costs nothing."""
        self._more_pids += pids

    @property
    def server_pids(self) -> list[int]:
        """The processes of the servers."""
        return [*self._server.pids, *self._more_pids]

    def server_cpu_seconds(self) -> float:
        """What the server has used so far."""
        return process_cpu_seconds(self.server_pids)

    def calm_down(self, seconds: float) -> None:
        """Wait until the server was calm for so long: what the last run left it to do must not burden the next one."""
        until = time.monotonic() + _CALM_LIMIT_SECONDS
        used = self.server_cpu_seconds()
        while seconds and time.monotonic() < until:
            time.sleep(seconds)
            before, used = used, self.server_cpu_seconds()
            if used - before < _CALM_SHARE * seconds:
                return

    def close(self) -> None:
        self._stack.close()
        self._client.close()

    def write_configs(self, name: str, url: str) -> Configs:
        """Configuration files that call one endpoint `source` and `target`."""
        at = replace(self.endpoint, url=url)
        return Configs(
            self.write(f"{name}.yaml", _brigade_yaml(at)),
            self.write(f"{name}.conf", _rclone_conf(at)),
        )

    def write(self, name: str, text: str) -> Path:
        """A file that only we may read."""
        path = self.directory / name
        with open(path, "w", opener=lambda file, flags: os.open(file, flags, 0o600)) as file:
            file.write(text)
        return path


def _client(at: Endpoint) -> Any:
    import botocore.session
    from botocore.config import Config

    return botocore.session.get_session().create_client(
        "s3",
        endpoint_url=at.url,
        region_name=at.region,
        aws_access_key_id=at.access_key,
        aws_secret_access_key=at.secret_key,
        config=Config(signature_version="s3v4", s3={"addressing_style": "path"}, retries={"max_attempts": 1}),
    )


def _field(name: str, text: str) -> str:
    start = text.index(f"<{name}>") + len(name) + 2
    return html.unescape(text[start : text.index("</", start)])


def _brigade_yaml(at: Endpoint) -> str:
    place = (
        f"{{type: s3, endpoint: '{at.url}', region: {at.region}, "
        f"access_key: '{at.access_key}', secret_key: '{at.secret_key}'}}"
    )
    return f"stores:\n  source: {place}\n  target: {place}\n"


def _rclone_conf(at: Endpoint) -> str:
    # Two remotes by two names: under one name rclone would have the server copy, and no byte would pass.
    lines = ["type = s3", "provider = SeaweedFS", f"endpoint = {at.url}", f"region = {at.region}"]
    lines += [f"access_key_id = {at.access_key}", f"secret_access_key = {at.secret_key}", ""]
    return "\n".join([line for side in ("source", "target") for line in (f"[{side}]", *lines)])


@contextmanager
def prepared() -> Iterator[Ground]:
    """Start the server, and leave nothing of it behind."""
    # An installed program has its bytecode; here the environment may forbid to write it, and each run would make it anew.
    compileall.compile_dir(Path(brigade.__file__).parent, quiet=1)
    with ExitStack() as stack:
        directory = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="brigade-bench-", dir=_roomy())))
        server_directory = directory / "server"
        server_directory.mkdir()
        durable = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="brigade-bench-")))
        ground = Ground(directory, durable, stack.enter_context(BenchServer(server_directory)))
        stack.callback(ground.close)
        yield ground


def must(ground: Ground, command: Command, timeout_seconds: float) -> None:
    """Run what a workload needs first. Raises `StartFailed`."""
    measured = measure(command, directory=ground.directory, timeout_seconds=timeout_seconds)
    if measured.exit_code != 0:
        program = Path(command.arguments[0]).name
        raise StartFailed(
            f"preparing by {program} ended with {measured.exit_code}: {measured.errors or measured.output}"
        )


def _roomy() -> str | None:
    try:
        return str(_MEMORY_DIRECTORY) if shutil.disk_usage(_MEMORY_DIRECTORY).free > _MEMORY_NEEDED_BYTES else None
    except OSError:
        return None
