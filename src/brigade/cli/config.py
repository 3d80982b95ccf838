"""`brigade config init | check | schema`."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Annotated

import typer

from brigade.cli import options
from brigade.errors import ConfigError, UsageError

app = typer.Typer(
    rich_markup_mode=None,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="Write, check and describe the configuration.",
)


@app.command()
def init(
    file: Annotated[Path, typer.Argument(metavar="[FILE]", help="Where to write it.")] = Path("brigade.yaml"),
    store: Annotated[str, typer.Option("--store", metavar="TYPE", help="The type of the target's store.")] = "s3",
) -> None:
    """Write a configuration to start from. A file that is there is left alone."""
    from brigade.config.sample import SAMPLED, sample

    if store not in SAMPLED:
        raise UsageError(f"there is no sample for a store of type {store!r}", hint=f"known: {', '.join(SAMPLED)}")
    try:
        with file.open("x", encoding="utf-8") as stream:
            stream.write(sample(store))
    except FileExistsError:
        raise UsageError(f"{file} is there already", hint="name another file") from None
    except OSError as error:
        raise UsageError(f"{file}: cannot be written: {error.strerror}") from None
    typer.echo(f"wrote {file}; now set the keys in it and run `brigade config check`")


@app.command()
def check(config: options.Config = None, as_json: options.Json = False) -> None:
    """Check the configuration without asking any server: keys, values, references, overlaps."""
    from brigade.cli.session import load_wiring
    from brigade.config.load import Loaded, examine_config, find_config
    from brigade.wiring.routes import check_routes

    file = find_config(config, os.environ, Path.cwd())
    if file is None:
        raise ConfigError("there is no configuration here", hint="`brigade config init` writes one, or use --config")
    found = examine_config(file, os.environ)
    problems = found if isinstance(found, list) else check_routes(load_wiring(file))
    if as_json:
        typer.echo(json.dumps({"file": str(file), "problems": problems}))
    else:
        for problem in problems:
            typer.echo(problem, err=True)
        if isinstance(found, Loaded) and not problems:
            stores, replications = len(found.config.stores), len(found.config.replications)
            typer.echo(f"{file} is right: {stores} stores, {replications} replications")
    if problems:
        raise typer.Exit(ConfigError.exit_code)


@app.command()
def schema() -> None:
    """Print the JSON Schema of the configuration."""
    from brigade.config.model import json_schema

    typer.echo(json.dumps(json_schema(), indent=2))
