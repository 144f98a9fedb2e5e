"""``triptych create``: a collection, and into how many parts its index is cut."""

from typing import Annotated

import typer

from triptych.cli.search import AsJson, Url
from triptych.cli.show import DEFAULT_URL, console, failure, print_json
from triptych.client import Client, ClientError


def create(
    collection: Annotated[str, typer.Argument(help="The collection.")],
    shards: Annotated[
        int | None, typer.Option(min=1, help="Into how many parts the index is cut.")
    ] = None,
    replicas: Annotated[
        int | None, typer.Option(min=0, help="How many copies of each part there are.")
    ] = None,
    *,
    url: Url = DEFAULT_URL,
    as_json: AsJson = False,
) -> None:
    """Make a collection, or change its shards and replicas.

    Nothing is encoded again. Another number of shards takes as long as copying the collection,
    which is searched and written to meanwhile. The embedded index has one shard.
    """
    try:
        with Client(url) as client:
            made = client.create_collection(collection, shards=shards, replicas=replicas)
    except ClientError as error:
        raise failure(error) from error
    if as_json:
        print_json(made)
        return
    console.print(f"{collection}: {made['items']['total']} items", markup=False)
