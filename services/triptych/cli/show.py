"""What every command prints with: two consoles, JSON, an error."""

import json
from typing import Any

import typer
from rich.console import Console

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
