"""``triptych keys``: who may do what at a gateway."""

import os
import re
import time
from datetime import UTC, datetime
from typing import Annotated, Any

import typer

from triptych.cli.search import AsJson, Url
from triptych.cli.show import DEFAULT_URL, console, errors, explained, print_json, print_table
from triptych.client import Client

app = typer.Typer(
    help="Make, list and revoke keys of a gateway.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
)

_COLUMNS = ("key", "name", "scopes", "collections", "expires")
_SECONDS = {"h": 3600, "d": 86_400}


@app.command()
def create(
    name: Annotated[str, typer.Argument(help="What it is for, for people.")],
    scope: Annotated[
        list[str] | None,
        typer.Option(
            help="search, read, ingest, train, or admin, which includes the others; may be "
            "repeated. Default: search and read; admin where no key is sent, as for the first one.",
            show_default=False,
        ),
    ] = None,
    collection: Annotated[
        list[str] | None,
        typer.Option(
            "--collection", "-c",
            help="A name, or the beginning of names with * at its end; may be repeated. Default: "
            "all collections.",
            show_default=False,
        ),
    ] = None,
    expires: Annotated[
        str | None, typer.Option(help="After so many days or hours: 90d, 12h. Default: never.")
    ] = None,
    per_minute: Annotated[
        int | None, typer.Option(min=1, help="Requests that it may send in a minute. Default: any.")
    ] = None,
    *,
    url: Url = DEFAULT_URL,
    as_json: AsJson = False,
) -> None:  # fmt: skip
    """Make a key. It is shown once, alone on standard output.

    The first key of a gateway is made on its own machine, and from then on everybody needs one.
    """
    usual = ["search", "read"] if os.environ.get("TRIPTYCH_KEY") else ["admin"]
    with explained(), Client(url) as client:
        made = client.create_key(
            name,
            scope or usual,
            collection or ["*"],
            expires_in=None if expires is None else _of(expires),
            per_minute=per_minute,
        )
    if as_json:
        print_json(made)
        return
    print(made["key"])  # noqa: T201
    errors.print(
        f"key {made['id']} may {', '.join(made['scopes'])} in {', '.join(made['collections'])}. "
        "It is not shown again: keep it, for example in TRIPTYCH_KEY.",
        markup=False,
        highlight=False,
    )


@app.command(name="list")
def index(url: Url = DEFAULT_URL, *, as_json: AsJson = False) -> None:
    """List the keys, the latest first; not their secrets, which are kept nowhere."""
    with explained(), Client(url) as client:
        found = client.keys()
    if as_json:
        print_json({"keys": found})
        return
    if not found:
        errors.print("no keys are stored")
        return
    print_table(_COLUMNS, map(_row, found), whole=_COLUMNS[:1])


@app.command()
def revoke(
    key: Annotated[str, typer.Argument(help="The id of a key, as `triptych keys list` has it.")],
    url: Url = DEFAULT_URL,
) -> None:
    """Let a key be of no use any more, within seconds."""
    with explained(), Client(url) as client:
        client.revoke_key(key)
    console.print(f"key {key} is revoked", markup=False, highlight=False)


def _row(key: dict[str, Any]) -> tuple[str, ...]:
    expires = key.get("expires")
    if expires is None:
        until = "never"
    else:
        day = datetime.fromtimestamp(expires, UTC).date().isoformat()
        until = day if expires > time.time() else f"{day}, expired"
    return key["id"], key["name"], ", ".join(key["scopes"]), ", ".join(key["collections"]), until


def _of(duration: str) -> int:
    """Seconds of ``90d`` or ``12h``. Raises ValueError."""
    if (found := re.fullmatch(r"([1-9]\d{0,4})([dh])", duration)) is None:
        raise ValueError(f"expires {duration!r}: days or hours are accepted, such as 90d or 12h")
    return int(found[1]) * _SECONDS[found[2]]
