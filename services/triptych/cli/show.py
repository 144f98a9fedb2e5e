"""What every command prints with: two consoles, JSON, an error."""

import json
from typing import Any

import typer
from rich.console import Console

# Only the terminal wraps: a program that reads a line, or a path in it, gets it whole.
console = Console(soft_wrap=True)
errors = Console(stderr=True, soft_wrap=True)


def print_json(value: Any) -> None:
    """One JSON document on a line of its own, for programs."""
    print(json.dumps(value, ensure_ascii=False))  # noqa: T201


def failure(error: Exception) -> typer.Exit:
    """Tell what went wrong; raise what is returned to end the command with exit code 2."""
    if isinstance(error, BrokenPipeError):
        raise error  # nobody reads on, as after ``| head``, which click ends in silence
    errors.print(f"error: {error}", markup=False, style="red")
    return typer.Exit(2)
