"""The ``triptych`` command: what can be said to a gateway, and the local stack and its tools."""

from typing import Annotated

import typer

from triptych.cli import demo as demonstration
from triptych.cli.add import add
from triptych.cli.encoders import encoders, evaluation, fit
from triptych.cli.migrate import migrate
from triptych.cli.relevance import evaluate_search, tune
from triptych.cli.search import search, similar
from triptych.local.cli import down, status, up
from triptych.local.options import IndexKind

app = typer.Typer(
    help="Multimodal ingestion and search.", no_args_is_help=True, pretty_exceptions_enable=False
)
app.command()(up)
app.command()(down)
app.command()(status)
app.command()(add)
app.command()(search)
app.command()(similar)
app.command()(migrate)
app.command("encoders")(encoders)
app.command()(fit)
app.command()(tune)
evaluation.command("search")(evaluate_search)
app.add_typer(evaluation, name="evaluate")


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
