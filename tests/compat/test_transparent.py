"""One case for each operation of S3, run directly against a store and through the gateway: both must see the same."""

from __future__ import annotations

import http.client
import io
from collections.abc import Callable
from random import Random
from typing import Any
from urllib.parse import urlsplit

import pytest
from botocore.handlers import validate_bucket_name

pytestmark = pytest.mark.server

DATA = Random(7).randbytes(12 * 1024 * 1024)
PART = DATA[: 5 * 1024 * 1024]
CASES: list[Callable[[Any], None]] = []
REFUSALS: list[Callable[[Any], None]] = []


def case(function: Callable[[Any], None]) -> Callable[[Any], None]:
    """Add a case to the table."""
    CASES.append(function)
    return function


def refusal(function: Callable[[Any], None]) -> Callable[[Any], None]:
    """Add a case to the table of those that the gateway judges before the store does."""
    REFUSALS.append(function)
    return function


@pytest.mark.parametrize("case", CASES, ids=lambda each: each.__name__)
def test_the_gateway_is_not_to_be_told_from_the_store(visits, case):
    direct, through = visits(case)
    assert direct, "a case that sees nothing proves nothing"
    assert through == direct


@pytest.mark.parametrize("case", REFUSALS, ids=lambda each: each.__name__)
def test_what_the_gateway_refuses_itself_the_store_refuses_the_same_way(pair, visits, case):
    if pair.name == "moto":
        pytest.skip("moto checks no signatures and no policies")
    direct, through = visits(case)
    assert all(status in (400, 403) for _, status, _ in direct)
    assert through == direct


def verdict(s: Any, *request: Any) -> None:
    """A request of which only the status and the code count: who refuses it says so in his own words."""
    fetch(s, *request)
    method, status, _, body = s.seen.pop()
    # Ceph calls each wrong signature of a form an access that is denied.
    code = body.partition("<Code>")[2].partition("</Code>")[0]
    s.seen.append((method, status, "AccessDenied" if code == "SignatureDoesNotMatch" else code))


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


@case
def conditional_deletes_and_completes(s):
    etag = put(s)["ETag"]
    s.delete_object(Bucket=s.bucket, Key="key", IfMatch='"other"')
    s.delete_object(Bucket=s.bucket, Key="key", IfMatch=etag)
    put(s)
    named = {"Bucket": s.bucket, "Key": "key"}
    named["UploadId"] = s.create_multipart_upload(**named)["UploadId"]
    part = s.upload_part(**named, PartNumber=1, Body=b"part")["ETag"]
    parts = {"Parts": [{"PartNumber": 1, "ETag": part}]}
    s.complete_multipart_upload(**named, MultipartUpload=parts, IfNoneMatch="*")
    s.complete_multipart_upload(**named, MultipartUpload=parts)
    get(s)


@case
def conditions_together(s):
    etag = put(s)["ETag"]
    for options in (
        {"IfMatch": etag, "IfUnmodifiedSince": "2001-01-01T00:00:00Z"},
        {"IfNoneMatch": '"other"', "IfModifiedSince": "2037-01-01T00:00:00Z"},
        {"IfMatch": etag, "IfNoneMatch": etag},
        {"IfMatch": etag.strip('"')},
        {"IfMatch": "*"},
        {"IfNoneMatch": "*"},
    ):
        get(s, **options)


@case
def parts_are_read_by_their_numbers(s):
    named = {"Bucket": s.bucket, "Key": "key"}
    named["UploadId"] = s.create_multipart_upload(**named)["UploadId"]
    parts = [
        {"PartNumber": number, "ETag": s.upload_part(**named, PartNumber=number, Body=body)["ETag"]}
        for number, body in ((1, PART), (3, b"third"), (2, PART))
    ]
    s.list_parts(**named, MaxParts=2)
    s.list_parts(**named, PartNumberMarker=2)
    s.complete_multipart_upload(**named, MultipartUpload={"Parts": parts})
    s.complete_multipart_upload(**named, MultipartUpload={"Parts": sorted(parts, key=lambda part: part["PartNumber"])})
    for number in (1, 2, 3, 4):
        s.head_object(Bucket=s.bucket, Key="key", PartNumber=number)
    get(s, PartNumber=3)
    put(s, "plain")
    get(s, "plain", PartNumber=1)
    get(s, "plain", PartNumber=2)
    wanted = ["ETag", "ObjectParts", "ObjectSize", "StorageClass"]
    s.get_object_attributes(Bucket=s.bucket, Key="key", ObjectAttributes=wanted)


@case
def multipart_with_attributes_and_checksums(s):
    named = {"Bucket": s.bucket, "Key": "key"}
    begun = s.create_multipart_upload(
        **named, ChecksumAlgorithm="SHA256", Tagging="a=1", StorageClass="STANDARD", CacheControl="no-store"
    )
    named["UploadId"] = begun["UploadId"]
    done = s.upload_part(**named, PartNumber=1, Body=b"part", ChecksumAlgorithm="SHA256")
    part = {"PartNumber": 1, "ETag": done["ETag"]}
    if "ChecksumSHA256" in done:
        part["ChecksumSHA256"] = done["ChecksumSHA256"]
    s.list_parts(**named)
    s.complete_multipart_upload(**named, MultipartUpload={"Parts": [part]})
    s.head_object(Bucket=s.bucket, Key="key", ChecksumMode="ENABLED")
    s.get_object_tagging(Bucket=s.bucket, Key="key")


@case
def pages_of_uploads(s):
    for key in ("a", "b", "c/d", "c/e"):
        s.create_multipart_upload(Bucket=s.bucket, Key=key)
    s.list_multipart_uploads(Bucket=s.bucket, Delimiter="/")
    page = s.list_multipart_uploads(Bucket=s.bucket, MaxUploads=2)
    if "NextKeyMarker" in page:
        s.list_multipart_uploads(
            Bucket=s.bucket, KeyMarker=page["NextKeyMarker"], UploadIdMarker=page.get("NextUploadIdMarker", "")
        )
    s.list_multipart_uploads(Bucket=s.bucket, Prefix="c/")


@case
def listings_at_their_edges(s):
    for key in ("a", "a/", "a/b", "a b", "é", "z"):
        put(s, key)
    for options in (
        {"MaxKeys": 0},
        {"MaxKeys": 5000},
        {"Prefix": "nothing"},
        {"Delimiter": "nothing"},
        {"Prefix": "a", "Delimiter": "/"},
        {"StartAfter": "zz"},
        {"ContinuationToken": "no such token"},
        {"EncodingType": "url", "Prefix": "é"},
    ):
        s.list_objects_v2(Bucket=s.bucket, **options)
    s.list_objects(Bucket=s.bucket, Marker="a/", MaxKeys=2)
    s.list_objects(Bucket=s.bucket, Marker="zz")


@case
def pages_of_versions(s):
    s.put_bucket_versioning(Bucket=s.bucket, VersioningConfiguration={"Status": "Enabled"})
    for number in range(3):
        put(s, "a", b"%d" % number)
    put(s, "b/c")
    s.delete_object(Bucket=s.bucket, Key="b/c")
    s.head_object(Bucket=s.bucket, Key="b/c")
    s.list_object_versions(Bucket=s.bucket, Delimiter="/")
    page = s.list_object_versions(Bucket=s.bucket, MaxKeys=2)
    if "NextKeyMarker" in page:
        marker = {"KeyMarker": page["NextKeyMarker"], "VersionIdMarker": page.get("NextVersionIdMarker", "")}
        s.list_object_versions(Bucket=s.bucket, **marker)
    s.get_object(Bucket=s.bucket, Key="a", VersionId="no-such-version")
    s.put_bucket_versioning(Bucket=s.bucket, VersioningConfiguration={"Status": "Suspended"})
    put(s, "a", b"null version")
    get(s, "a", VersionId="null")
    s.delete_object(Bucket=s.bucket, Key="a", VersionId="null")
    get(s, "a")


@case
def versions_are_copied_and_deleted_together(s):
    s.put_bucket_versioning(Bucket=s.bucket, VersioningConfiguration={"Status": "Enabled"})
    first = put(s, "a", b"one").get("VersionId", "null")
    second = put(s, "a", b"two").get("VersionId", "null")
    source = {"Bucket": s.bucket, "Key": "a", "VersionId": first}
    s.copy_object(Bucket=s.bucket, Key="a", CopySource=source)
    get(s, "a")
    named = [{"Key": "a", "VersionId": first}, {"Key": "a", "VersionId": second}, {"Key": "absent"}]
    s.delete_objects(Bucket=s.bucket, Delete={"Objects": named})
    s.put_object_tagging(Bucket=s.bucket, Key="a", VersionId=first, Tagging={"TagSet": []})
    s.get_object_tagging(Bucket=s.bucket, Key="a")


@case
def locks_are_enforced(s):
    bucket = f"{s.bucket}-lock"
    s.create_bucket(Bucket=bucket, ObjectLockEnabledForBucket=True)
    rule = {"DefaultRetention": {"Mode": "GOVERNANCE", "Days": 1}}
    locked = {"ObjectLockEnabled": "Enabled", "Rule": rule}
    s.put_object_lock_configuration(Bucket=bucket, ObjectLockConfiguration=locked)
    s.get_object_lock_configuration(Bucket=bucket)
    version = s.put_object(Bucket=bucket, Key="key", Body=b"x", ObjectLockLegalHoldStatus="ON").get("VersionId")
    s.head_object(Bucket=bucket, Key="key")
    s.delete_object(Bucket=bucket, Key="key", VersionId=version)
    s.put_object_legal_hold(Bucket=bucket, Key="key", LegalHold={"Status": "OFF"})
    s.delete_object(Bucket=bucket, Key="key", VersionId=version)
    s.delete_object(Bucket=bucket, Key="key", VersionId=version, BypassGovernanceRetention=True)
    wrong = {"Mode": "GOVERNANCE", "RetainUntilDate": "2001-01-01T00:00:00Z"}
    s.put_object_retention(Bucket=bucket, Key="key", Retention=wrong)
    s.put_object_lock_configuration(Bucket=s.bucket, ObjectLockConfiguration=locked)


@case
def grants(s):
    put(s, GrantRead='uri="http://acs.amazonaws.com/groups/global/AllUsers"')
    policy = s.get_object_acl(Bucket=s.bucket, Key="key")
    if "Grants" in policy:
        given = {"Grants": policy["Grants"][:1], "Owner": policy["Owner"]}
        s.put_object_acl(Bucket=s.bucket, Key="key", AccessControlPolicy=given)
        s.put_bucket_acl(Bucket=s.bucket, AccessControlPolicy=given)
    s.get_object_acl(Bucket=s.bucket, Key="key")
    s.put_object_acl(Bucket=s.bucket, Key="key", ACL="no-such-acl")
    s.put_object_acl(Bucket=s.bucket, Key="missing", ACL="private")
    s.get_bucket_policy_status(Bucket=s.bucket)


@case
def nobody_in_particular(s):
    """Requests without a signature: the store decides what everybody may."""
    at = f"{s.client.meta.endpoint_url}/{s.bucket}"
    put(s, "public", ACL="public-read")
    put(s, "private")
    for method, key, body in (
        ("GET", "public", None),
        ("HEAD", "public", None),
        ("GET", "private", None),
        ("GET", "missing", None),
        ("PUT", "new", b"x"),
        ("DELETE", "public", None),
        ("GET", "", None),
        ("GET", "?uploads", None),
        ("POST", "?delete", b"<Delete><Object><Key>public</Key></Object></Delete>"),
    ):
        fetch(s, f"{at}/{key}", method, body=body)
    s.put_bucket_acl(Bucket=s.bucket, ACL="public-read-write")
    fetch(s, f"{at}?list-type=2")
    fetch(s, f"{at}/by%20anybody", "PUT", body=b"x")
    fetch(s, f"{s.client.meta.endpoint_url}/no-such-bucket-here/key")
    s.head_object(Bucket=s.bucket, Key="public")


@case
def preflights(s):
    at = f"{s.client.meta.endpoint_url}/{s.bucket}"
    asked = {"Origin": "http://a.example", "Access-Control-Request-Method": "PUT"}
    fetch(s, f"{at}/key", "OPTIONS", asked)
    rules = [
        {
            "AllowedMethods": ["GET", "PUT"],
            "AllowedOrigins": ["http://*.example"],
            "AllowedHeaders": ["x-amz-*"],
            "ExposeHeaders": ["ETag", "x-amz-version-id"],
            "MaxAgeSeconds": 60,
        },
        {"AllowedMethods": ["GET"], "AllowedOrigins": ["*"]},
    ]
    s.put_bucket_cors(Bucket=s.bucket, CORSConfiguration={"CORSRules": rules})
    fetch(s, f"{at}/key", "OPTIONS", {**asked, "Access-Control-Request-Headers": "x-amz-meta-a, x-amz-date"})
    fetch(s, f"{at}/key", "OPTIONS", {**asked, "Access-Control-Request-Headers": "x-other"})
    fetch(s, f"{at}/key", "OPTIONS", {**asked, "Access-Control-Request-Method": "DELETE"})
    fetch(s, f"{at}/key", "OPTIONS", {"Origin": "http://a.example"})
    fetch(s, f"{at}/key", "OPTIONS")
    fetch(s, f"{at}/missing", "GET", {"Origin": "http://elsewhere"})


@case
def encryption(s):
    key = {"SSECustomerAlgorithm": "AES256", "SSECustomerKey": b"k" * 32}
    put(s, "mine", **key)
    s.head_object(Bucket=s.bucket, Key="mine")
    s.head_object(Bucket=s.bucket, Key="mine", **key)
    s.head_object(Bucket=s.bucket, Key="mine", SSECustomerAlgorithm="AES256", SSECustomerKey=b"x" * 32)
    rule = {"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"}}
    s.put_bucket_encryption(Bucket=s.bucket, ServerSideEncryptionConfiguration={"Rules": [rule]})
    s.get_bucket_encryption(Bucket=s.bucket)
    s.delete_bucket_encryption(Bucket=s.bucket)
    put(s, "wrong", ServerSideEncryption="no-such-algorithm")


@case
def lifecycles(s):
    rules = [
        {
            "ID": "a",
            "Status": "Enabled",
            "Filter": {"Prefix": ""},
            "AbortIncompleteMultipartUpload": {"DaysAfterInitiation": 2},
        },
        {"ID": "b", "Status": "Disabled", "Filter": {"Tag": {"Key": "a", "Value": "1"}}, "Expiration": {"Days": 30}},
        {
            "ID": "c",
            "Status": "Enabled",
            "Filter": {"Prefix": "v/"},
            "NoncurrentVersionExpiration": {"NoncurrentDays": 9},
        },
    ]
    s.put_bucket_lifecycle_configuration(Bucket=s.bucket, LifecycleConfiguration={"Rules": rules})
    s.get_bucket_lifecycle_configuration(Bucket=s.bucket)
    same = [{**rules[0], "ID": "x"}, {**rules[0], "ID": "x"}]
    s.put_bucket_lifecycle_configuration(Bucket=s.bucket, LifecycleConfiguration={"Rules": same})
    put(s, "tmp/expires")
    s.head_object(Bucket=s.bucket, Key="tmp/expires")


@case
def links_to_what_is_not_there(s):
    put(s)
    params = {"Bucket": s.bucket, "Key": "key"}
    good = s.client.generate_presigned_url("get_object", Params=params)
    fetch(s, good)
    fetch(s, s.client.generate_presigned_url("get_object", Params={**params, "Key": "missing"}))
    fetch(s, s.client.generate_presigned_url("get_object", Params={**params, "VersionId": "none"}))
    signed = s.client.generate_presigned_url("put_object", Params={**params, "Metadata": {"a": "1"}})
    fetch(s, signed, "PUT", headers={"x-amz-meta-a": "1"}, body=b"with metadata")
    s.head_object(**params)


@case
def uploads_in_parts_by_links(s):
    at = {"Bucket": s.bucket, "Key": "key"}
    at["UploadId"] = s.create_multipart_upload(**at)["UploadId"]
    fetch(s, s.client.generate_presigned_url("upload_part", Params={**at, "PartNumber": 1}), "PUT", body=b"by link")
    fetch(s, s.client.generate_presigned_url("list_parts", Params=at))
    fetch(s, s.client.generate_presigned_url("abort_multipart_upload", Params=at), "DELETE")


def post(s: Any, fields: dict[str, str], body: bytes, name: str = "a.txt", then: Callable[..., None] = fetch) -> None:
    """A form as a browser sends it."""
    parts = [f'--XX\r\nContent-Disposition: form-data; name="{n}"\r\n\r\n{v}\r\n' for n, v in fields.items()]
    head = f'--XX\r\nContent-Disposition: form-data; name="file"; filename="{name}"\r\nContent-Type: text/x\r\n\r\n'
    whole = "".join([*parts, head]).encode() + body + b"\r\n--XX--\r\n"
    url = f"{s.client.meta.endpoint_url}/{s.bucket}"
    then(s, url, "POST", {"Content-Type": "multipart/form-data; boundary=XX"}, whole)


def allowed(s: Any, *conditions: Any, **fields: str) -> dict[str, str]:
    """The fields of a form with a signed policy."""
    named = [*conditions, *({name: value} for name, value in fields.items())]
    return dict(
        s.client.generate_presigned_post(s.bucket, "up/${filename}", Fields=dict(fields), Conditions=named)["fields"]
    )


@case
def forms(s):
    post(s, allowed(s), b"content")
    get(s, "up/a.txt")
    post(s, allowed(s, success_action_status="201"), b"content")
    post(s, allowed(s, success_action_status="200"), b"")
    post(s, allowed(s, **{"x-amz-meta-a": "1", "acl": "private"}), b"content", "meta.txt")
    s.head_object(Bucket=s.bucket, Key="up/meta.txt")


@case
def odd_buckets(s):
    for name in ("aa", "Upper", "under_score", "ends-", "a" * 64, "192.168.5.123", "two..dots"):
        s.client.meta.events.unregister("before-parameter-build.s3", validate_bucket_name)
        s.create_bucket(Bucket=name)
    s.get_bucket_location(Bucket=s.bucket)
    s.create_bucket(Bucket=s.bucket, CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
    s.list_objects_v2(Bucket=s.bucket, ExpectedBucketOwner="000000000000")
    s.get_object(Bucket=s.bucket, Key="missing", RequestPayer="requester")


@case
def metadata_at_its_edges(s):
    put(s, "large", Metadata={"a": "x" * 1900})
    put(s, "larger", Metadata={"a": "x" * 2100})
    put(s, "odd", Metadata={"empty": "", "UPPER": "Case", "under_score": "1", "spaces": " a  b "})
    for key in ("large", "larger", "odd"):
        s.head_object(Bucket=s.bucket, Key=key)
    put(s, "tagged", Tagging="&".join(f"k{number}=v" for number in range(11)))
    put(s, "tagged", Tagging="a=1&a=2")
    s.put_object_tagging(Bucket=s.bucket, Key="odd", Tagging={"TagSet": [{"Key": "k" * 129, "Value": "v"}]})
    put(s, "redirected", WebsiteRedirectLocation="/elsewhere")
    s.head_object(Bucket=s.bucket, Key="redirected")


@case
def copies_at_their_edges(s):
    put(s, "key", b"0123456789", ContentType="text/a")
    source = {"Bucket": s.bucket, "Key": "key"}
    other = f"{s.bucket}-other"
    s.create_bucket(Bucket=other)
    s.copy_object(Bucket=other, Key="copy of é + %", CopySource=source)
    s.copy_object(Bucket=s.bucket, Key="back", CopySource={"Bucket": other, "Key": "copy of é + %"})
    get(s, "back")
    s.copy_object(Bucket=s.bucket, Key="tagged", CopySource=source, TaggingDirective="REPLACE", Tagging="a=1")
    s.get_object_tagging(Bucket=s.bucket, Key="tagged")
    s.copy_object(Bucket=s.bucket, Key="acl", CopySource=source, ACL="public-read")
    s.copy_object(Bucket=s.bucket, Key="x", CopySource={"Bucket": "no-such-bucket-here", "Key": "key"})
    s.copy_object(Bucket="no-such-bucket-here", Key="x", CopySource=source)
    s.copy_object(Bucket=s.bucket, Key="x", CopySource={**source, "VersionId": "no-such-version"})
    upload = s.create_multipart_upload(Bucket=s.bucket, Key="parts")["UploadId"]
    named = {"Bucket": s.bucket, "Key": "parts", "UploadId": upload, "CopySource": source}
    s.upload_part_copy(**named, PartNumber=1, CopySourceRange="bytes=5-99")
    s.upload_part_copy(**named, PartNumber=1, CopySourceRange="bytes=nonsense")
    s.upload_part_copy(**named, PartNumber=1)


@refusal
def links_that_are_no_good(s):
    s.client.put_object(Bucket=s.bucket, Key="key", Body=b"x")
    s.seen.clear()
    params = {"Bucket": s.bucket, "Key": "key"}
    good = s.client.generate_presigned_url("get_object", Params=params)
    verdict(s, good, "PUT", None, b"x")
    verdict(s, good.replace("X-Amz-Expires=3600", "X-Amz-Expires=3601"))
    verdict(s, good.replace("/key?", "/other?"))
    verdict(s, f"{good}&versionId=none")
    signed = s.client.generate_presigned_url("put_object", Params={**params, "Metadata": {"a": "1"}})
    verdict(s, signed, "PUT", None, b"without its metadata")
    verdict(s, signed, "PUT", {"x-amz-meta-a": "2"}, b"with other metadata")


@refusal
def forms_that_are_no_good(s):
    def refused(fields: dict[str, str]) -> None:
        post(s, fields, b"content", then=verdict)

    refused(allowed(s, ["content-length-range", 1, 3]))
    refused({**allowed(s), "x-amz-meta-not-allowed": "1"})
    refused({**allowed(s), "key": "elsewhere/${filename}"})
    refused({**allowed(s), "x-amz-signature": "0" * 64})
    refused({**allowed(s), "policy": "e30="})


@refusal
def heads_that_are_no_good(s):
    from botocore.auth import S3SigV4Auth
    from botocore.awsrequest import AWSRequest

    def send(path: str = "/key", body: bytes = b"x", **changed: str) -> None:
        request = AWSRequest("PUT", f"{s.client.meta.endpoint_url}/{s.bucket}{path}", data=body)
        S3SigV4Auth(s.client._request_signer._credentials, "s3", s.client.meta.region_name).add_auth(request)
        prepared = request.prepare()
        given = {**prepared.headers, **{name.replace("_", "-"): value for name, value in changed.items()}}
        verdict(s, prepared.url, "PUT", {name: value for name, value in given.items() if value}, body)

    send(X_Amz_Date="20100707T215304Z")
    send(X_Amz_Date="20300707T215304Z")
    send(Authorization="")
    send(
        Authorization="AWS4-HMAC-SHA256 Credential=nobody/20150930/us-east-1/s3/aws4_request,SignedHeaders=host,Signature=0"
    )
    send(Content_MD5="no digest")
