"""One case for each operation of S3, run directly against a store and through the gateway: both must see the same."""

from __future__ import annotations

import http.client
import io
from collections.abc import Callable
from random import Random
from typing import Any
from urllib.parse import urlsplit

import pytest

pytestmark = pytest.mark.server

DATA = Random(7).randbytes(12 * 1024 * 1024)
PART = DATA[: 5 * 1024 * 1024]
CASES: list[Callable[[Any], None]] = []


def case(function: Callable[[Any], None]) -> Callable[[Any], None]:
    """Add a case to the table."""
    CASES.append(function)
    return function


@pytest.mark.parametrize("case", CASES, ids=lambda each: each.__name__)
def test_the_gateway_is_not_to_be_told_from_the_store(visits, case):
    direct, through = visits(case)
    assert direct, "a case that sees nothing proves nothing"
    assert through == direct


def fetch(
    s: Any, url: str, method: str = "GET", headers: dict[str, str] | None = None, body: bytes | None = None
) -> None:
    """A request without boto3."""
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(parts.netloc, timeout=20)
    connection.request(method, f"{parts.path}?{parts.query}" if parts.query else parts.path, body, headers or {})
    answer = connection.getresponse()
    s.answer(method, answer.status, dict(answer.getheaders()), answer.read())
    connection.close()


def put(s: Any, key: str = "key", body: bytes = b"content", **options: Any) -> Any:
    return s.put_object(Bucket=s.bucket, Key=key, Body=body, **options)


def get(s: Any, key: str = "key", **options: Any) -> Any:
    answer = s.get_object(Bucket=s.bucket, Key=key, **options)
    if "Body" in answer:
        s.note("body", answer["Body"].read())
    return answer


@case
def put_get_head_delete(s):
    put(s)
    s.head_object(Bucket=s.bucket, Key="key")
    get(s)
    s.delete_object(Bucket=s.bucket, Key="key")
    get(s)
    s.head_object(Bucket=s.bucket, Key="key")
    s.delete_object(Bucket=s.bucket, Key="key")


@case
def empty_and_large_objects(s):
    put(s, "empty", b"")
    get(s, "empty")
    put(s, "large", PART)
    get(s, "large")


@case
def attributes_of_objects(s):
    put(
        s,
        ContentType="text/x-odd; charset=utf-8",
        ContentEncoding="gzip",
        ContentLanguage="de",
        ContentDisposition='attachment; filename="a b.txt"',
        CacheControl="max-age=1, private",
        Expires="Fri, 20 Nov 2037 12:00:00 GMT",
        Metadata={"one": "1", "two": "a  b", "three": "x,y;z"},
        StorageClass="STANDARD",
        Tagging="a=1&b=x%20y",
    )
    s.head_object(Bucket=s.bucket, Key="key")
    get(s, ResponseContentType="text/other", ResponseCacheControl="no-store", ResponseContentDisposition="inline")


@case
def odd_keys(s):
    for key in (
        "a b",
        "a+b",
        "a%2Fb",
        "é/ü",
        "a=b&c=d",
        "(x)!*'",
        "~tilde",
        "sub/dir/file",
        "a;b",
        "a:b",
        "a@b",
        "a$b",
    ):
        put(s, key, key.encode())
        get(s, key)
    s.list_objects_v2(Bucket=s.bucket)


@case
def conditional_reads(s):
    etag = put(s)["ETag"]
    for options in (
        {"IfMatch": etag},
        {"IfMatch": '"other"'},
        {"IfNoneMatch": etag},
        {"IfNoneMatch": '"other"'},
        {"IfModifiedSince": "2037-01-01T00:00:00Z"},
        {"IfUnmodifiedSince": "2001-01-01T00:00:00Z"},
    ):
        get(s, **options)
        s.head_object(Bucket=s.bucket, Key="key", **options)


@case
def conditional_writes(s):
    put(s, IfNoneMatch="*")
    put(s, IfNoneMatch="*")
    put(s, IfMatch='"other"')


@case
def ranges(s):
    put(s, body=b"0123456789")
    for given in ("bytes=0-3", "bytes=4-", "bytes=-2", "bytes=0-0", "bytes=100-", "bytes=5-2", "items=1-2"):
        get(s, Range=given)


@case
def listings(s):
    for key in ("a/1", "a/2", "b/1", "c", "d"):
        put(s, key)
    s.list_objects(Bucket=s.bucket)
    s.list_objects(Bucket=s.bucket, Prefix="a/", MaxKeys=1)
    s.list_objects(Bucket=s.bucket, Delimiter="/", EncodingType="url")
    s.list_objects_v2(Bucket=s.bucket, Delimiter="/", MaxKeys=2)
    s.list_objects_v2(Bucket=s.bucket, StartAfter="b/1", FetchOwner=True)
    page = s.list_objects_v2(Bucket=s.bucket, MaxKeys=2)
    s.list_objects_v2(Bucket=s.bucket, ContinuationToken=page["NextContinuationToken"])


@case
def copies(s):
    put(s, ContentType="text/a", Metadata={"a": "1"}, Tagging="t=1")
    source = {"Bucket": s.bucket, "Key": "key"}
    s.copy_object(Bucket=s.bucket, Key="same", CopySource=source)
    get(s, "same")
    s.copy_object(
        Bucket=s.bucket,
        Key="new",
        CopySource=source,
        MetadataDirective="REPLACE",
        Metadata={"b": "2"},
        ContentType="text/b",
    )
    get(s, "new")
    s.copy_object(Bucket=s.bucket, Key="key", CopySource=source)
    s.copy_object(Bucket=s.bucket, Key="x", CopySource={"Bucket": s.bucket, "Key": "missing"})
    s.copy_object(Bucket=s.bucket, Key="x", CopySource=source, CopySourceIfMatch='"other"')


@case
def bulk_deletion(s):
    for key in ("a", "b&<>", "é"):
        put(s, key)
    s.delete_objects(Bucket=s.bucket, Delete={"Objects": [{"Key": "a"}, {"Key": "b&<>"}, {"Key": "missing"}]})
    s.delete_objects(Bucket=s.bucket, Delete={"Objects": [{"Key": "é"}], "Quiet": True})
    s.list_objects_v2(Bucket=s.bucket)


@case
def multipart(s):
    upload = s.create_multipart_upload(Bucket=s.bucket, Key="key", ContentType="text/m", Metadata={"a": "1"})[
        "UploadId"
    ]
    named = {"Bucket": s.bucket, "Key": "key", "UploadId": upload}
    parts = []
    for number, body in ((1, PART), (2, b"the end")):
        etag = s.upload_part(**named, PartNumber=number, Body=body)["ETag"]
        parts.append({"PartNumber": number, "ETag": etag})
    s.list_parts(**named)
    s.list_multipart_uploads(Bucket=s.bucket)
    s.head_object(Bucket=s.bucket, Key="key")
    s.complete_multipart_upload(**named, MultipartUpload={"Parts": parts})
    s.head_object(Bucket=s.bucket, Key="key")
    get(s)
    s.list_parts(**named)


@case
def multipart_that_fails(s):
    upload = s.create_multipart_upload(Bucket=s.bucket, Key="key")["UploadId"]
    named = {"Bucket": s.bucket, "Key": "key", "UploadId": upload}
    etag = s.upload_part(**named, PartNumber=1, Body=b"small")["ETag"]
    wrong = [{"PartNumber": 1, "ETag": '"00000000000000000000000000000000"'}]
    s.complete_multipart_upload(**named, MultipartUpload={"Parts": wrong})
    s.complete_multipart_upload(**named, MultipartUpload={"Parts": [{"PartNumber": 7, "ETag": etag}]})
    s.abort_multipart_upload(**named)
    s.abort_multipart_upload(**named)
    s.upload_part(**{**named, "UploadId": "no-such-upload"}, PartNumber=1, Body=b"x")


@case
def part_copies(s):
    put(s, "source", PART + b"0123456789")
    upload = s.create_multipart_upload(Bucket=s.bucket, Key="key")["UploadId"]
    named = {"Bucket": s.bucket, "Key": "key", "UploadId": upload, "CopySource": {"Bucket": s.bucket, "Key": "source"}}
    parts = []
    for number, given in ((1, f"bytes=0-{len(PART) - 1}"), (2, f"bytes={len(PART)}-{len(PART) + 9}")):
        answer = s.upload_part_copy(**named, PartNumber=number, CopySourceRange=given)
        parts.append({"PartNumber": number, "ETag": answer.get("CopyPartResult", {}).get("ETag", "")})
    del named["CopySource"]
    s.complete_multipart_upload(**named, MultipartUpload={"Parts": parts})
    get(s)
    get(s, PartNumber=2)


@case
def transfers_of_boto3(s):
    s.client.upload_fileobj(io.BytesIO(DATA), s.bucket, "key")
    found = io.BytesIO()
    s.client.download_fileobj(s.bucket, "key", found)
    s.note("same", found.getvalue() == DATA)
    # Parts go up and come down in threads.
    s.seen.sort(key=str)


@case
def versions(s):
    s.put_bucket_versioning(Bucket=s.bucket, VersioningConfiguration={"Status": "Enabled"})
    s.get_bucket_versioning(Bucket=s.bucket)
    first = put(s, body=b"one").get("VersionId")
    put(s, body=b"two")
    s.delete_object(Bucket=s.bucket, Key="key")
    get(s)
    if first:
        get(s, VersionId=first)
        s.head_object(Bucket=s.bucket, Key="key", VersionId=first)
        s.delete_object(Bucket=s.bucket, Key="key", VersionId=first)
    s.list_object_versions(Bucket=s.bucket)


@case
def tags_of_objects(s):
    put(s)
    s.put_object_tagging(Bucket=s.bucket, Key="key", Tagging={"TagSet": [{"Key": "a b", "Value": "1+2"}]})
    s.get_object_tagging(Bucket=s.bucket, Key="key")
    s.head_object(Bucket=s.bucket, Key="key")
    s.delete_object_tagging(Bucket=s.bucket, Key="key")
    s.get_object_tagging(Bucket=s.bucket, Key="key")
    s.get_object_tagging(Bucket=s.bucket, Key="missing")


@case
def acls(s):
    put(s, ACL="public-read")
    s.get_object_acl(Bucket=s.bucket, Key="key")
    s.put_object_acl(Bucket=s.bucket, Key="key", ACL="private")
    s.get_object_acl(Bucket=s.bucket, Key="key")
    s.get_bucket_acl(Bucket=s.bucket)
    s.put_bucket_acl(Bucket=s.bucket, ACL="private")


@case
def settings_of_buckets(s):
    s.get_bucket_location(Bucket=s.bucket)
    s.put_bucket_tagging(Bucket=s.bucket, Tagging={"TagSet": [{"Key": "a", "Value": "1"}]})
    s.get_bucket_tagging(Bucket=s.bucket)
    s.delete_bucket_tagging(Bucket=s.bucket)
    s.get_bucket_tagging(Bucket=s.bucket)
    rule = {"ID": "x", "Status": "Enabled", "Filter": {"Prefix": "tmp/"}, "Expiration": {"Days": 3}}
    s.put_bucket_lifecycle_configuration(Bucket=s.bucket, LifecycleConfiguration={"Rules": [rule]})
    s.get_bucket_lifecycle_configuration(Bucket=s.bucket)
    s.delete_bucket_lifecycle(Bucket=s.bucket)
    s.get_bucket_encryption(Bucket=s.bucket)
    s.get_bucket_request_payment(Bucket=s.bucket)
    s.get_bucket_logging(Bucket=s.bucket)
    s.get_bucket_notification_configuration(Bucket=s.bucket)
    s.get_bucket_website(Bucket=s.bucket)
    s.get_bucket_replication(Bucket=s.bucket)
    s.get_bucket_accelerate_configuration(Bucket=s.bucket)
    s.get_bucket_ownership_controls(Bucket=s.bucket)
    s.get_public_access_block(Bucket=s.bucket)


@case
def policies(s):
    s.get_bucket_policy(Bucket=s.bucket)
    arn = f"arn:aws:s3:::{s.bucket}/*"
    statement = f'{{"Effect": "Allow", "Principal": "*", "Action": "s3:GetObject", "Resource": "{arn}"}}'
    s.put_bucket_policy(Bucket=s.bucket, Policy=f'{{"Version": "2012-10-17", "Statement": [{statement}]}}')
    s.get_bucket_policy(Bucket=s.bucket)
    put(s)
    fetch(s, f"{s.client.meta.endpoint_url}/{s.bucket}/key")
    s.delete_bucket_policy(Bucket=s.bucket)
    fetch(s, f"{s.client.meta.endpoint_url}/{s.bucket}/key")


@case
def cors(s):
    rule = {"AllowedMethods": ["GET", "PUT"], "AllowedOrigins": ["http://a.example"], "AllowedHeaders": ["*"]}
    s.put_bucket_cors(Bucket=s.bucket, CORSConfiguration={"CORSRules": [rule]})
    s.get_bucket_cors(Bucket=s.bucket)
    put(s)
    url = s.client.generate_presigned_url("get_object", Params={"Bucket": s.bucket, "Key": "key"})
    fetch(s, url, headers={"Origin": "http://a.example"})
    asked = {"Origin": "http://a.example", "Access-Control-Request-Method": "PUT"}
    fetch(s, f"{s.client.meta.endpoint_url}/{s.bucket}/key", "OPTIONS", asked)
    s.delete_bucket_cors(Bucket=s.bucket)


@case
def object_lock(s):
    bucket = f"{s.bucket}-lock"
    s.create_bucket(Bucket=bucket, ObjectLockEnabledForBucket=True)
    s.get_object_lock_configuration(Bucket=bucket)
    s.put_object(Bucket=bucket, Key="key", Body=b"x")
    s.put_object_legal_hold(Bucket=bucket, Key="key", LegalHold={"Status": "ON"})
    s.get_object_legal_hold(Bucket=bucket, Key="key")
    s.put_object_legal_hold(Bucket=bucket, Key="key", LegalHold={"Status": "OFF"})
    until = {"Mode": "GOVERNANCE", "RetainUntilDate": "2037-01-01T00:00:00Z"}
    s.put_object_retention(Bucket=bucket, Key="key", Retention=until)
    s.get_object_retention(Bucket=bucket, Key="key")


@case
def checksums(s):
    for name in ("CRC32", "CRC32C", "SHA1", "SHA256"):
        put(s, name, b"content of " + name.encode(), ChecksumAlgorithm=name)
        s.head_object(Bucket=s.bucket, Key=name, ChecksumMode="ENABLED")
        get(s, name, ChecksumMode="ENABLED")
    s.get_object_attributes(Bucket=s.bucket, Key="CRC32", ObjectAttributes=["ETag", "ObjectSize", "Checksum"])
    put(s, "wrong", ChecksumSHA256="AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=")
    put(s, "wrong", ContentMD5="AAAAAAAAAAAAAAAAAAAAAA==")


@case
def links(s):
    put(s, body=b"0123456789")
    params = {"Bucket": s.bucket, "Key": "key"}
    link = s.client.generate_presigned_url("get_object", Params=params)
    fetch(s, link)
    fetch(s, link, headers={"Range": "bytes=2-4"})
    fetch(s, s.client.generate_presigned_url("get_object", Params={**params, "ResponseContentType": "text/odd"}))
    fetch(s, s.client.generate_presigned_url("head_object", Params=params), "HEAD")
    fetch(s, s.client.generate_presigned_url("put_object", Params={**params, "Key": "new"}), "PUT", body=b"new content")
    get(s, "new")
    fetch(s, s.client.generate_presigned_url("delete_object", Params={**params, "Key": "new"}), "DELETE")
    get(s, "new")


@case
def missing_things(s):
    s.get_object(Bucket=s.bucket, Key="missing")
    s.get_object(Bucket="no-such-bucket-here", Key="missing")
    s.head_bucket(Bucket="no-such-bucket-here")
    s.list_objects_v2(Bucket="no-such-bucket-here")
    s.put_object(Bucket="no-such-bucket-here", Key="x", Body=b"x")
    s.delete_bucket(Bucket="no-such-bucket-here")
    s.list_parts(Bucket=s.bucket, Key="x", UploadId="none")
    s.get_object_tagging(Bucket=s.bucket, Key="missing")


@case
def buckets(s):
    bucket = f"{s.bucket}-more"
    s.create_bucket(Bucket=bucket)
    s.head_bucket(Bucket=bucket)
    s.create_bucket(Bucket=bucket)
    s.put_object(Bucket=bucket, Key="key", Body=b"x")
    s.delete_bucket(Bucket=bucket)
    s.delete_object(Bucket=bucket, Key="key")
    s.delete_bucket(Bucket=bucket)
    s.head_bucket(Bucket=bucket)


@case
def malformed_bodies(s):
    def send(method: str, path: str, body: bytes) -> None:
        from botocore.auth import S3SigV4Auth
        from botocore.awsrequest import AWSRequest

        request = AWSRequest(method, f"{s.client.meta.endpoint_url}/{s.bucket}{path}", data=body)
        signer = S3SigV4Auth(s.client._request_signer._credentials, "s3", s.client.meta.region_name)
        signer.add_auth(request)
        prepared = request.prepare()
        fetch(s, prepared.url, method, dict(prepared.headers.items()), body)

    send("PUT", "?versioning", b"<broken")
    send("PUT", "?lifecycle", b"<LifecycleConfiguration></LifecycleConfiguration>")
    send("PUT", "?tagging", b"")
    send("PUT", "?acl", b"not xml at all")
