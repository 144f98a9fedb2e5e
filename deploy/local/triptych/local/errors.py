"""Errors of the local stack, each with the exit code of the command."""

from pathlib import Path
from typing import ClassVar

from triptych.core.errors import TriptychError


class StackError(TriptychError):
    """The stack can't do this; the message says what to change."""

    slug = "local-stack"
    exit_code: ClassVar[int] = 1


class MissingTool(StackError):
    """A program that the stack needs is missing; the message says what to install."""

    exit_code = 2


class BadSetting(StackError):
    """A setting with which no process can start."""

    exit_code = 2


class PartFailed(StackError):
    """A part did not start, or died; carries the end of its log."""

    def __init__(self, name: str, what: str, log: Path, tail: str) -> None:
        super().__init__(f"{name} {what}; the end of {log}:\n{tail or '(empty)'}")
        self.name = name
        self.log = log
        self.tail = tail


class Interrupted(BaseException):
    """A signal to stop arrived; not an ``Exception``, so that no error handling swallows it."""
