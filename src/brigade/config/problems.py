"""What is wrong with a configuration, in words: the place, the matter, the mend. Values are never repeated."""

from __future__ import annotations

from collections.abc import Mapping
from difflib import get_close_matches
from typing import Any

from pydantic import BaseModel, ValidationError

from brigade.config.api import ApiSection
from brigade.config.document import Place, Problem, dotted
from brigade.config.feeds import QueueSection, WebhookSection
from brigade.config.gateway import GatewaySection, KeySection, RouteSection, TlsSection, UserSection
from brigade.config.gcs import GcsSection
from brigade.config.observing import LogSection, MetricsSection, TracesSection
from brigade.config.replications import FilterSection, ReplicationSection
from brigade.config.stores import AzureSection, FileSection, MemorySection, S3Section, SwiftSection

STORE_SECTIONS: Mapping[str, type[BaseModel]] = {
    "s3": S3Section,
    "gcs": GcsSection,
    "azure": AzureSection,
    "swift": SwiftSection,
    "file": FileSection,
    "memory": MemorySection,
}
_TYPES = f"{', '.join(list(STORE_SECTIONS)[:-1])} or {list(STORE_SECTIONS)[-1]}"

# By the key below `gateway` and the depth of what is unknown.
_GATEWAY_SECTIONS: Mapping[tuple[str | int, int], type[BaseModel]] = {
    ("tls", 3): TlsSection,
    ("users", 4): UserSection,
    ("users", 6): KeySection,
    ("routes", 4): RouteSection,
}

_WORDS: Mapping[str, str] = {
    "string_type": "must be text: put quotes around it",
    "bool_type": "must be true or false",
    "int_type": "must be a whole number",
    "float_type": "must be a number",
    "list_type": "must be a list",
    "dict_type": "must be a section with keys",
    "model_type": "must be a section with keys",
    "model_attributes_type": "must be a section with keys",
    "missing": "is missing",
    "string_too_short": "is empty",
    "string_pattern_mismatch": "must be a URL like https://host:port, without a path",
    "union_tag_not_found": f"has no type: write {_TYPES}",
}


# What other tools call it; the first that is a key there is meant.
_ELSEWHERE: Mapping[str, tuple[str, ...]] = {
    "providers": ("stores",),
    "storage_locations": ("stores",),
    "mappings": ("replications",),
    "containers": ("replications",),
    "migrations": ("replications",),
    "databasePath": ("state",),
    "status_dir": ("state",),
    "useSSL": ("endpoint",),
    "disableSSL": ("endpoint",),
    "accountKey": ("key",),
    "aws_endpoint": ("auth_url", "endpoint"),
    "aws_identity": ("user", "access_key"),
    "aws_secret": ("key", "secret_key"),
    "aws_bucket": ("target",),
    "custom_prefix": ("target",),
    "propagate_delete": ("delete",),
    "remote_delete_after": ("expire_after",),
    "interval": ("reconcile",),
    "poll_interval": ("reconcile",),
}


def explain(error: ValidationError, root: type[BaseModel]) -> list[Problem]:
    """Every mistake that validation found."""
    return [_problem(detail, root) for detail in error.errors(include_url=False, include_input=False)]


def _problem(detail: Any, root: type[BaseModel]) -> Problem:
    raw: Place = detail["loc"]
    # Validation puts the type of a store into the place; the file has no such level.
    tag = raw[2] if len(raw) > 2 and raw[0] == "stores" and raw[2] in STORE_SECTIONS else None
    place = raw[:2] + raw[3:] if tag else raw
    kind, context = detail["type"], detail.get("ctx", {})
    if kind == "extra_forbidden":
        return Problem(place, _unknown_key(place, _section_at(place, str(tag), root)))
    if kind in ("literal_error", "enum"):
        return Problem(place, f"must be {context['expected'].replace(chr(39), '')}")
    if kind == "union_tag_invalid":
        return Problem((*place, "type"), f"must be {_TYPES}")
    if kind == "value_error":
        return Problem(place, str(context["error"]))
    return Problem(place, _WORDS.get(kind) or str(detail["msg"])[:1].lower() + str(detail["msg"])[1:])


def _unknown_key(place: Place, section: type[BaseModel]) -> str:
    known = list(section.model_fields)
    meant = [each for each in _ELSEWHERE.get(str(place[-1]), ()) if each in known]
    near = meant or get_close_matches(str(place[-1]), known, n=1, cutoff=0.6)
    return f"unknown key, did you mean {near[0]}?" if near else f"unknown key; known are {', '.join(known)}"


def _section_at(place: Place, tag: str, root: type[BaseModel]) -> type[BaseModel]:
    match place[:1], len(place):
        case ("api",), 2:
            return ApiSection
        case ("api",), _:
            return TlsSection
        case ("gateway",), length:
            return _GATEWAY_SECTIONS.get((place[1], length), GatewaySection)
        case ("webhook",), length:
            return WebhookSection if length < 3 else TlsSection
        case ("metrics",), length if length > 1:
            return MetricsSection
        case ("log",), length if length > 1:
            return LogSection
        case ("traces",), length if length > 1:
            return TracesSection
        case ("stores",), length if length > 2:
            return STORE_SECTIONS[tag] if length < 4 else QueueSection
        case ("replications",), 3:
            return ReplicationSection
        case ("replications",), length if length > 3:
            return FilterSection
    return root


def format_problem(problem: Problem, file: str, line: int) -> str:
    """`brigade.yaml:12: stores.minio.acess_key: unknown key, did you mean access_key?`."""
    where = f"{file}:{line}" if line else file
    return f"{where}: {dotted(problem.place)}: {problem.words}" if problem.place else f"{where}: {problem.words}"
