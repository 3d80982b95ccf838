"""`brigade route list | set | delete | block | unblock | test`."""

from __future__ import annotations

import json
from typing import Annotated

import typer

from brigade.cli import options
from brigade.cli.text import one_line
from brigade.errors import Refused

app = typer.Typer(
    rich_markup_mode=None,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="Change where the gateway sends requests, while it runs.",
)

Bucket = Annotated[str, typer.Argument(metavar="BUCKET", help="A bucket, or * for every one.")]
User = Annotated[str | None, typer.Option("--user", metavar="NAME", help="This user's requests only.")]


@app.command("list")
def show(as_json: options.Json = False, config: options.Config = None, state: options.State = None) -> None:
    """Show all blocks and routes: of each those that were set at run time, then those of the configuration."""
    from brigade.cli.route_words import entry_line, entry_values
    from brigade.cli.session import load_wiring, run_in_state
    from brigade.control.routing import entries
    from brigade.wiring.known import gateway_known

    wiring = load_wiring(config, state)
    has_gateway = wiring.loaded is not None and wiring.loaded.config.gateway is not None
    known = gateway_known(wiring) if has_gateway else None
    found = run_in_state(wiring, lambda opened: entries(opened, known))
    for entry in found:
        typer.echo(json.dumps(entry_values(entry)) if as_json else entry_line(entry))
    if not found and not as_json:
        typer.echo("no routes and no blocks")


@app.command("set")
def change(
    bucket: Bucket,
    store: Annotated[str, typer.Argument(metavar="STORE", help="The store that shall serve it.")],
    user: User = None,
    force: Annotated[
        bool, typer.Option("--force", help="Even to where a replication writes, which may undo what clients write.")
    ] = False,
    as_json: options.Json = False,
    config: options.Config = None,
    state: options.State = None,
) -> None:
    """Send a bucket to a store from now on. Uploads that have begun end at the store where they began."""
    from brigade.cli.route_words import told, whose_words
    from brigade.cli.session import load_wiring, run_in_state
    from brigade.control.routing import set_route, whose_of
    from brigade.wiring.known import gateway_known, left_unheard, written_by_replications

    wiring = load_wiring(config, state, needs_config=True)
    whose, known = whose_of(user, bucket), gateway_known(wiring)
    writers = written_by_replications(wiring, whose.bucket, store)
    if writers and not force:
        raise Refused(
            f"{writers[0]}: it would undo what clients write to {store}",
            hint="take that replication out of the configuration first, or give --force",
        )
    run_in_state(wiring, lambda opened: set_route(opened, known, whose, store))
    for name in left_unheard(wiring, whose.bucket, store):
        typer.echo(f"note: {one_line(name)} does not follow what is written to {store}", err=True)
    told(f"{whose_words(whose)}: goes to {store}", as_json=as_json)


@app.command()
def delete(
    bucket: Bucket,
    user: User = None,
    as_json: options.Json = False,
    config: options.Config = None,
    state: options.State = None,
) -> None:
    """Remove a route that was set at run time. Exit code 1 if none was set for just these requests."""
    from brigade.cli.route_words import told, whose_words
    from brigade.cli.session import load_wiring, run_in_state
    from brigade.control.routing import delete_route, whose_of

    wiring = load_wiring(config, state)
    whose = whose_of(user, bucket)
    done = run_in_state(wiring, lambda opened: delete_route(opened, whose))
    words = "the route is gone" if done else "no route was set at run time"
    raise typer.Exit(told(f"{whose_words(whose)}: {words}", done=done, as_json=as_json))


@app.command()
def block(
    bucket: Bucket,
    user: User = None,
    writes: Annotated[bool, typer.Option("--writes", help="Refuse only what changes something.")] = False,
    note: Annotated[str, typer.Option("--note", metavar="TEXT", help="Why, for `route list`.")] = "",
    as_json: options.Json = False,
    config: options.Config = None,
    state: options.State = None,
) -> None:
    """Refuse requests with 503, on which clients try again, until they are unblocked."""
    from brigade.cli.route_words import told, whose_words
    from brigade.cli.session import load_wiring, run_in_state
    from brigade.control.routing import block as refuse
    from brigade.control.routing import whose_of
    from brigade.wiring.known import gateway_known

    wiring = load_wiring(config, state, needs_config=True)
    whose, known = whose_of(user, bucket), gateway_known(wiring)
    run_in_state(wiring, lambda opened: refuse(opened, known, whose, writes_only=writes, note=note))
    told(f"{whose_words(whose)}: {'writes are' if writes else 'is'} blocked", as_json=as_json)


@app.command()
def unblock(
    bucket: Bucket,
    user: User = None,
    as_json: options.Json = False,
    config: options.Config = None,
    state: options.State = None,
) -> None:
    """Let requests through again. Exit code 1 if just these were not blocked at run time."""
    from brigade.cli.route_words import told, whose_words
    from brigade.cli.session import load_wiring, run_in_state
    from brigade.control.routing import unblock as let_through
    from brigade.control.routing import whose_of

    wiring = load_wiring(config, state)
    whose = whose_of(user, bucket)
    done = run_in_state(wiring, lambda opened: let_through(opened, whose))
    words = "the block is gone" if done else "no block was set at run time"
    raise typer.Exit(told(f"{whose_words(whose)}: {words}", done=done, as_json=as_json))


@app.command("test")
def try_out(
    bucket: Bucket,
    user: User = None,
    method: Annotated[str, typer.Option("--method", metavar="METHOD", help="PUT, DELETE …")] = "GET",
    as_json: options.Json = False,
    config: options.Config = None,
    state: options.State = None,
) -> None:
    """Tell what becomes of a request and which rule decides it. Exit code 1 if it is refused."""
    from brigade.cli.route_words import decision_values, decision_words
    from brigade.cli.session import load_wiring, run_in_state
    from brigade.control.routing import explain, whose_of
    from brigade.wiring.known import gateway_known

    wiring = load_wiring(config, state, needs_config=True)
    whose, known = whose_of(user, bucket), gateway_known(wiring)
    answer = run_in_state(wiring, lambda opened: explain(opened, known, whose, method))
    if as_json:
        typer.echo(json.dumps({"bucket": bucket, "user": user, "method": method.upper(), **decision_values(answer)}))
    else:
        typer.echo(f"{method.upper()} {bucket}{f' of {user}' if user else ''}: {decision_words(answer)}")
    raise typer.Exit(0 if answer.is_served else 1)
