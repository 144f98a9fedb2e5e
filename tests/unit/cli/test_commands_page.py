"""``docs/commands.md`` lists every command with its options; this module writes it: run it."""

import inspect
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import typer

from triptych.cli.lazy import load
from triptych.cli.main import COMMANDS, app

PAGE = Path(__file__).parents[3] / "docs/commands.md"
INTRODUCTION = """# Commands

`triptych COMMAND --help` shows the same. *needs* is the extra of the package that a command needs.
Options whose values are `list[…]` may be repeated. This page is made by
`python tests/unit/cli/test_commands_page.py`; a test compares it with the commands.
"""


def page() -> str:
    """The page as it must be."""
    lines = [INTRODUCTION, "| command | needs | does |", "|---|---|---|"]
    lines += [
        f"| [`{entry.name}`](#triptych-{entry.name}) | `{entry.extra}` | {entry.help} |"
        for entry in COMMANDS
    ]
    whole = typer.main.get_command(app)
    lines += ["", "Before the name of a command:", "", *options(whole, "triptych")]
    for entry in COMMANDS:
        lines += section(load(entry), f"triptych {entry.name}")
    return "\n".join(lines) + "\n"


def section(command: Any, path: str, level: int = 2) -> Iterator[str]:
    """The lines about a command, and about those within it."""
    yield from ["", f"{'#' * level} {path}", ""]
    inner = getattr(command, "commands", {})
    if not inner:
        with command.make_context(path, [], resilient_parsing=True) as context:
            usage = " ".join([path, *command.collect_usage_pieces(context)])
        yield from ["```", usage, "```", ""]
    yield inspect.cleandoc(command.help)
    if command.params:
        yield from ["", *options(command, path)]
    for name, one in inner.items():
        yield from section(one, f"{path} {name}", level + 1)


def options(command: Any, path: str) -> Iterator[str]:
    """A table of the arguments and options of a command."""
    yield from ["| | |", "|---|---|"]
    with command.make_context(path, [], resilient_parsing=True) as context:
        records = [one.get_help_record(context) for one in command.params]
    shown = [record for record in records if record]
    yield from (f"| `{cell(name)}` | {cell(said)} |" for name, said in shown)


def cell(text: str) -> str:
    """A text as a table can hold it."""
    return " ".join(text.split()).replace("|", "\\|")


def test_the_page_is_what_the_commands_say():
    """Nothing in it is written by hand."""
    remedy = "run python tests/unit/cli/test_commands_page.py"
    assert PAGE.read_text("utf-8") == page(), remedy


if __name__ == "__main__":
    PAGE.write_text(page(), "utf-8")
