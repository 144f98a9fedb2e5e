"""The ``triptych`` command: what can be said to a gateway, and the local stack and its tools."""

from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import typer

from triptych.cli import demo as demonstration
from triptych.cli.encoders import encoders, evaluation, fit
from triptych.cli.ingest import ingest
from triptych.cli.migrate import migrate
from triptych.cli.relevance import evaluate_search, tune
from triptych.cli.search import DEFAULT_URL, AsJson, Collection, Url, search, similar
from triptych.cli.show import console, failure, print_json
from triptych.client import Client, ClientError, uploads_of
from triptych.local.cli import down, status, up
from triptych.local.options import IndexKind

app = typer.Typer(
    help="Multimodal ingestion and search.", no_args_is_help=True, pretty_exceptions_enable=False
)
app.command()(up)
app.command()(down)
app.command()(status)
app.command()(search)
app.command()(similar)
app.command()(migrate)
app.command("encoders")(encoders)
app.command()(fit)
app.command()(tune)
evaluation.command("search")(evaluate_search)
app.add_typer(evaluation, name="evaluate")


@app.command()
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
    """Upload items; files of one stem (cat.png, cat.txt, cat.ogg) are one item."""
    try:
        with Client(url) as client:
            submissions: Iterator[Callable[[], dict[str, Any]]]
            if server_side:
                submissions = (
                    partial(client.submit_manifest, collection, path.read_bytes()) for path in paths
                )
            else:
                submissions = (
                    partial(client.upload, collection, upload) for upload in uploads_of(paths)
                )
            report = ingest(client, submissions, title="Adding", quiet=as_json)
            advice = client.collection(collection).get("advice") if report.total else None
    except (ClientError, OSError) as error:
        raise failure(error) from error
    if as_json:
        print_json(vars(report))
    else:
        console.print(f"{report.done} items at {report.rate:.0f} items/s, {report.failed} failed")
        for item in report.failures:
            console.print(f"  {item['id']}: {item['status']}: {item['errors']}", markup=False)
        if advice:
            console.print(advice, style="yellow", markup=False)
    if report.failed:
        raise typer.Exit(1)


@app.command()
def demo(
    name: Annotated[str, typer.Option(help="The name of the local stack.")] = "demo",
    port: Annotated[int, typer.Option(help="The gateway's port; 0: a free one.")] = 8080,
    index: Annotated[
        IndexKind, typer.Option(help="embedded needs neither Java nor a server.")
    ] = "embedded",
    *,
    once: Annotated[
        bool, typer.Option("--once", help="Stop by itself; exit code 0 if all is well.")
    ] = False,
) -> None:
    """Start everything, ingest the Tux Paint stamps, ask five questions."""
    raise typer.Exit(demonstration.run(name=name, port=port, index=index, once=once))


if __name__ == "__main__":
    app()
