"""`brigade version`."""

from __future__ import annotations

import typer

from brigade import __version__

app = typer.Typer(rich_markup_mode=None, add_completion=False)


@app.command()
def version() -> None:
    """Print the version."""
    typer.echo(f"brigade {__version__}")
