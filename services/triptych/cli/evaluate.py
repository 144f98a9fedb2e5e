"""``triptych evaluate``: how good encoders and search are, on real corpora."""

from dataclasses import asdict
from typing import Annotated

import typer

from triptych.cli.relevance import evaluate_fusion, evaluate_search
from triptych.cli.show import console, errors, print_json
from triptych.cli.strategies import evaluate_strategies
from triptych.corpora.errors import CorpusUnavailable
from triptych.evaluation.metrics import Result
from triptych.evaluation.tasks import TASKS, task

app = typer.Typer(
    help="Measure encoders and searches.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
)
app.command("search")(evaluate_search)
app.command("fusion")(evaluate_fusion)
app.command("strategies")(evaluate_strategies)
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON, one object per line.")]


@app.command("encoders")
def evaluate_encoders(
    only: Annotated[
        list[str] | None, typer.Option(help=f"One of {', '.join(TASKS)}; may be repeated.")
    ] = None,
    *,
    as_json: AsJson = False,
) -> None:
    """Measure every encoder on real corpora, with 95 % bootstrap intervals."""
    if unknown := sorted(set(only or ()) - set(TASKS)):
        errors.print(f"error: no evaluation {unknown[0]}; there are {', '.join(TASKS)}")
        raise typer.Exit(2)
    missing = False
    for name in only or TASKS:
        if not as_json:
            console.print(f"[bold]{name}[/]: {TASKS[name]}")
        try:
            for result in task(name)():
                _print_result(result, as_json=as_json)
        except CorpusUnavailable as error:
            errors.print(f"{name}: {error}", markup=False, style="yellow")
            missing = True
    if missing:
        raise typer.Exit(1)


def _print_result(result: Result, *, as_json: bool) -> None:
    if as_json:
        print_json(asdict(result))
        return
    goal = ""
    if result.goal is not None:
        goal = f" {'✓' if result.value >= result.goal else '✗'} goal {result.goal:.2f}"
    bounds = f"{result.value:.3f} ({result.low:.3f}–{result.high:.3f})"
    about = f"{result.corpus}, {result.encoder}, {result.metric}"
    console.print(
        f"  {bounds}{goal}  {about}, n={result.queries}",
        markup=False,
        highlight=False,
    )
