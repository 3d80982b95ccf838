"""Secrets for settings: from the environment, from files, from whoever sits there. Never from the command line itself,
where every user of the machine could read them.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from brigade.errors import UsageError

FromEnvironment = Annotated[
    list[str] | None,
    typer.Option("--secret-env", metavar="KEY=VARIABLE", help="A secret, from a variable of the environment."),
]
FromFile = Annotated[
    list[str] | None, typer.Option("--secret-file", metavar="KEY=FILE", help="A secret, from a file; - is stdin.")
]
Asked = Annotated[
    list[str] | None, typer.Option("--secret-prompt", metavar="KEY", help="A secret that is asked for now, unseen.")
]

_HINT = "--secret-env KEY=VARIABLE, --secret-file KEY=FILE or --secret-prompt KEY"


def settings_with_secrets(
    settings: Mapping[str, Any],
    from_environment: Sequence[str] | None,
    from_file: Sequence[str] | None,
    asked: Sequence[str] | None,
) -> dict[str, Any]:
    """What was named, and the secrets from where they are. Dots in a key of a secret lead into a section."""
    from brigade.control.sealing import SECRET_FIELDS

    found = without_secrets(settings, hint=_HINT)
    for key, secret in _secrets(from_environment, from_file, asked):
        if key.rpartition(".")[2] not in SECRET_FIELDS:
            raise UsageError(
                f"{key} is no secret", hint=f"--set {key}=…; secrets are {', '.join(sorted(SECRET_FIELDS))}"
            )
        _put(found, key, secret)
    return found


def without_secrets(settings: Mapping[str, Any], *, hint: str = "") -> dict[str, Any]:
    """What was named on the command line. Raises `UsageError` where a secret is in it."""
    from brigade.control.sealing import has_secrets

    if has_secrets(settings):
        raise UsageError("a secret on the command line can be read by everybody on this machine", hint=hint)
    return dict(settings)


def overlaid(before: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    """Settings with others in their place, also inside of sections; None takes one away."""
    found = dict(before)
    for name, value in changes.items():
        there = found.get(name)
        if isinstance(value, Mapping) and isinstance(there, Mapping):
            found[name] = overlaid(there, value)
        elif value is None:
            found.pop(name, None)
        else:
            found[name] = value
    return found


def _put(settings: dict[str, Any], key: str, value: Any) -> None:
    """Set what the dots of a key lead to."""
    name, dot, inner = key.partition(".")
    if not dot:
        settings[name] = value
        return
    section = settings.get(name)
    settings[name] = dict(section) if isinstance(section, Mapping) else {}
    _put(settings[name], inner, value)


def _secrets(
    from_environment: Sequence[str] | None, from_file: Sequence[str] | None, asked: Sequence[str] | None
) -> Iterator[tuple[str, str]]:
    sources: tuple[tuple[str, Sequence[str] | None, Callable[[str], str]], ...] = (
        ("--secret-env", from_environment, _variable),
        ("--secret-file", from_file, _file),
    )
    for option, given, read in sources:
        for each in given or ():
            key, equals, where = each.partition("=")
            if not equals or not key or not where:
                raise UsageError(f"{option} takes KEY=WHERE", hint=_HINT)
            yield key, _good(key, read(where))
    for key in asked or ():
        yield key, _good(key, typer.prompt(key, hide_input=True, err=True))


def _good(key: str, secret: str) -> str:
    if not secret:
        raise UsageError(f"the secret for {key} is empty")
    return secret


def _variable(name: str) -> str:
    if name not in os.environ:
        raise UsageError(f"there is no variable {name} in the environment")
    return os.environ[name]


def _file(name: str) -> str:
    """Its content; editors end files with a line break that is no part of the secret."""
    if name == "-":
        return sys.stdin.read().rstrip("\r\n")
    try:
        return Path(name).read_text(encoding="utf-8").rstrip("\r\n")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is no text"
        raise UsageError(f"{name} cannot be read: {reason}") from None
