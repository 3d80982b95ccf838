"""`brigade route list | set | delete | block | unblock | test`."""

from __future__ import annotations

from typing import Annotated

import typer

from brigade.cli import options
from brigade.cli.asking import DONE, asking, tell, tell_each
from brigade.cli.client import Client, given
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
@asking(needs_config=False)
async def show(client: Client, as_json: options.Json = False) -> None:
    """Show all blocks and routes: of each those that were set at run time, then those of the configuration."""
    found = [{"kind": "block", **each} for each in (await client.ask("GET", "/blocks")).value]
    found += [{"kind": "route", **each} for each in (await client.ask("GET", "/routes")).value]
    tell_each(found, entry_line, as_json=as_json, none="no routes and no blocks")


@app.command("set")
@asking()
async def change(
    client: Client,
    bucket: Bucket,
    store: Annotated[str, typer.Argument(metavar="STORE", help="The store that shall serve it.")],
    user: User = None,
    force: Annotated[
        bool, typer.Option("--force", help="Even to where a replication writes, which may undo what clients write.")
    ] = False,
    as_json: options.Json = False,
) -> None:
    """Send a bucket to a store from now on. Uploads that have begun end at the store where they began."""
    body = {"bucket": bucket, "user": user, "store": store, "force": force}
    made = (await client.ask("PUT", "/routes", body=body)).value
    for name in made["unheard"]:
        typer.echo(f"note: {one_line(name)} does not follow what is written to {store}", err=True)
    tell({**DONE, **made}, f"{whose_words(bucket, user)}: goes to {store}", as_json=as_json)


@app.command()
@asking(needs_config=False)
async def delete(client: Client, bucket: Bucket, user: User = None, as_json: options.Json = False) -> int:
    """Remove a route that was set at run time. Exit code 1 if none was set for just these requests."""
    done = await _take_back(client, "/routes", bucket, user)
    words = "the route is gone" if done else "no route was set at run time"
    return told(f"{whose_words(bucket, user)}: {words}", done=done, as_json=as_json)


@app.command()
@asking()
async def block(
    client: Client,
    bucket: Bucket,
    user: User = None,
    writes: Annotated[bool, typer.Option("--writes", help="Refuse only what changes something.")] = False,
    note: Annotated[str, typer.Option("--note", metavar="TEXT", help="Why, for `route list`.")] = "",
    as_json: options.Json = False,
) -> None:
    """Refuse requests with 503, on which clients try again, until they are unblocked."""
    await client.ask("PUT", "/blocks", body={"bucket": bucket, "user": user, "writes_only": writes, "note": note})
    told(f"{whose_words(bucket, user)}: {'writes are' if writes else 'is'} blocked", as_json=as_json)


@app.command()
@asking(needs_config=False)
async def unblock(client: Client, bucket: Bucket, user: User = None, as_json: options.Json = False) -> int:
    """Let requests through again. Exit code 1 if just these were not blocked at run time."""
    done = await _take_back(client, "/blocks", bucket, user)
    words = "the block is gone" if done else "no block was set at run time"
    return told(f"{whose_words(bucket, user)}: {words}", done=done, as_json=as_json)


@app.command("test")
@asking()
async def try_out(
    client: Client,
    bucket: Bucket,
    user: User = None,
    method: Annotated[str, typer.Option("--method", metavar="METHOD", help="PUT, DELETE …")] = "GET",
    as_json: options.Json = False,
) -> int:
    """Tell what becomes of a request and which rule decides it. Exit code 1 if it is refused."""
    query = given(bucket=bucket, user=user, method=method)
    answer = dict((await client.ask("GET", "/routes/explain", query=query)).value)
    words = f"{method.upper()} {bucket}{f' of {user}' if user else ''}: {decision_words(answer)}"
    tell({**answer, "bucket": bucket}, words, as_json=as_json)
    return 0 if answer["store"] is not None else 1


async def _take_back(client: Client, path: str, bucket: str, user: str | None) -> bool:
    """Whether there was one of just these."""
    answer = await client.ask("DELETE", path, query=given(bucket=bucket, user=user))
    return bool(answer.value["done"])
