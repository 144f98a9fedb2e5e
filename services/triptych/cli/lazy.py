"""Commands that are imported when they are used, so that each one needs only its own libraries."""

from collections.abc import Iterable
from dataclasses import dataclass
from importlib import import_module
from typing import Any

import typer
from typer.core import TyperCommand, TyperGroup


@dataclass(frozen=True)
class Command:
    """What is known of a command before it is imported."""

    name: str
    target: str
    """``module:attribute``: a function, or a ``typer.Typer`` with commands of its own."""
    extra: str
    """The extra of the package that installs its libraries."""
    help: str
    """The first line of its docstring."""


class _Deferred(TyperCommand):
    """A name and a line of help; the command itself is imported when it is called."""

    def __init__(self, command: Command) -> None:
        super().__init__(command.name, help=command.help, rich_markup_mode=None)
        self._command = command

    def make_context(self, info_name: str | None, *args: Any, **options: Any) -> Any:
        """The context of the real command."""
        return load(self._command).make_context(info_name, *args, **options)


def load(command: Command) -> Any:
    """Import a command. Raises ModuleNotFoundError where its extra is not installed."""
    module, _, attribute = command.target.partition(":")
    target = getattr(import_module(module), attribute)
    if not isinstance(target, typer.Typer):
        function, target = target, typer.Typer(add_completion=False, rich_markup_mode=None)
        target.command(command.name)(function)
    return typer.main.get_command(target)


def group_of(commands: Iterable[Command]) -> type[TyperGroup]:
    """The class of a group of these commands, for ``typer.Typer(cls=…)``."""
    table = {command.name: command for command in commands}

    class Group(TyperGroup):
        """Knows its commands by name."""

        def __init__(self, **options: Any) -> None:
            super().__init__(**options)
            self.commands = {name: _Deferred(command) for name, command in table.items()}

        def invoke(self, ctx: Any) -> Any:
            """Run a command; where one of its libraries is missing, say what to install."""
            try:
                return super().invoke(ctx)
            except ModuleNotFoundError as error:
                if error.name is None or error.name.partition(".")[0] == "triptych":
                    raise  # a defect of this package
                _tell_missing(table[str(ctx.invoked_subcommand)], error.name)
                raise typer.Exit(2) from error

    return Group


def _tell_missing(command: Command, library: str) -> None:
    from triptych.cli.show import errors

    errors.print(
        f"error: `triptych {command.name}` needs {library}: "
        f"pip install 'triptych[{command.extra}]'",
        markup=False,
        highlight=False,
    )
