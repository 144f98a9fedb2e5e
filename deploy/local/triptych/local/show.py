"""Output: coloured on a terminal, plain elsewhere."""

from collections.abc import Callable, Sequence
from typing import Any

from rich.console import Console
from rich.table import Table

Say = Callable[[str], None]
_console = Console(highlight=False, soft_wrap=True)


def print_line(text: str) -> None:
    """Print a message; the name before the colon is bold."""
    name, colon, rest = text.partition(": ")
    style = "bold red" if name == "error" else "bold"
    _console.print(f"{name}{colon}", style=style if colon else None, markup=False, end="")
    _console.print(rest, markup=False)


def print_table(rows: Sequence[dict[str, Any]]) -> None:
    """Print the parts as a table, or tab-separated if the output is not a terminal."""
    columns = ("name", "pid", "port", "alive", "restarts", "log")
    cells = [["-" if row[key] is None else str(row[key]) for key in columns] for row in rows]
    if not _console.is_terminal:
        for line in [columns, *cells]:
            _console.print("\t".join(line), markup=False)
        return
    table = Table(*columns, box=None)
    for line in cells:
        table.add_row(*line, style=None if line[3] == "True" else "red")
    _console.print(table)
