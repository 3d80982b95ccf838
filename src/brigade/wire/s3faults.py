"""Refusals in S3's own words: the code, its HTTP status, and the document that a client reads."""

from __future__ import annotations

from collections.abc import Mapping

from brigade.wire.xml import XmlError, escape

# Code → status and what the real service says, where nobody knows better words.
FAULTS: dict[str, tuple[int, str]] = {
    "AccessDenied": (403, "Access Denied"),
    "AuthorizationHeaderMalformed": (400, "The authorization header that you provided is not valid."),
    "AuthorizationQueryParametersError": (400, "The authorization query parameters that you provided are not valid."),
    "BadDigest": (400, "The digest that you specified did not match what we received."),
    "BadRequest": (400, "The request is not valid HTTP."),
    "EntityTooLarge": (400, "Your proposed upload exceeds the maximum allowed size."),
    "EntityTooSmall": (400, "Your proposed upload is smaller than the minimum allowed size."),
    "ExpiredToken": (400, "The provided token has expired."),
    "IncompleteBody": (400, "You did not provide the number of bytes specified by the Content-Length HTTP header."),
    "IncorrectNumberOfFilesInPostRequest": (400, "POST requires exactly one file upload per request."),
    "InternalError": (500, "We encountered an internal error. Please try again."),
    "InvalidAccessKeyId": (403, "The AWS Access Key Id you provided does not exist in our records."),
    "InvalidArgument": (400, "Invalid Argument"),
    "InvalidBucketName": (400, "The specified bucket is not valid."),
    "InvalidChunkSizeError": (400, "A chunk of the body has no valid size."),
    "InvalidPolicyDocument": (400, "The content of the form does not meet the conditions specified in the policy."),
    "InvalidRequest": (400, "Invalid Request"),
    "InvalidToken": (400, "The provided token is malformed or otherwise invalid."),
    "InvalidURI": (400, "Couldn't parse the specified URI."),
    "KeyTooLongError": (400, "Your key is too long"),
    "MalformedPOSTRequest": (400, "The body of your POST request is not well-formed multipart/form-data."),
    "MalformedTrailerError": (400, "The request contained trailing data that was not well-formed."),
    "MalformedXML": (400, "The XML you provided was not well-formed or did not validate against our published schema."),
    "MaxMessageLengthExceeded": (400, "Your request was too big."),
    "MaxPostPreDataLengthExceededError": (400, "Your POST request fields preceding the upload file were too large."),
    "MissingContentLength": (411, "You must provide the Content-Length HTTP header."),
    "NoSuchBucket": (404, "The specified bucket does not exist"),
    "NoSuchUpload": (404, "The specified multipart upload does not exist."),
    "NotImplemented": (501, "A header you provided implies functionality that is not implemented."),
    "PreconditionFailed": (412, "At least one of the preconditions you specified did not hold."),
    "RequestHeaderSectionTooLarge": (400, "Your request headers exceed the maximum allowed size."),
    "RequestTimeTooSkewed": (403, "The difference between the request time and the current time is too large."),
    "RequestTimeout": (400, "Your socket connection to the server was not read from or written to in time."),
    "ServiceUnavailable": (503, "Service is unable to handle request."),
    "SignatureDoesNotMatch": (
        403,
        "The request signature we calculated does not match the signature you provided. Check your key and signing method.",
    ),
    "SlowDown": (503, "Please reduce your request rate."),
    "XAmzContentSHA256Mismatch": (400, "The provided 'x-amz-content-sha256' header does not match what was computed."),
}


class Fault(ValueError):
    """A request that is refused: the answer to its sender. `extra` are further elements of the document."""

    def __init__(
        self, code: str, message: str = "", *, status: int | None = None, extra: Mapping[str, str] | None = None
    ) -> None:
        known_status, words = FAULTS.get(code, (400, code))
        self.code = code
        self.status = status or known_status
        self.message = message or words
        self.extra = dict(extra or {})
        super().__init__(f"{code}: {self.message}")


def fault_document(fault: Fault, resource: str, request_id: str) -> bytes:
    """The error document of a refusal. `resource` is the path that was asked for."""
    elements = {
        "Code": fault.code,
        "Message": fault.message,
        **fault.extra,
        "Resource": resource,
        "RequestId": request_id,
    }
    inner = "".join([f"<{name}>{_shown(text)}</{name}>" for name, text in elements.items()])
    return f'<?xml version="1.0" encoding="UTF-8"?>\n<Error>{inner}</Error>'.encode()


def _shown(text: str) -> str:
    """Text that XML can hold; what it cannot is shown as an escape."""
    try:
        return escape(text)
    except XmlError:
        return escape(ascii(text))
