"""What can go wrong with the local stack; each error knows the exit code of the command."""

from pathlib import Path
from typing import ClassVar

from triptych.core.errors import TriptychError


class StackError(TriptychError):
    """The stack can't do what was asked; the text says what to change."""

    slug = "local-stack"
    exit_code: ClassVar[int] = 1


class MissingTool(StackError):
    """A program that the stack needs is not on this machine; the text says what to install."""

    exit_code = 2


class BadSetting(StackError):
    """A setting under which no process could start."""

    exit_code = 2


class PartFailed(StackError):
    """A part did not start, or died; carries the end of its log."""

    def __init__(self, name: str, what: str, log: Path, tail: str) -> None:
        super().__init__(f"{name} {what}; the end of {log}:\n{tail or '(empty)'}")
        self.name = name
        self.log = log
        self.tail = tail


class Interrupted(BaseException):
    """A signal asked to stop; not an ``Exception``, so that no part's error handling eats it."""
