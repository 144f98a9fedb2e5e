"""The command line of the local stack; ``triptych`` mounts the same functions."""

from pathlib import Path
from typing import Annotated

import typer

from triptych.core.threads import usable_cpus
from triptych.local import run
from triptych.local.errors import StackError
from triptych.local.options import (
    DEFAULT_PORT,
    IndexKind,
    StackOptions,
    home_of,
)
from triptych.local.show import print_line
from triptych.local.state import last_index

app = typer.Typer(
    help="Run all of Triptych on this machine, on loopback only.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)
Data = Annotated[
    Path | None,
    typer.Option(
        file_okay=False, help="A folder for its data, such as one that an Engine has filled."
    ),
]
Name = Annotated[str, typer.Option(help="Which stack; each name has its own data.")]


@app.command()
def up(  # noqa: PLR0917
    name: Name = "default",
    data: Data = None,
    port: Annotated[
        int,
        typer.Option(help="The gateway's port; the stores use the next three. 0 picks free ports."),
    ] = DEFAULT_PORT,
    index: Annotated[
        IndexKind | None,
        typer.Option(
            help="embedded is a folder of files and needs no Java. Default: the index that the "
            "stack had last, at first elastic.",
            show_default=False,
        ),
    ] = None,
    image_workers: Annotated[
        int, typer.Option(help="Processes of the image worker; 0 for one per processor.")
    ] = 0,
    heap: Annotated[str, typer.Option(help="Heap of Elasticsearch, such as 512m or 1g.")] = "1g",
    import_root: Annotated[
        list[Path] | None,
        typer.Option(help="A folder whose files manifests may refer to. May be repeated."),
    ] = None,
    *,
    detach: Annotated[
        bool, typer.Option("--detach/--foreground", help="Return when ready, or stay until Ctrl-C.")
    ] = False,
    fresh: Annotated[bool, typer.Option("--fresh", help="Delete the stack's data first.")] = False,
) -> None:
    """Start the stack and run it until Ctrl-C."""
    try:
        options = StackOptions(
            name=name,
            data=data,
            port=port,
            index=index or last_index(home_of(name, data)) or "elastic",
            import_roots=tuple(import_root or ()),
            fresh=fresh,
            detach=detach,
            image_workers=image_workers or usable_cpus(),
            heap=heap,
        )
    except StackError as error:
        print_line(f"error: {error}")
        raise typer.Exit(error.exit_code) from error
    raise typer.Exit(run.up(options))


@app.command()
def down(name: Name = "default", data: Data = None) -> None:
    """Stop the stack; its data stays."""
    raise typer.Exit(run.down(name, data))


@app.command()
def status(
    name: Name = "default",
    data: Data = None,
    *,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Show the stack's parts."""
    raise typer.Exit(run.status(name, data, as_json=as_json))
