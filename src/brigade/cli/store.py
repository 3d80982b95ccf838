"""`brigade store list | show | add | change | remove | check | fidelity`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

import typer

from brigade.cli import options, secret_options
from brigade.cli.asking import DONE, asking, tell, tell_each
from brigade.cli.client import Api, Client, segment, with_client
from brigade.cli.store_fidelity import fidelity
from brigade.cli.text import one_line

app = typer.Typer(
    rich_markup_mode=None,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="Set up, look at and try out stores.",
)

Name = Annotated[str, typer.Argument(metavar="NAME", help="The store.")]


app.command()(fidelity)


@app.callback()
def store() -> None:
    """Set up, look at and try out stores."""


@app.command(name="list")
@asking()
async def list_stores(client: Client, as_json: options.Json = False) -> None:
    """List the stores, of the file and set up at run time, without their secrets."""
    tell_each((await client.ask("GET", "/stores")).value, _line, as_json=as_json, none="there is no store")


@app.command()
@asking()
async def show(client: Client, name: Name, as_json: options.Json = False) -> None:
    """Show one store with its settings, without secrets."""
    found = (await client.ask("GET", f"/stores/{segment(name)}")).value
    tell(found, "\n".join([_line(found), *options.setting_lines(found["settings"])]), as_json=as_json)


@app.command()
def add(
    name: Name,
    kind: Annotated[str, typer.Argument(metavar="TYPE", help="Its type, as in the file: s3, file …")],
    settings: options.Setting = None,
    secret_env: secret_options.FromEnvironment = None,
    secret_file: secret_options.FromFile = None,
    secret_prompt: secret_options.Asked = None,
    as_json: options.Json = False,
    api: Api = None,
    config: options.Config = None,
    state: options.State = None,
) -> None:
    """Set up a store at run time. Secrets come from the environment, a file or a prompt, and are kept sealed."""
    named = {"type": kind, **options.values_of(settings)}
    wanted = secret_options.settings_with_secrets(named, secret_env, secret_file, secret_prompt)

    async def ask(client: Client) -> None:
        made = await client.ask("POST", "/stores", body={"name": name, "settings": wanted})
        tell(made.value, f"{one_line(name)} is set up", as_json=as_json)

    with_client(ask, api, config, state)


@app.command()
def change(
    name: Name,
    settings: options.Setting = None,
    secret_env: secret_options.FromEnvironment = None,
    secret_file: secret_options.FromFile = None,
    secret_prompt: secret_options.Asked = None,
    as_json: options.Json = False,
    api: Api = None,
    config: options.Config = None,
    state: options.State = None,
) -> None:
    """Change settings of a store that was set up at run time; those not named stay. An empty value takes one away."""
    named = options.values_of(settings)
    secrets = secret_options.settings_with_secrets(named, secret_env, secret_file, secret_prompt)

    async def ask(client: Client) -> None:
        place = f"/stores/{segment(name)}"
        seen = await client.ask("GET", place)
        wanted = secret_options.overlaid(seen.value["settings"], secrets)
        changed = await client.ask("PUT", place, body={"settings": wanted}, tag=seen.tag)
        tell(changed.value, f"{one_line(name)} is changed", as_json=as_json)

    with_client(ask, api, config, state)


@app.command()
@asking()
async def remove(client: Client, name: Name, as_json: options.Json = False) -> None:
    """Forget a store that nothing needs, with its secrets. What is in it stays."""
    await client.ask("DELETE", f"/stores/{segment(name)}")
    tell(DONE, f"{one_line(name)} is gone; what is in it stays", as_json=as_json)


@app.command()
def check(
    location: Annotated[str, typer.Argument(metavar="LOCATION", help="store:bucket, a path, s3://bucket, or a store.")],
    target: Annotated[
        str | None, typer.Argument(metavar="[TARGET]", help="Show what a copy from LOCATION to here carries.")
    ] = None,
    read_only: Annotated[bool, typer.Option("--read-only", help="Write nothing.")] = False,
    as_json: options.Json = False,
    api: Api = None,
    config: options.Config = None,
    state: options.State = None,
) -> None:
    """Try out what a store does, step by step. Writes only below a key of its own and removes it again."""
    from brigade.cli.store_check import check_by_api, check_here, is_of_run_time

    if is_of_run_time(location, api, config, state):
        code = with_client(
            lambda client: check_by_api(client, location, target, read_only=read_only, as_json=as_json),
            api,
            config,
            state,
        )
    else:
        code = check_here(config, location, target, read_only=read_only, as_json=as_json)
    raise typer.Exit(code)


def _line(found: Mapping[str, Any]) -> str:
    from brigade.api.pages.words import whereabouts

    where = whereabouts(found["settings"])
    problem = f"; not in force: {one_line(found['problem'])}" if found["problem"] else ""
    line = f"{one_line(found['name'])}: {one_line(str(found['settings'].get('type')))} {one_line(where)}".rstrip()
    return f"{line} ({found['origin']}){problem}"
