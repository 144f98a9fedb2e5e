"""The commands about the indexes of collections: whether they are up to date, and renewing them."""

import time
from typing import Annotated, Any

import typer

from triptych.cli.search import AsJson, Url
from triptych.cli.show import (
    DEFAULT_URL,
    INTERRUPTED,
    command,
    console,
    errors,
    explained,
    print_json,
    print_table,
)
from triptych.client import Client
from triptych.core.bar import progress_bar

Name = Annotated[str, typer.Argument(help="The collection.")]
Wait = Annotated[bool, typer.Option("--wait", help="Follow it until it has ended.")]

_COLUMNS = ("collection", "items", "state")
_SECONDS = 1.0


def collections(url: Url = DEFAULT_URL, *, as_json: AsJson = False) -> None:
    """List collections: how many items each has, and whether it needs a rebuild."""
    with explained(), Client(url) as client:
        found = client.collections()
    if as_json:
        print_json({"collections": found})
        return
    rows = (
        (
            one["name"],
            str(one.get("items", {}).get("total", "")),
            one.get("state") or one["problem"],
        )
        for one in found
    )
    print_table(_COLUMNS, rows, whole=_COLUMNS[:2])


def rebuild(
    collection: Name,
    url: Url = DEFAULT_URL,
    *,
    wait: Wait = False,
    swap: Annotated[
        bool, typer.Option(help="Whether the new index takes the old one's place by itself.")
    ] = True,
    cancel: Annotated[bool, typer.Option("--cancel", help="Give a rebuild up.")] = False,
    as_json: AsJson = False,
) -> None:
    """Make the vectors of a collection anew, for the encoders of the gateway.

    It is searched and written to meanwhile; the old index is kept for `triptych rollback`.
    Exit codes: 0 it has begun, or ended with --wait; 1 it has stopped; 2 it can't be done.
    """
    with explained(), Client(url) as client:
        if cancel:
            client.cancel_rebuild(collection)
            errors.print(f"{collection}: the rebuild is given up", markup=False)
            return
        client.rebuild(collection, swap=swap)
        await_index(client, collection, url, wait=wait, as_json=as_json)


def rollback(
    collection: Name,
    url: Url = DEFAULT_URL,
    *,
    wait: Wait = False,
    drop: Annotated[
        bool, typer.Option("--drop", help="Delete the old index instead: there is no way back.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Go back to the index that a rebuild has replaced.

    What was written since goes along. The gateway must have the encoders of before again.
    """
    with explained(), Client(url) as client:
        if drop:
            client.delete_previous_index(collection)
            errors.print(f"{collection}: the old index is deleted", markup=False)
            return
        client.roll_back(collection)
        await_index(client, collection, url, wait=wait, as_json=as_json)


def await_index(client: Client, collection: str, url: str, *, wait: bool, as_json: bool) -> None:
    """Say how far it is, or follow it; ends with exit code 1 where it has stopped."""
    found = client.collection(collection)["index"]
    if wait:
        try:
            found = _follow(client, collection, quiet=as_json)
        except KeyboardInterrupt:
            errors.print("interrupted: the rebuild goes on without this command. To look:")
            errors.print(f"  {command('collections', url=url)}", markup=False)
            raise typer.Exit(INTERRUPTED) from None
    if as_json:
        print_json({"collection": collection, **found})
    else:
        console.print(_sentence(collection, found), markup=False, highlight=False)
    if found["state"] == "stopped":
        raise typer.Exit(1)


def _follow(client: Client, collection: str, *, quiet: bool) -> dict[str, Any]:
    """Show how far it is until it has ended; the last state."""
    started = time.monotonic()
    with progress_bar(collection, quiet=quiet) as bar:
        while True:
            found: dict[str, Any] = client.collection(collection)["index"]
            done, total = found.get("done", 0), found.get("total", 0)
            rate = done / max(_SECONDS, time.monotonic() - started)
            bar.update(done=done, total=total, failed=0, rate=rate)
            if found["state"] != "rebuilding":
                return found
            time.sleep(_SECONDS)


def _sentence(collection: str, found: dict[str, Any]) -> str:
    far = f", {found['done']:,} of {found['total']:,} items" if "total" in found else ""
    why = f": {found['problem']}" if "problem" in found else ""
    return f"{collection}: {found['state']}{far}{why}"
