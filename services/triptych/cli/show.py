"""What every command prints with: two consoles, JSON, tables, an error."""

import json
import os
from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from triptych.core.names import printable
from triptych.core.settings import LOCAL_URL

DEFAULT_URL = LOCAL_URL
INTERRUPTED = 130
"""The exit code after Ctrl-C."""
_UNITS = ((86_400, "d"), (3_600, "h"), (60, "min"))

# Only the terminal wraps lines: programs read them, and paths in them, whole.
console = Console(soft_wrap=True)
errors = Console(stderr=True, soft_wrap=True)


def print_json(value: Any) -> None:
    """One JSON document on a line of its own, for programs."""
    print(json.dumps(value, ensure_ascii=False))  # noqa: T201


def failure(error: Exception) -> typer.Exit:
    """Print an error; raise the returned exception to end the command with exit code 2."""
    if isinstance(error, BrokenPipeError):
        raise error  # the reader has gone, as after ``| head``: click exits silently
    errors.print(f"error: {error}", markup=False, style="red")
    return typer.Exit(2)


@contextmanager
def explained() -> Iterator[None]:
    """Print an error in one line and exit with code 2."""
    from triptych.client import ClientError

    try:
        yield
    except (ClientError, OSError, ValueError) as error:
        raise failure(error) from error


def print_table(
    titles: Sequence[str], rows: Iterable[Sequence[str]], *, whole: Collection[str]
) -> None:
    """A table that fits the terminal; elsewhere lines of cells with tabs between, and no titles.

    Args:
        titles: of the columns.
        rows: their cells, which may hold anything that users choose.
        whole: the columns that are never broken into lines.
    """
    cells = [[printable(cell) for cell in row] for row in rows]
    if not console.is_terminal:
        for row in cells:
            print(*row, sep="\t")  # noqa: T201
        return
    table = Table(box=None, pad_edge=False, padding=(0, 1, 0, 0), header_style="bold")
    for title in titles:
        table.add_column(title, overflow="fold", no_wrap=title in whole)
    for row in cells:
        table.add_row(*map(Text, row))
    console.print(table, soft_wrap=False)


def duration(seconds: float) -> str:
    """Seconds as people say it: ``40 s``, ``3 min``, ``5 h``, ``2 d``."""
    for size, unit in _UNITS:
        if seconds >= size:
            return f"{seconds / size:.0f} {unit}"
    return f"{max(0.0, seconds):.0f} s"


def command(*words: str, url: str) -> str:
    """A command that the user may type next, for this gateway."""
    known = {DEFAULT_URL, os.environ.get("TRIPTYCH_URL")}
    return " ".join(["triptych", *words, *([] if url in known else ["--url", url])])
