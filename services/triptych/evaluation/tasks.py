"""The evaluations of encoders by name: each a function that yields results as it computes them."""

from collections.abc import Callable, Iterator, Mapping
from importlib import import_module
from typing import cast

from triptych.evaluation.metrics import Result

Task = Callable[[], Iterator[Result]]

TASKS: Mapping[str, str] = {
    "emoji": "one picture of each emoji by one vendor, found by that of another",
    "captions": "stamps found by their hidden English caption",
    "duplicates": "stamps found by a changed copy",
    "families": "a sample's own kind of sound",
    "prompts": "spoken prompts found by their written words",
    "recognition": "speech and writing found where they are, and nowhere else",
    "long_texts": "manuals found by sentences of their first, middle and last pages",
    "translations": "English captions found by the same in another language",
}
"""Each is the module of this package with that name, which has a function ``run``."""


def task(name: str) -> Task:
    """The function of an evaluation."""
    return cast("Task", import_module(f"triptych.evaluation.{name}").run)
