"""The commands about single items: what there is, one of them, changes, deletion."""

import json
from collections.abc import Mapping, Sequence
from typing import Annotated, Any

import typer

from triptych.cli import criteria
from triptych.cli.pictures import check_pictures, print_picture
from triptych.cli.search import AsJson, Collection, Filters, Url
from triptych.cli.show import (
    DEFAULT_URL,
    console,
    errors,
    explained,
    print_json,
    print_table,
)
from triptych.client import Client
from triptych.core.names import printable

Item = Annotated[str, typer.Argument(help="The id of an item.")]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Don't ask.")]

_PARTS = ("image", "text", "audio")
_COLUMNS = ("item", *_PARTS)
_SECONDS = 30


def items(
    prefix: Annotated[str, typer.Argument(help="Only ids that begin so, as `2024/`.")] = "",
    url: Url = DEFAULT_URL,
    collection: Collection = "default",
    *,
    as_json: AsJson = False,
) -> None:
    """List the items of a collection with their files.

    `triptych search` without words lists them by a filter.
    """
    with explained(), Client(url) as client:
        found = client.holdings(collection, prefix)
        if as_json:
            for item in found:
                print_json(item)
            return
        print_table(_COLUMNS, map(_row, found), whole=())


def show(
    item: Item,
    url: Url = DEFAULT_URL,
    collection: Collection = "default",
    *,
    picture: Annotated[
        bool, typer.Option("--picture", help="Its picture, too, where the terminal shows any.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Show all that is known of an item."""
    with explained(), Client(url) as client:
        found = client.item(collection, item)
        if as_json:
            print_json(found)
            return
        if picture:
            check_pictures()
        print_table(("field", "value"), _facts(found), whole=("field",))
        if picture:
            print_picture(client.thumbnail(collection, item, 512))


def change(  # noqa: PLR0917
    item: Item,
    text: Annotated[str | None, typer.Option(help="Its new text.")] = None,
    tag: Annotated[
        list[str] | None, typer.Option(help="Its tags are these; may be repeated.")
    ] = None,
    field: Annotated[
        list[str] | None,
        typer.Option("--set", help="As title=Dusk, metadata.year=2024, or JSON after the sign."),
    ] = None,
    unset: Annotated[
        list[str] | None, typer.Option(help="A field to remove, as source or metadata.year.")
    ] = None,
    url: Url = DEFAULT_URL,
    collection: Collection = "default",
    *,
    as_json: AsJson = False,
) -> None:
    """Change fields of an item, or its text, without its media."""
    with explained(), Client(url) as client:
        wanted = change_of(text, tag, field or [], unset or [])
        found = client.change_item(collection, item, wanted, wait=_SECONDS)
    if as_json:
        print_json(found)
    elif "status" in found:
        print_table(("field", "value"), _facts(found), whole=("field",))
    else:
        errors.print("the change is accepted, and waits for a worker")


def delete(
    ids: Annotated[list[str] | None, typer.Argument(help="The ids of items.")] = None,
    filters: Filters = None,
    url: Url = DEFAULT_URL,
    collection: Collection = "default",
    *,
    yes: Yes = False,
) -> None:
    """Delete items, by their ids or by a filter.

    With a filter it says how many there are, and asks first.
    """
    with explained(), Client(url) as client:
        if bool(ids) is bool(filters):
            raise ValueError("give ids or --filter, and not both")
        if ids:
            for item in ids:
                client.delete_item(collection, item)
            console.print(f"{len(ids)} deleted")
            return
        wanted = criteria.filter_of(filters or [])
        query = {"filter": wanted, "limit": 1, "exact_total": True, "fields": []}
        number = client.search(collection, query)["total"]["value"]
        if number and not yes:
            typer.confirm(f"Delete {number} items of {collection}?", abort=True, err=True)
        console.print(f"{client.delete_items(collection, wanted) if number else 0} deleted")


def drop(
    collection: Annotated[str, typer.Argument(help="The collection.")],
    url: Url = DEFAULT_URL,
    *,
    yes: Yes = False,
) -> None:
    """Delete a collection with everything in it.

    It asks for the name first.
    """
    with explained(), Client(url) as client:
        number = client.collection(collection)["items"]["total"]
        if not yes:
            typed = typer.prompt(f"Type {collection} to delete it with {number} items", err=True)
            if typed != collection:
                raise ValueError("that is not its name: nothing is deleted")
        client.delete_collection(collection)
        console.print(f"{collection} is deleted")


def change_of(
    text: str | None, tags: Sequence[str] | None, fields: Sequence[str], unset: Sequence[str]
) -> dict[str, Any]:
    """A merge patch. Raises ValueError for what can't be read, and where nothing is to change."""
    wanted: dict[str, Any] = criteria.without_empty({"text": text, "tags": tags or None})
    for name in unset:
        _put(wanted, name, None)
    for entry in fields:
        name, sign, value = entry.partition("=")
        if not sign:
            raise ValueError(f"--set {entry!r} is not like title=Dusk or metadata.year=2024")
        _put(wanted, name.strip(), _value(value))
    if not wanted:
        raise ValueError("nothing is to change: give --text, --tag, --set or --unset")
    return wanted


def _put(wanted: dict[str, Any], name: str, value: Any) -> None:
    """Raises ValueError where both a field and a key of it are given."""
    field, dot, key = name.partition(".")
    known: Any = wanted.get(field, {} if dot else None)
    if isinstance(known, dict) is not bool(dot):
        raise ValueError(f"both {field} and a key of it are to change: give one of them")
    if dot:
        wanted[field] = {**known, key: value}
    else:
        wanted[field] = value


def _value(text: str) -> Any:
    """JSON where it is some, else a string."""
    try:
        return json.loads(text)
    except ValueError:
        return text


def _row(item: Mapping[str, Any]) -> list[str]:
    names = item.get("names") or {}
    return [item["id"], *(names.get(part, "") for part in _PARTS)]


def _facts(document: Mapping[str, Any]) -> list[tuple[str, str]]:
    """The fields of a document, those by key one by one."""
    facts = []
    for name, value in document.items():
        if isinstance(value, dict):
            facts += [(f"{name}.{key}", _shown(one)) for key, one in value.items()]
        else:
            facts.append((name, _shown(value)))
    return facts


def _shown(value: Any) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, list) and all(isinstance(one, str) for one in value):
        return ", ".join(value)
    return printable(json.dumps(value, ensure_ascii=False))
