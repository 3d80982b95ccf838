"""What the tests of the files for deployment share: where they are, and which commands there are."""

from __future__ import annotations

import re
from importlib import import_module
from pathlib import Path

import typer

from brigade.cli.main import VERBS
from brigade.wiring.scene import Role

DEPLOY = Path(__file__).resolve().parents[2] / "deploy"


def check_command(arguments: list[str]) -> None:
    """Fail if `brigade` would not know these arguments."""
    verb, *rest = arguments
    command = typer.main.get_command(import_module(f"brigade.cli.{VERBS[verb].module}").app)
    below = getattr(command, "commands", {})
    if below:
        command = below[rest.pop(0)]
    known = {option for parameter in command.params for option in (*parameter.opts, *parameter.secondary_opts)}
    assert {each for each in rest if each.startswith("-")} <= known, arguments
    if verb == "run":
        assert {each for each in rest if re.fullmatch(r"[a-z]+", each)} <= set(Role), arguments
