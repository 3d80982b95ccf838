"""The options that several verbs share, and reading their values with the option's name in every error."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Annotated, Any, TypeVar

import typer
from typer.core import TyperCommand

from brigade.errors import UsageError
from brigade.replications import FilterRule, Policy

T = TypeVar("T")

_ORDER = "brigade.filter_order"

Config = Annotated[
    Path | None,
    typer.Option(
        "--config", metavar="FILE", help="Configuration file. Default: $BRIGADE_CONFIG, then brigade.yaml here."
    ),
]
State = Annotated[
    str | None,
    typer.Option(
        "--state",
        metavar="FILE|URL",
        help="Where Brigade remembers: a file, sqlite:///… or postgresql://…. Default: $BRIGADE_STATE, then the "
        "configuration, then a file in your home.",
    ),
]
OfReplication = Annotated[
    str | None, typer.Argument(metavar="[REPLICATION]", help="A name, as the configuration and `status` tell it.")
]
Reason = Annotated[str | None, typer.Option("--reason", metavar="TEXT", help="Only where the reason holds this text.")]
Limit = Annotated[int, typer.Option("--limit", metavar="N", min=1, help="So many at most.")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON instead of text.")]
Setting = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="KEY=VALUE", help="A setting as in the file; the value is YAML. May be repeated."),
]
Include = Annotated[
    list[str] | None,
    typer.Option("--include", metavar="PATTERN", help="Take keys that match. Rules are tried in order; first wins."),
]
Exclude = Annotated[
    list[str] | None,
    typer.Option("--exclude", metavar="PATTERN", help="Leave out keys that match. May be given many times."),
]
MinSize = Annotated[str | None, typer.Option("--min-size", metavar="SIZE", help="Leave out smaller objects.")]
MaxSize = Annotated[str | None, typer.Option("--max-size", metavar="SIZE", help="Leave out larger objects.")]
MinAge = Annotated[str | None, typer.Option("--min-age", metavar="TIME", help="Leave out younger objects.")]
MaxAge = Annotated[str | None, typer.Option("--max-age", metavar="TIME", help="Leave out older objects.")]
Tags = Annotated[bool, typer.Option("--tags/--no-tags", help="Compare and carry tags.")]
Acl = Annotated[bool, typer.Option("--acl", help="Compare and carry access control lists.")]
Transfers = Annotated[int | None, typer.Option("--transfers", metavar="N", min=1, help="Objects in work at once.")]
Processes = Annotated[
    int | None,
    typer.Option("--processes", metavar="N", min=1, help="Processes that copy. Default: half of the cores."),
]
Bandwidth = Annotated[
    str | None, typer.Option("--bandwidth", metavar="RATE", help="Bytes a second at most, as in 50MiB/s.")
]


class OrderedFilters(TyperCommand):
    """A command that remembers in which order `--include` and `--exclude` were given among each other."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        _, _, order = self.make_parser(ctx).parse_args(args=list(args))
        ctx.meta[_ORDER] = [parameter.name for parameter in order if parameter.name in ("include", "exclude")]
        return super().parse_args(ctx, args)


def ordered_filters(context: typer.Context, include: list[str] | None, exclude: list[str] | None) -> list[FilterRule]:
    """The rules in the order of the command line. Raises `UsageError` for a bad pattern."""
    from brigade.decide.filters import compile_pattern

    patterns = {"include": iter(include or ()), "exclude": iter(exclude or ())}
    rules = [FilterRule(name == "include", next(patterns[name])) for name in context.meta[_ORDER]]
    for rule in rules:
        read_option("--include" if rule.include else "--exclude", rule.pattern, compile_pattern)
    return rules


def read_option(name: str, text: str | None, parse: Callable[[str], T]) -> T | None:
    """The option's value, None if it was not given. Raises `UsageError` that names the option."""
    if text is None:
        return None
    try:
        return parse(text)
    except UsageError as error:
        raise UsageError(f"{name}: {error.message}", hint=error.hint) from None


def values_of(settings: list[str] | None) -> dict[str, Any]:
    """What `--set` names. Raises `UsageError`."""
    from brigade.config.document import read_document

    values: dict[str, Any] = {}
    for each in settings or []:
        key, equals, text = each.partition("=")
        if not equals or not key:
            # The value is not repeated: it may be a secret.
            raise UsageError("--set takes KEY=VALUE")
        values[key] = read_document(text, f"--set {key}").values
    return values


def setting_lines(settings: Mapping[str, Any]) -> list[str]:
    """Settings as `show` verbs tell them, a line each."""
    return [f"  {key}: {json.dumps(value, ensure_ascii=False)}" for key, value in settings.items()]


def selection(
    context: typer.Context,
    include: list[str] | None,
    exclude: list[str] | None,
    sizes: tuple[str | None, str | None],
    ages: tuple[str | None, str | None],
) -> Policy:
    """A policy that says which objects take part, and nothing else yet. Raises `UsageError` naming the option."""
    from brigade.config import units

    return Policy(
        filters=tuple(ordered_filters(context, include, exclude)),
        min_size_bytes=read_option("--min-size", sizes[0], units.parse_size),
        max_size_bytes=read_option("--max-size", sizes[1], units.parse_size),
        min_age_seconds=read_option("--min-age", ages[0], units.parse_duration),
        max_age_seconds=read_option("--max-age", ages[1], units.parse_duration),
    )
