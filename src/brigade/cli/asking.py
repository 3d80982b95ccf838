"""Verbs that ask the control API: each says what it does with a client, and gets here what all of them have."""

from __future__ import annotations

import inspect
import json
from collections.abc import Callable, Coroutine, Iterable, Mapping, Sequence
from inspect import Parameter, Signature
from typing import Any, get_type_hints

import typer

from brigade.cli import options
from brigade.cli.client import Api, with_client
from brigade.cli.text import aligned

Work = Callable[..., Coroutine[Any, Any, int | None]]
"""Takes a client, then the verb's own arguments and options; may give back an exit code."""

_SHARED: Mapping[str, Any] = {"api": Api, "config": options.Config, "state": options.State}
DONE = {"done": True}
"""What `--json` prints where the API has nothing to say but that it is done."""


def asking(*, needs_config: bool = True) -> Callable[[Work], Callable[..., None]]:
    """Make a verb of such a piece of work: it gets `--api`, `--config` and `--state`, and ends with the code given back.

    Without `needs_config` the state alone is enough, too.
    """

    def decorate(work: Work) -> Callable[..., None]:
        def verb(**given: Any) -> None:
            places = [given.pop(name) for name in _SHARED]
            code = with_client(lambda client: work(client, **given), *places, needs_config=needs_config)
            raise typer.Exit(code or 0)

        hints = get_type_hints(work, include_extras=True)
        own = [each.replace(annotation=hints[each.name]) for each in inspect.signature(work).parameters.values()][1:]
        shared = [
            Parameter(name, Parameter.POSITIONAL_OR_KEYWORD, default=None, annotation=hint)
            for name, hint in _SHARED.items()
        ]
        verb.__name__, verb.__doc__, verb.__module__ = work.__name__, work.__doc__, work.__module__
        verb.__annotations__ = {each.name: each.annotation for each in (*own, *shared)}
        verb.__signature__ = Signature([*own, *shared])  # type: ignore[attr-defined]
        return verb

    return decorate


def tell(value: Any, words: str, *, as_json: bool) -> None:
    """Print the answer of the API, or what it means."""
    typer.echo(json.dumps(value) if as_json else words)


def tell_each(found: Iterable[Any], words: Callable[[Any], str], *, as_json: bool, none: str = "") -> None:
    """A line for each; `none` is said to people where there is nothing."""
    count = 0
    for count, each in enumerate(found, 1):  # noqa: B007
        typer.echo(json.dumps(each) if as_json else words(each))
    if not count and none and not as_json:
        typer.echo(none)


def tell_table(found: Sequence[Any], cells: Callable[[Any], Sequence[str]], *, as_json: bool, none: str) -> None:
    """The same with columns that stand below each other."""
    lines = iter([] if as_json else aligned(map(cells, found)))
    tell_each(found, lambda _: next(lines), as_json=as_json, none=none)
