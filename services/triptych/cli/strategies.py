"""``triptych evaluate strategies``."""

from collections.abc import Iterator
from dataclasses import asdict
from typing import Annotated

import typer

from triptych.cli.relevance import explained, opened
from triptych.cli.show import console, errors, print_json
from triptych.core.errors import InvalidInput
from triptych.evaluation import strategies
from triptych.evaluation.galleries import LOSSES
from triptych.evaluation.metrics import Result
from triptych.training.libraries import libraries

WHAT = ("found", "costs", "classes", "large")


def evaluate_strategies(
    what: Annotated[
        list[str] | None, typer.Option(help=f"One of {', '.join(WHAT)}; may be repeated.")
    ] = None,
    only: Annotated[
        list[str] | None,
        typer.Option(help=f"One of {', '.join(strategies.NAMES)}; may be repeated."),
    ] = None,
    loss: Annotated[
        list[float] | None,
        typer.Option(help="The share of items that lost a part; by default 0, 0.3 and 0.6."),
    ] = None,
    items: Annotated[int, typer.Option(help="Drawn items for `large`.", min=100)] = 10_000,
    *,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print JSON, one object per line.")
    ] = False,
) -> None:
    """Measure fusion strategies: what they find, what they cost, classes, and training at large.

    Networks are trained, which needs the extra `train` and takes minutes each.
    """
    with explained():
        for given, known in ((what, WHAT), (only, strategies.NAMES)):
            if unknown := sorted(set(given or ()) - set(known)):
                raise InvalidInput(f"no {unknown[0]!r}; there are {', '.join(known)}")
        libraries()
        for result in _results(what or WHAT, only or strategies.NAMES, loss or LOSSES, items):
            if as_json:
                print_json(asdict(result))
            else:
                _print(result)


def _results(
    what: list[str] | tuple[str, ...],
    names: list[str] | tuple[str, ...],
    losses: list[float] | tuple[float, ...],
    items: int,
) -> Iterator[Result]:
    with opened(None) as engine:
        if "large" in what:
            yield from strategies.large(engine.layout, items)
        if {"found", "costs", "classes"} & set(what):
            stamps = strategies.load(engine)
            if "classes" in what:
                yield from strategies.classes(stamps)
            if "costs" in what:
                yield from strategies.costs(stamps, names)
            if "found" in what:
                yield from strategies.run(stamps, names, losses, say=_say)


def _say(text: str) -> None:
    errors.print(text, markup=False, style="dim")


def _print(result: Result) -> None:
    goal = ""
    if result.goal is not None:
        goal = f" {'✓' if result.value >= result.goal else '✗'} goal {result.goal:.2f}"
    bounds = f"{result.value:.4g} ({result.low:.4g}–{result.high:.4g})"
    about = f"{result.corpus}, {result.encoder}, {result.metric}"
    console.print(f"{bounds}{goal}  {about}, n={result.queries}", markup=False, highlight=False)
