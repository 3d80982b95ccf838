"""What each request of S3 is called and may change."""

from __future__ import annotations

import pytest

from brigade.wire.operations import Touches, identify

K, B, N = Touches.KEY, Touches.BUCKET, Touches.NOTHING


@pytest.mark.parametrize(
    ("method", "has_key", "parameters", "headers", "name", "touches"),
    [
        ("GET", True, (), (), "GetObject", N),
        ("GET", True, ("versionId",), (), "GetObject", N),
        ("HEAD", True, ("partNumber",), (), "HeadObject", N),
        ("PUT", True, (), (), "PutObject", K),
        ("PUT", True, ("x-id",), (), "PutObject", K),
        ("PUT", True, (), ("x-amz-copy-source",), "CopyObject", K),
        ("PUT", True, ("partNumber", "uploadId"), (), "UploadPart", N),
        ("PUT", True, ("partNumber", "uploadId"), ("x-amz-copy-source",), "UploadPartCopy", N),
        ("POST", True, ("uploads",), (), "CreateMultipartUpload", N),
        ("POST", True, ("uploadId",), (), "CompleteMultipartUpload", K),
        ("DELETE", True, ("uploadId",), (), "AbortMultipartUpload", N),
        ("DELETE", True, ("versionId",), (), "DeleteObject", K),
        ("PUT", True, ("tagging",), (), "PutObjectTagging", K),
        ("DELETE", True, ("tagging", "versionId"), (), "DeleteObjectTagging", K),
        ("PUT", True, ("acl",), (), "PutObjectAcl", K),
        ("PUT", True, ("retention",), (), "PutObjectRetention", K),
        ("PUT", True, ("legal-hold",), (), "PutObjectLegalHold", K),
        ("POST", True, ("restore",), (), "RestoreObject", K),
        ("POST", True, ("select", "select-type"), (), "SelectObjectContent", N),
        ("GET", True, ("tagging",), (), "GET ?tagging", N),
        ("POST", True, ("something-new",), (), "POST", K),
        ("PATCH", True, (), (), "PATCH", K),
        ("PUT", False, (), (), "CreateBucket", B),
        ("DELETE", False, (), (), "DeleteBucket", B),
        ("PUT", False, ("lifecycle",), (), "PUT ?lifecycle", B),
        ("DELETE", False, ("policy",), (), "DELETE ?policy", B),
        ("POST", False, ("delete",), (), "DeleteObjects", Touches.LISTED),
        ("POST", False, (), (), "PostObject", Touches.FORM),
        ("GET", False, ("list-type",), (), "ListObjects", N),
        ("OPTIONS", True, (), (), "OPTIONS", N),
        ("MKCOL", False, (), (), "MKCOL", B),
    ],
)
def test_each_request_has_its_name_and_its_reach(method, has_key, parameters, headers, name, touches):
    found = identify(method, has_bucket=True, has_key=has_key, parameters=parameters, headers=headers)
    assert (found.name, found.touches) == (name, touches)


def test_the_service_itself_lists_buckets():
    assert identify("GET", has_bucket=False, has_key=False, parameters=(), headers=()).name == "ListBuckets"
    other = identify("POST", has_bucket=False, has_key=False, parameters=(), headers=())
    assert (other.name, other.touches) == ("POST service", N)
