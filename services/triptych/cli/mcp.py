"""``triptych mcp``."""

import logging
import sys
from pathlib import Path
from typing import Annotated

import typer

from triptych.cli.search import Url
from triptych.cli.show import DEFAULT_URL
from triptych.mcp.access import Access
from triptych.mcp.server import make_server


def mcp(
    url: Url = DEFAULT_URL,
    root: Annotated[
        list[Path] | None,
        typer.Option(help="A folder whose files may be read and sent; may be repeated."),
    ] = None,
    port: Annotated[
        int | None,
        typer.Option(help="Serve HTTP on loopback at this port; by default standard input."),
    ] = None,
    *,
    write: Annotated[
        bool, typer.Option("--write", help="Tools that add, change and delete items, too.")
    ] = False,
) -> None:
    """Give agents tools to search collections, by the Model Context Protocol.

    On standard input and output it uses the key in TRIPTYCH_KEY. Over HTTP each caller sends a key
    of its own, and no files are read.
    """
    logging.basicConfig(stream=sys.stderr, level=logging.WARNING)
    roots = tuple(one.expanduser().resolve() for one in root or ())
    if port is not None and roots:
        raise typer.BadParameter("over HTTP no files are read: leave --root out")
    access = Access(url, roots, keys_of_callers=port is not None)
    server = make_server(access, write=write)
    if port is None:
        server.run("stdio")
    else:
        server.run("streamable-http", host="127.0.0.1", port=port, stateless_http=True)
