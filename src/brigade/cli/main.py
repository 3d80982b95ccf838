"""The `brigade` command: finds the verb, runs it, and turns every error into one line and an exit code."""

from __future__ import annotations

import gc
import os
import sys
from collections.abc import Sequence
from importlib import import_module
from typing import Any, NamedTuple

import typer
from typer.core import TyperGroup

from brigade.errors import BrigadeError

INTERRUPTED = 130


class Verb(NamedTuple):
    """Where a verb lives, and what it does in one line."""

    module: str
    help: str


VERBS = {
    "sync": Verb("sync", "Make a target the same as its source, and prove it."),
    "diff": Verb("diff", "Tell how a target differs from its source; change nothing."),
    "ls": Verb("ls", "List a location."),
    "run": Verb("run", "Run the replications of the configuration."),
    "status": Verb("status", "Tell how each replication stands."),
    "top": Verb("top", "Watch how all replications stand."),
    "activity": Verb("activity", "Tell what was done to objects lately."),
    "runs": Verb("runs", "Show what has run, and the reports."),
    "failures": Verb("failures", "Show what keeps failing, and why."),
    "retry": Verb("retry", "Try again what has failed."),
    "dismiss": Verb("dismiss", "Leave what has failed as it is, with a note on why."),
    "notifications": Verb("notifications", "Have buckets send their events to the feeds that follow them."),
    "route": Verb("route", "Change where the gateway sends requests, while it runs."),
    "replication": Verb("replication", "Set up, look at, order about and wait for replications."),
    "user": Verb("user", "Make, list and delete users of the gateway."),
    "token": Verb("token", "Make, list and revoke the tokens of the API."),
    "audit": Verb("audit", "Tell who did what."),
    "store": Verb("store", "Set up, look at and try out stores."),
    "config": Verb("config", "Write, check and describe the configuration."),
    "demo": Verb("demo", "Show the main job on two real S3 servers of its own."),
    "version": Verb("version", "Print the version."),
}


class LazyGroup(TyperGroup):
    """Knows the verbs by name and imports only the one that is called: `--help` imports none."""

    def list_commands(self, ctx: Any) -> list[str]:  # noqa: ARG002 - typer's signature
        return list(VERBS)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:  # noqa: ARG002 - typer's signature
        verb = VERBS.get(cmd_name)
        if verb is None:
            return None
        module = import_module(f"brigade.cli.{verb.module}")
        command = typer.main.get_command(module.app)
        command.name = cmd_name
        return command

    def format_commands(self, ctx: Any, formatter: Any) -> None:  # noqa: ARG002 - typer's signature
        with formatter.section("Commands"):
            formatter.write_dl([(name, verb.help) for name, verb in VERBS.items()])


app = typer.Typer(
    cls=LazyGroup,
    name="brigade",
    help="Brigade keeps object stores in step: it copies, proves and repairs, and spills nothing.",
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    invoke_without_command=True,
    context_settings={"help_option_names": ["-h", "--help"]},
)


@app.callback()
def root(
    context: typer.Context,
    debug: bool = typer.Option(False, "--debug", help="Show the traceback of unexpected errors."),
) -> None:
    """Print the help where no verb is given."""
    if debug:
        os.environ["BRIGADE_DEBUG"] = "1"
    if context.invoked_subcommand is None:
        typer.echo(context.get_help())
        raise typer.Exit(2)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit code."""
    # Loading makes some hundred thousand objects that all stay: looking for garbage among them costs a tenth of
    # the start. `run_async` turns it on again when the work begins.
    gc.disable()
    # Else pydantic reads what every installed package says of itself, to look for plugins; we bring none.
    os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "__all__")
    try:
        code = app(args=arguments, prog_name="brigade", standalone_mode=False)
    except BrigadeError as error:
        return _fail(str(error), error.exit_code)
    except typer.TyperException as error:
        return _fail(_usage_words(error), error.exit_code)
    except (KeyboardInterrupt, typer.Abort):
        return interrupted()
    except BrokenPipeError:
        # Whoever read our output has enough; nothing more can be said to it.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except Exception as error:  # noqa: BLE001 - the last line of defence before a traceback
        return _unexpected(error)
    finally:
        gc.enable()
    # Typer turns an interrupt into this code and says nothing.
    return interrupted() if code == INTERRUPTED else code if isinstance(code, int) else 0


def interrupted() -> int:
    """Tell that a run was stopped, and that nothing is lost by it."""
    return _fail("interrupted; the next run goes on from here", INTERRUPTED)


def _fail(text: str, code: int) -> int:
    # Keys and server texts may hold line breaks; an error is one line.
    line = " ".join(text.split("\n"))
    sys.stderr.write(f"brigade: error: {line}\n")
    return code


def _usage_words(error: typer.TyperException) -> str:
    format_message = getattr(error, "format_message", None)
    words = str(format_message() if format_message else error).strip()
    context = getattr(error, "ctx", None)
    return f"{words} (see `{context.command_path} --help`)" if context is not None else words


def _unexpected(error: Exception) -> int:
    from brigade.cli.crash import describe_crash

    return _fail(describe_crash(error), 1)
