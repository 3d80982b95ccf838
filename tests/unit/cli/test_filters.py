from __future__ import annotations

import pytest
import typer

from brigade.cli import options
from brigade.cli.options import OrderedFilters, ordered_filters
from brigade.errors import UsageError
from brigade.replications import FilterRule

app = typer.Typer()
found: list[FilterRule] = []


@app.command(cls=OrderedFilters)
def command(
    context: typer.Context,
    include: options.Include = None,
    exclude: options.Exclude = None,
    name: str = "",
    rest: list[str] = typer.Argument(None),  # noqa: B008
):
    found[:] = ordered_filters(context, include, exclude)


def rules(*arguments: str) -> list[str]:
    app(args=arguments, standalone_mode=False)
    return [f"{'+' if rule.include else '-'}{rule.pattern}" for rule in found]


def test_the_order_among_each_other_is_kept():
    assert rules("--exclude", "a", "--include", "b", "--exclude", "c") == ["-a", "+b", "-c"]
    assert rules("--include", "b", "--exclude", "a", "--include", "c") == ["+b", "-a", "+c"]


def test_it_is_kept_however_the_options_are_written_and_whatever_stands_between():
    assert rules(
        "x", "--exclude=a", "--name", "--include", "--include=b", "y", "--exclude", "-c", "--", "--include"
    ) == [
        "-a",
        "+b",
        "--c",
    ]


def test_no_filters_are_no_rules():
    assert rules() == []


@pytest.mark.parametrize("option", ["--include", "--exclude"])
@pytest.mark.parametrize("pattern", ["", "[a", "re:(", "a{b"])
def test_a_bad_pattern_names_its_option(option: str, pattern: str):
    with pytest.raises(UsageError, match=f"^{option}: .*pattern"):
        rules(option, pattern)
