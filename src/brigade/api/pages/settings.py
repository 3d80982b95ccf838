"""The settings of a replication as the fields of a form."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from starlette.datastructures import FormData

from brigade.errors import UsageError
from brigade.replications import AttributesMode, CompareMode, DeleteMode

_SIGNS = {"+": "include", "-": "exclude", "include": "include", "exclude": "exclude"}


class Choices:
    """What the fields offer, with what each means."""

    live = (
        ("gateway", "the gateway notes what clients write through it"),
        ("watch", "the directory is watched"),
        ("webhook", "the source's server posts its events"),
        ("sqs", "the source's events come by a queue"),
    )
    delete = (
        (DeleteMode.NO, "nothing"),
        (DeleteMode.TRACKED, "what this replication has written"),
        (DeleteMode.MIRROR, "everything that the source does not have"),
    )
    compare = (
        (CompareMode.AUTO, "the strongest proof that both have"),
        (CompareMode.CHECKSUM, "read the bytes where nothing else proves it"),
        (CompareMode.SIZE, "size alone, which proves nothing"),
    )
    attributes = (
        (AttributesMode.AUTO, "where the listing shows that they may have changed"),
        (AttributesMode.EACH, "for every object, one request a side"),
    )
    on = (
        ("create", "Copy objects that the target does not have"),
        ("update", "Update objects that differ"),
        ("tags", "Carry tags"),
    )
    off = (
        ("acl", "Carry access control lists"),
        ("delete_excluded", "Delete excluded objects at the target too"),
        ("require_proof", "Fail objects that can only be compared by size"),
        ("archive", "Delete at the source what was copied with proof: an archive"),
    )
    limits = (
        ("min_size", "Leave out smaller objects", "1KiB"),
        ("max_size", "Leave out larger objects", "5GiB"),
        ("min_age", "Leave out younger objects", "1h"),
        ("max_age", "Leave out older objects", "90d"),
        ("copy_after", "Copy what is at least so old", "30d"),
        ("expire_after", "Have the target delete what is so old", "90d"),
        ("max_delete", "Refuse to delete more than", "10%"),
        ("reconcile", "Compare both sides every", "6h"),
        ("storage_class", "Storage class to write", "STANDARD_IA"),
        ("bandwidth", "Bytes a second", "50MiB/s"),
        ("transfers", "Objects in work at once", "16"),
        ("layout", "Layout of keys, plain or hashed", "hashed"),
        ("account", "Account in the hashed layout", "AUTH_photos"),
    )


# A field must not be called `attributes`: in the browser it would hide what its form has of that name.
_USUAL = (
    ("delete", "delete", DeleteMode.NO),
    ("compare", "compare", CompareMode.AUTO),
    ("metadata", "attributes", AttributesMode.AUTO),
)

_SHOWN = {"source", "target", "live", "filters", "retain_source", *(name for _, name, _ in _USUAL)} | {
    name for name, *_ in (*Choices.on, *Choices.off, *Choices.limits)
}


def settings_of(form: FormData) -> dict[str, Any]:
    """The settings as they would stand in the file: what is as usual is left out. Raises `UsageError`."""
    found: dict[str, Any] = {"source": _text(form, "source"), "target": _text(form, "target")}
    for name in ("source", "target"):
        if not found[name]:
            raise UsageError(f"the {name} is missing", hint="store:bucket/prefix, a path, or a URL")
    for field, name, usual in _USUAL:
        if (value := _text(form, field)) not in ("", usual):
            found[name] = value
    for name, _, _ in Choices.limits:
        if value := _text(form, name):
            found[name] = _number(name, value) if name == "transfers" else value
    found |= {name: False for name, _ in Choices.on if name not in form}
    found |= {name: True for name, _ in Choices.off if name in form}
    if found.pop("archive", False):
        # A field that is not there must never mean that a source is not retained.
        found["retain_source"] = False
    if live := [str(each) for each in form.getlist("live")]:
        found["live"] = live
    if filters := list(_filters(_text(form, "filters"))):
        found["filters"] = filters
    return found


def form_of(settings: Mapping[str, Any]) -> FormData:
    """The fields as settings fill them in."""
    fields: list[tuple[str, str]] = [(name, _plain(settings.get(name))) for name in ("source", "target")]
    fields += [(field, _plain(settings.get(name, usual))) for field, name, usual in _USUAL]
    fields += [(name, _plain(settings.get(name))) for name, _, _ in Choices.limits]
    fields += [(name, "yes") for name, _ in Choices.on if settings.get(name, True)]
    fields += [(name, "yes") for name, _ in Choices.off if settings.get(name, False)]
    fields += [("archive", "yes")] if settings.get("retain_source") is False else []
    fields += [("live", _plain(each)) for each in settings.get("live") or ()]
    rules = [f"{sign} {pattern}" for rule in settings.get("filters") or () for sign, pattern in rule.items()]
    return FormData([*fields, ("filters", "\n".join(rules))])


def changed(form: FormData, before: Mapping[str, Any]) -> dict[str, Any]:
    """What the form makes of these settings. What it has no field for, or nobody has touched, stays as it was.

    Raises `UsageError`.
    """
    wanted, same = settings_of(form), settings_of(form_of(before))
    kept = {name: value for name, value in before.items() if name not in _SHOWN}
    return kept | {
        name: before.get(name, value) if same.get(name) == value else value for name, value in wanted.items()
    }


def _plain(value: object) -> str:
    return "" if value is None else str(value)


def _filters(text: str) -> Iterator[dict[str, str]]:
    for number, line in enumerate(text.splitlines(), start=1):
        if not line.strip():
            continue
        sign, _, pattern = line.strip().partition(" ")
        if sign not in _SIGNS or not pattern.strip():
            raise UsageError(
                f"filters, line {number}: {line.strip()!r} is no rule",
                hint="write `exclude *.tmp` or `include photos/**`",
            )
        yield {_SIGNS[sign]: pattern.strip()}


def _number(name: str, value: str) -> int:
    if not value.isdecimal() or len(value) > 9:
        raise UsageError(f"{name}: {value!r} is no number")
    return int(value)


def _text(form: FormData, name: str) -> str:
    value = form.get(name, "")
    return value.strip() if isinstance(value, str) else ""
