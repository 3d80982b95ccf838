"""POST uploads: what a signed policy allows, and a policy of our own for the same form at another endpoint."""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Mapping
from typing import Any, NamedTuple

from brigade.wire.s3faults import Fault
from brigade.wire.s3time import SECOND_NS, iso_ns
from brigade.wire.sigv4 import ALGORITHM, Credentials, Scope, signature, signing_key, timestamp

MAX_FILE_BYTES = 5 * 1024**3
VALID_SECONDS = 3600

# Fields that vouch for the others, and those that a policy need not name.
SIGNATURE_FIELDS = frozenset(
    [
        "policy",
        "x-amz-algorithm",
        "x-amz-credential",
        "x-amz-date",
        "x-amz-signature",
        "x-amz-security-token",
        "awsaccesskeyid",
        "signature",
    ]
)
_UNCHECKED = frozenset(("policy", "x-amz-signature", "signature", "awsaccesskeyid", "file"))
_IGNORED = "x-ignore-"


class SizeLimits(NamedTuple):
    """How large the file may be."""

    least_bytes: int = 0
    most_bytes: int = MAX_FILE_BYTES


def object_key(fields: Mapping[str, str], filename: str | None) -> str:
    """The key that a form asks for."""
    key = fields.get("key")
    if not key:
        raise Fault("InvalidArgument", "Bucket POST must contain a field named 'key'.")
    return key.replace("${filename}", filename or "")


def check_policy(fields: Mapping[str, str], bucket: str, now_ns: int) -> SizeLimits:
    """What the policy of the form leaves to check: the size of the file. Raises `Fault`.

    The key stands in `fields` as it will be, with the name of the file in it.
    """
    policy = _document(fields["policy"])
    try:
        expiration_ns = iso_ns(policy["expiration"])
        conditions = policy["conditions"]
    except (KeyError, TypeError, ValueError) as error:
        raise _invalid("Invalid Policy: expiration or conditions are missing or malformed.") from error
    if now_ns >= expiration_ns:
        raise Fault("AccessDenied", "Invalid according to Policy: Policy expired.")
    if not isinstance(conditions, list):
        raise _invalid("Invalid Policy: conditions is no list.")
    values = {**fields, "bucket": bucket}
    limits = SizeLimits()
    named: set[str] = set()
    for condition in conditions:
        operator, name, operand = _condition(condition)
        if operator == "content-length-range":
            limits = _size_limits(name, operand)
            continue
        name = str(name).lower()
        named.add(name)
        _check(operator, name, str(operand), values.get(name, ""), condition)
    extra = [name for name in values if name not in named | _UNCHECKED and not name.startswith(_IGNORED)]
    if extra:
        raise Fault("AccessDenied", f"Invalid according to Policy: Extra input fields: {extra[0]}")
    return limits


def sign_form(
    fields: Mapping[str, str], bucket: str, limits: SizeLimits, credentials: Credentials, region: str, now_ns: int
) -> dict[str, str]:
    """The same fields with a policy that allows just them, signed by other credentials."""
    amz_date = timestamp(now_ns)
    scope = Scope(amz_date[:8], region)
    own = {
        name: value for name, value in fields.items() if name not in SIGNATURE_FIELDS and not name.startswith(_IGNORED)
    }
    own["x-amz-algorithm"] = ALGORITHM
    own["x-amz-credential"] = f"{credentials.access_key}/{scope}"
    own["x-amz-date"] = amz_date
    if credentials.session_token:
        own["x-amz-security-token"] = credentials.session_token
    conditions: list[Any] = [{"bucket": bucket}, *({name: value} for name, value in own.items())]
    conditions.append(["content-length-range", limits.least_bytes, limits.most_bytes])
    until = timestamp(now_ns + VALID_SECONDS * SECOND_NS)
    expiration = f"{until[:4]}-{until[4:6]}-{until[6:11]}:{until[11:13]}:{until[13:15]}.000Z"
    policy = json.dumps({"expiration": expiration, "conditions": conditions})
    own["policy"] = base64.b64encode(policy.encode()).decode()
    own["x-amz-signature"] = signature(signing_key(credentials.secret_key, scope), own["policy"])
    return own


def _document(policy: str) -> dict[str, Any]:
    try:
        document = json.loads(base64.b64decode(policy, validate=False))
    except (binascii.Error, ValueError, RecursionError) as error:
        raise _invalid("Invalid Policy: it is not base64 of JSON.") from error
    if not isinstance(document, dict):
        raise _invalid("Invalid Policy: it is no object.")
    return document


def _condition(condition: Any) -> tuple[str, Any, Any]:
    """Operator, field and operand of a condition in either of its forms."""
    if isinstance(condition, dict) and len(condition) == 1:
        ((name, value),) = condition.items()
        return "eq", name, value
    if isinstance(condition, list) and len(condition) == 3:
        operator, name, operand = condition
        operator = str(operator).lower()
        if operator == "content-length-range":
            return operator, name, operand
        if operator in ("eq", "starts-with") and isinstance(name, str) and name.startswith("$"):
            return operator, name[1:], operand
    raise _invalid(f"Invalid Policy: Invalid condition: {json.dumps(condition)[:200]}")


def _check(operator: str, name: str, operand: str, value: str, condition: Any) -> None:
    if operator == "eq":
        holds = value == operand
    elif name == "content-type":
        # Several types may be listed, each must begin so.
        holds = all(part.strip().startswith(operand) for part in value.split(","))
    else:
        holds = value.startswith(operand)
    if not holds:
        said = json.dumps(condition if isinstance(condition, list) else ["eq", f"${name}", operand])
        raise Fault("AccessDenied", f"Invalid according to Policy: Policy Condition failed: {said[:300]}")


def _size_limits(least: Any, most: Any) -> SizeLimits:
    try:
        return SizeLimits(int(least), int(most))
    except (TypeError, ValueError) as error:
        raise _invalid("Invalid Policy: content-length-range has no numbers.") from error


def _invalid(message: str) -> Fault:
    return Fault("InvalidPolicyDocument", message)
