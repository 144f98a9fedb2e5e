"""``triptych add``: media of this machine, or of the server, into a collection."""

from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import typer

from triptych.cli.ingest import Report, ingest
from triptych.cli.search import DEFAULT_URL, AsJson, Collection, Url
from triptych.cli.show import console, errors, failure, print_json
from triptych.client import Client, ClientError, uploads_of


def add(
    paths: Annotated[list[Path], typer.Argument(help="Folders, files, or JSONL manifests.")],
    url: Url = DEFAULT_URL,
    collection: Collection = "default",
    *,
    server_side: Annotated[
        bool,
        typer.Option(
            "--server-side", help="The manifests name files on the server: send no bytes."
        ),
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Upload items; files of one stem are one item.

    So cat.png, cat.txt and cat.ogg are the item cat. Hidden files of a folder are left out, and
    files that a manifest in it names belong to its lines. Exit code 1: an item failed, or there
    was none.
    """
    skipped: dict[str, str] = {}
    try:
        with Client(url) as client:
            submissions: Iterator[Callable[[], dict[str, Any]]]
            if server_side:
                submissions = (
                    partial(client.submit_manifest, collection, path.read_bytes()) for path in paths
                )
            else:
                submissions = (
                    partial(client.upload, collection, upload)
                    for upload in uploads_of(paths, skipped.__setitem__)
                )
            report = ingest(client, submissions, title="Adding", quiet=as_json)
            advice = client.collection(collection).get("advice") if report.total else None
    except (ClientError, OSError) as error:
        raise failure(error) from error
    for name, reason in skipped.items():
        errors.print(f"skipped: {name}: {reason}", style="yellow", markup=False)
    if not report.total:
        errors.print("nothing to add", style="red", highlight=False)
    if as_json:
        print_json({**vars(report), "skipped": skipped})
    elif report.total:
        _tell(report, advice)
    if report.failed or not report.total:
        raise typer.Exit(1)


def _tell(report: Report, advice: str | None) -> None:
    console.print(
        f"{report.done} items at {report.rate:.0f} items/s, {report.failed} failed, "
        f"{report.partial} partial"
    )
    for item in report.failures:
        console.print(f"  {item['id']}: {item['status']}: {item['errors']}", markup=False)
    if advice:
        console.print(advice, style="yellow", markup=False)
