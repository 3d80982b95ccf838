"""The scene of the demonstration: two real S3 servers, one of them filled with what a bucket really holds."""

from __future__ import annotations

import json
import os
import secrets
import shutil
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from brigade.testing.processes import free_port
from brigade.testing.servers import Endpoint, SeaweedServer

# Keys that tools like to spoil: blanks, escapes, characters of several bytes, and a pair whose order servers dispute.
ODD_KEYS = (
    "odd/sp ace",
    "odd/plus+",
    "odd/per%cent",
    "odd/\u00fc-NFC",
    "odd/u\u0308-NFD",
    "odd/\U0001f600",
    "odd/tab\t",
    "odd/q?&=#",
    "odd/a",
    "odd/a-b",
    "odd/a.b",
    "odd/a0",
    "odd/" + "k" * 200,
)
LARGE_KEY = "large/three-parts.bin"
PART_BYTES = 5 * 1024 * 1024

_CONFIG = """\
state: brigade.db
stores:
  old:
    type: s3
    endpoint: {old}
    access_key: ${{OLD_KEY}}
    secret_key: ${{OLD_SECRET}}
  new:
    type: s3
    endpoint: {new}
    access_key: ${{NEW_KEY}}
    secret_key: ${{NEW_SECRET}}
replications:
  photos:
    source: old:{bucket}
    target: new:{bucket}
    live: [gateway]
    delete: tracked
api: {{listen: "127.0.0.1:{api_port}"}}
gateway:
  listen: 127.0.0.1:{port}
  store: old
  users:
    ann: {{keys: [{{access_key: ann, secret_key: "${{ANN_SECRET}}"}}]}}
"""


class Scene(NamedTuple):
    """Two servers with a bucket each, a folder with a configuration for them, and the environment it refers to."""

    old: SeaweedServer
    new: SeaweedServer
    bucket: str
    directory: Path
    environment: dict[str, str]
    gateway: Endpoint
    api_url: str


@contextmanager
def scene(directory: Path) -> Iterator[Scene]:
    """Start both servers and make their buckets; both end with the block."""
    with SeaweedServer() as old, SeaweedServer() as new:
        bucket = old.make_bucket("photos")
        client = new.endpoint.client()
        client.create_bucket(Bucket=bucket)
        client.close()
        port, api_port = free_port(), free_port()
        config = _CONFIG.format(old=old.endpoint.url, new=new.endpoint.url, bucket=bucket, port=port, api_port=api_port)
        (directory / "brigade.yaml").write_text(config)
        environment = {
            "OLD_KEY": old.endpoint.access_key,
            "OLD_SECRET": old.endpoint.secret_key,
            "NEW_KEY": new.endpoint.access_key,
            "NEW_SECRET": new.endpoint.secret_key,
            "ANN_SECRET": secrets.token_hex(16),
        }
        url = f"http://127.0.0.1:{port}"
        gateway = Endpoint("gateway", url, old.endpoint.region, "ann", environment["ANN_SECRET"])
        yield Scene(old, new, bucket, directory, environment, gateway, f"http://127.0.0.1:{api_port}")


def gather_files(directory: Path) -> int:
    """Copy this program's own files into a folder: the repository it runs from, or else the installed package."""
    package = Path(__file__).resolve().parent.parent
    repository = package.parent.parent
    root = repository if (repository / "pyproject.toml").is_file() else package
    count = 0
    for folder, below, files in os.walk(root):
        # What tools keep for themselves: environments, caches, the history.
        below[:] = [name for name in below if not name.startswith(".") and name != "__pycache__"]
        place = directory / Path(folder).relative_to(root)
        place.mkdir(parents=True, exist_ok=True)
        for name in files:
            shutil.copy2(Path(folder, name), place / name)
        count += len(files)
    return count


def add_odd_objects(place: Scene) -> int:
    """Put objects with odd keys, metadata, tags and one multipart upload; returns how many."""
    client: Any = place.old.endpoint.client()
    for number, key in enumerate(ODD_KEYS):
        client.put_object(
            Bucket=place.bucket,
            Key=key,
            Body=f"object {number}\n".encode() * number,
            ContentType="text/plain; charset=utf-8",
            CacheControl="max-age=3600",
            Metadata={"owner": "the demo", "number": str(number)},
            Tagging=f"number={number}&team=storage",
        )
    _upload_in_parts(client, place.bucket)
    client.close()
    return len(ODD_KEYS) + 1


def _upload_in_parts(client: Any, bucket: str) -> None:
    where = {"Bucket": bucket, "Key": LARGE_KEY}
    upload_id = client.create_multipart_upload(**where, ContentType="application/octet-stream")["UploadId"]
    parts = []
    for number, size_bytes in enumerate((PART_BYTES, PART_BYTES, 12345), start=1):
        body = bytes([number]) * size_bytes
        answer = client.upload_part(**where, UploadId=upload_id, PartNumber=number, Body=body)
        parts.append({"PartNumber": number, "ETag": answer["ETag"]})
    client.complete_multipart_upload(**where, UploadId=upload_id, MultipartUpload={"Parts": parts})


def damage(place: Scene, key: str) -> None:
    """Overwrite one object at the target with other bytes of the same length: what a careless hand does."""
    client: Any = place.new.endpoint.client()
    size_bytes = client.head_object(Bucket=place.bucket, Key=key)["ContentLength"]
    client.put_object(Bucket=place.bucket, Key=key, Body=b"?" * size_bytes, ContentType="text/plain; charset=utf-8")
    client.close()


def write_objects(place: Scene, name: str, count: int) -> None:
    """Put objects through the gateway: what a client does all day."""
    client: Any = place.gateway.client()
    for number in range(count):
        key = f"live/{name}/{number:03}"
        client.put_object(Bucket=place.bucket, Key=key, Body=key.encode() * 100, Metadata={"by": "ann"})
    client.close()


def delete_object(place: Scene, name: str) -> None:
    """Delete the first of those objects through the gateway."""
    client: Any = place.gateway.client()
    client.delete_object(Bucket=place.bucket, Key=f"live/{name}/000")
    client.close()


def count_at_new(place: Scene, name: str) -> int:
    """How many of those objects the new server has."""
    client: Any = place.new.endpoint.client()
    answer = client.list_objects_v2(Bucket=place.bucket, Prefix=f"live/{name}/")
    client.close()
    return int(answer["KeyCount"])


def proofs(report: Path) -> Counter[str]:
    """How many objects of a report were proven in which way."""
    with report.open(encoding="ascii") as lines:
        return Counter(json.loads(line)["proof"] for line in lines)
