"""`brigade route list | set | delete | block | unblock | test`."""

from __future__ import annotations

import json
from functools import partial
from typing import Annotated

import typer

from brigade.cli import options
from brigade.cli.client import Api, Client, given, with_client
from brigade.cli.route_words import decision_words, entry_line, told, whose_words
from brigade.cli.text import one_line

app = typer.Typer(
    rich_markup_mode=None,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="Change where the gateway sends requests, while it runs.",
)

Bucket = Annotated[str, typer.Argument(metavar="BUCKET", help="A bucket, or * for every one.")]
User = Annotated[str | None, typer.Option("--user", metavar="NAME", help="This user's requests only.")]


@app.command("list")
def show(
    as_json: options.Json = False, api: Api = None, config: options.Config = None, state: options.State = None
) -> None:
    """Show all blocks and routes: of each those that were set at run time, then those of the configuration."""

    async def ask(client: Client) -> None:
        found = [{"kind": "block", **each} for each in (await client.ask("GET", "/blocks")).value]
        found += [{"kind": "route", **each} for each in (await client.ask("GET", "/routes")).value]
        for entry in found:
            typer.echo(json.dumps(entry) if as_json else entry_line(entry))
        if not found and not as_json:
            typer.echo("no routes and no blocks")

    with_client(ask, api, config, state, needs_config=False)


@app.command("set")
def change(
    bucket: Bucket,
    store: Annotated[str, typer.Argument(metavar="STORE", help="The store that shall serve it.")],
    user: User = None,
    force: Annotated[
        bool, typer.Option("--force", help="Even to where a replication writes, which may undo what clients write.")
    ] = False,
    as_json: options.Json = False,
    api: Api = None,
    config: options.Config = None,
    state: options.State = None,
) -> None:
    """Send a bucket to a store from now on. Uploads that have begun end at the store where they began."""
    body = {"bucket": bucket, "user": user, "store": store, "force": force}

    async def ask(client: Client) -> None:
        for name in (await client.ask("PUT", "/routes", body=body)).value["unheard"]:
            typer.echo(f"note: {one_line(name)} does not follow what is written to {store}", err=True)

    with_client(ask, api, config, state)
    told(f"{whose_words(bucket, user)}: goes to {store}", as_json=as_json)


@app.command()
def delete(
    bucket: Bucket,
    user: User = None,
    as_json: options.Json = False,
    api: Api = None,
    config: options.Config = None,
    state: options.State = None,
) -> None:
    """Remove a route that was set at run time. Exit code 1 if none was set for just these requests."""
    take_back = partial(_take_back, path="/routes", bucket=bucket, user=user)
    done = with_client(take_back, api, config, state, needs_config=False)
    words = "the route is gone" if done else "no route was set at run time"
    raise typer.Exit(told(f"{whose_words(bucket, user)}: {words}", done=done, as_json=as_json))


@app.command()
def block(
    bucket: Bucket,
    user: User = None,
    writes: Annotated[bool, typer.Option("--writes", help="Refuse only what changes something.")] = False,
    note: Annotated[str, typer.Option("--note", metavar="TEXT", help="Why, for `route list`.")] = "",
    as_json: options.Json = False,
    api: Api = None,
    config: options.Config = None,
    state: options.State = None,
) -> None:
    """Refuse requests with 503, on which clients try again, until they are unblocked."""
    body = {"bucket": bucket, "user": user, "writes_only": writes, "note": note}

    async def ask(client: Client) -> None:
        await client.ask("PUT", "/blocks", body=body)

    with_client(ask, api, config, state)
    told(f"{whose_words(bucket, user)}: {'writes are' if writes else 'is'} blocked", as_json=as_json)


@app.command()
def unblock(
    bucket: Bucket,
    user: User = None,
    as_json: options.Json = False,
    api: Api = None,
    config: options.Config = None,
    state: options.State = None,
) -> None:
    """Let requests through again. Exit code 1 if just these were not blocked at run time."""
    take_back = partial(_take_back, path="/blocks", bucket=bucket, user=user)
    done = with_client(take_back, api, config, state, needs_config=False)
    words = "the block is gone" if done else "no block was set at run time"
    raise typer.Exit(told(f"{whose_words(bucket, user)}: {words}", done=done, as_json=as_json))


@app.command("test")
def try_out(
    bucket: Bucket,
    user: User = None,
    method: Annotated[str, typer.Option("--method", metavar="METHOD", help="PUT, DELETE …")] = "GET",
    as_json: options.Json = False,
    api: Api = None,
    config: options.Config = None,
    state: options.State = None,
) -> None:
    """Tell what becomes of a request and which rule decides it. Exit code 1 if it is refused."""
    query = given(bucket=bucket, user=user, method=method)

    async def ask(client: Client) -> dict[str, object]:
        return dict((await client.ask("GET", "/routes/explain", query=query)).value)

    answer = with_client(ask, api, config, state)
    if as_json:
        typer.echo(json.dumps({**answer, "bucket": bucket}))
    else:
        typer.echo(f"{method.upper()} {bucket}{f' of {user}' if user else ''}: {decision_words(answer)}")
    raise typer.Exit(0 if answer["store"] is not None else 1)


async def _take_back(client: Client, *, path: str, bucket: str, user: str | None) -> bool:
    """Whether there was one of just these."""
    answer = await client.ask("DELETE", path, query=given(bucket=bucket, user=user))
    return bool(answer.value["done"])
