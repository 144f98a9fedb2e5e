"""The ``triptych`` command: up, down, status, add, search, demo, encoders, fit, evaluate."""

import json
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import typer

from triptych.cli import demo as demonstration
from triptych.cli.encoders import encoders, evaluation, fit
from triptych.cli.ingest import ingest
from triptych.cli.show import console, errors, print_hits, print_json
from triptych.client import Client, ClientError, uploads_of
from triptych.local.cli import down, status, up

app = typer.Typer(
    help="Multimodal ingestion and search.", no_args_is_help=True, pretty_exceptions_enable=False
)
app.command()(up)
app.command()(down)
app.command()(status)
app.command("encoders")(encoders)
app.command()(fit)
app.add_typer(evaluation, name="evaluate")

Url = Annotated[str, typer.Option(envvar="TRIPTYCH_URL", help="The gateway.")]
Collection = Annotated[str, typer.Option("--collection", "-c", help="The collection.")]
AsJson = Annotated[bool, typer.Option("--json", help="For programs.")]
DEFAULT_URL = "http://127.0.0.1:8080"


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
    except (ClientError, OSError) as error:
        raise _fail(error) from error
    if as_json:
        print_json(vars(report))
    else:
        console.print(f"{report.done} items at {report.rate:.0f} items/s, {report.failed} failed")
        for item in report.failures:
            console.print(f"  {item['id']}: {item['status']}: {item['errors']}", markup=False)
    if report.failed:
        raise typer.Exit(1)


@app.command()
def search(  # noqa: PLR0917
    text: Annotated[str | None, typer.Argument(help="Words.")] = None,
    image: Annotated[Path | None, typer.Option(help="A picture.")] = None,
    audio: Annotated[Path | None, typer.Option(help="A sound.")] = None,
    url: Url = DEFAULT_URL,
    collection: Collection = "default",
    tag: Annotated[list[str] | None, typer.Option(help="Only items with all these tags.")] = None,
    keyword: Annotated[list[str] | None, typer.Option(help="Likewise of keywords.")] = None,
    language: Annotated[str | None, typer.Option(help="Of the words, as ISO 639-1 has it.")] = None,
    weight: Annotated[
        list[str] | None, typer.Option(help="As text=2, image=0.5; also keyword, audio.")
    ] = None,
    fusion: Annotated[str, typer.Option(help="linear or rrf.")] = "linear",
    limit: Annotated[int, typer.Option("--limit", "-n", help="How many hits.")] = 10,
    *,
    verify: Annotated[
        bool, typer.Option("--verify", help="Near-duplicates of the picture first.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Search by words, a picture, a sound, or any mix of them."""
    given = {"text": text, "language": language, "verify": verify or None}
    fields: dict[str, Any] = {
        "fusion": fusion,
        "limit": limit,
        "filter": {"tags": tag or [], "keywords": keyword or []},
        **{name: value for name, value in given.items() if value is not None},
    }
    try:
        fields["weights"] = dict(_weight(entry) for entry in weight or [])
        media = {
            name: path.read_bytes()
            for name, path in (("image", image), ("audio", audio))
            if path is not None
        }
        with Client(url) as client:
            answer = client.search(collection, fields, media)
    except (ClientError, OSError, ValueError) as error:
        raise _fail(error) from error
    if as_json:
        print_json(answer)
    else:
        print_hits(answer)


@app.command()
def demo(
    name: Annotated[str, typer.Option(help="The name of the local stack.")] = "demo",
    port: Annotated[int, typer.Option(help="The gateway's port; 0: a free one.")] = 8080,
    *,
    once: Annotated[
        bool, typer.Option("--once", help="Stop by itself; exit code 0 if all is well.")
    ] = False,
) -> None:
    """Start everything, ingest the Tux Paint stamps, ask five questions."""
    raise typer.Exit(demonstration.run(name=name, port=port, once=once))


def _weight(entry: str) -> tuple[str, float]:
    name, separator, value = entry.partition("=")
    if not separator:
        raise ValueError(f"weight {entry!r} is not of the form name=number")
    return name, float(json.loads(value))


def _fail(error: Exception) -> typer.Exit:
    errors.print(f"error: {error}", markup=False, style="red")
    return typer.Exit(2)


if __name__ == "__main__":
    app()
