"""``triptych evaluate search`` and ``triptych tune``."""

import secrets
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated, get_args

import typer

from triptych.cli.show import console, errors, print_json
from triptych.core.errors import InvalidInput, TriptychError
from triptych.core.settings import Settings
from triptych.corpora.errors import CorpusUnavailable
from triptych.encoders.weights import WeightsError
from triptych.engine import Engine
from triptych.evaluation import composed, fusions, judged, report, stamps, tuning
from triptych.evaluation.judged import HALVES, Judged
from triptych.evaluation.page import files as page
from triptych.evaluation.queries import encode_set
from triptych.evaluation.report import PARTS
from triptych.evaluation.search import BEST_SINGLE, Figure, evaluate
from triptych.evaluation.table import Parameters
from triptych.fusion.blocks import Layout
from triptych.fusion.scores import Method
from triptych.media.store import MediaStore

BUILT_IN = ("stamps", "composed-emoji", "composed-stamps")
SetName = Annotated[
    str,
    typer.Option(
        "--set",
        help=f"One of {', '.join(BUILT_IN)}; or a folder with manifest.jsonl, queries.jsonl and "
        "qrels.txt.",
    ),
]
IndexUrl = Annotated[
    str | None,
    typer.Option(
        "--index-url", help="Measure on this Elasticsearch; by default on a temporary index."
    ),
]
_SET = "WEIGHTS in searches, the rest in triptych/fusion"
PAGE = "page"
METHODS: tuple[Method, ...] = get_args(Method)


def evaluate_search(
    name: SetName = BUILT_IN[0],
    fusion: Annotated[
        list[str] | None, typer.Option(help=f"One of {', '.join(METHODS)}; may be repeated.")
    ] = None,
    index_url: IndexUrl = None,
    *,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print JSON, one object per line.")
    ] = False,
) -> None:
    """Measure how well search finds what was judged, and whether fusion helps or hurts."""
    with explained():
        for method in fusion or ():
            if method not in METHODS:
                raise InvalidInput(f"no fusion {method!r}; there are {', '.join(METHODS)}")
        methods = [method for method in METHODS if not fusion or method in fusion]
        judged_set = _read(name)
        with opened(index_url) as engine:
            for figure in evaluate(judged_set, engine, methods):
                if as_json:
                    print_json(asdict(figure))
                else:
                    _print_figure(figure)


def evaluate_fusion(
    name: SetName = BUILT_IN[0],
    write: Annotated[
        Path | None,
        typer.Option(
            help="Measure all of fusion.md instead, and write it, its plots and fusion.json into "
            "this folder, which has the page already. Needs the extra `train`."
        ),
    ] = None,
    only: Annotated[
        list[str] | None,
        typer.Option(
            help=f"With --write: one of {', '.join((*PARTS, PAGE))}; may be repeated. "
            f"`{PAGE}` measures nothing."
        ),
    ] = None,
    *,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print JSON, one object per line.")
    ] = False,
) -> None:
    """Compare ways to fuse, with every item a candidate: those of searches, and baselines.

    With --write: each strategy on every pattern of parts, what tuning needs, and what it costs.
    """
    with explained():
        if write is not None:
            _write(write, only or list(PARTS))
            return
        if only:
            raise InvalidInput("--only goes with --write")
        judged_set = _read(name)
        with opened(None) as engine:
            for figure in fusions.compare(judged_set, engine):
                if as_json:
                    print_json(asdict(figure))
                else:
                    _print(
                        f"{figure.value:6.3f} ({figure.low:.3f}–{figure.high:.3f})  "
                        f"{figure.gain:+.3f} ({figure.gain_low:+.3f}–{figure.gain_high:+.3f})  "
                        f"{figure.gallery}, {figure.kind}, {figure.way}, n={figure.queries}"
                        + ("" if figure.recall is None else f", recall {figure.recall:.3f}")
                    )


def _write(folder: Path, only: Sequence[str]) -> None:
    """Measure parts of the page, each written as soon as it is known; then the page."""
    if unknown := sorted(set(only) - {*PARTS, PAGE}):
        raise InvalidInput(f"no {unknown[0]!r}; there are {', '.join((*PARTS, PAGE))}")
    known = page.read(folder) if (folder / page.JSON).exists() else {}
    if parts := [part for part in PARTS if part in only]:
        with opened(None) as engine:
            run = report.Run(engine, _say)
            facts = report.facts(engine)
            for part in parts:
                known.update(PARTS[part](run))
                known["measured"] = {**known.get("measured", {}), part: facts}
                page.write_json(folder, known)
    page.write(folder, known)


def _say(line: str) -> None:
    errors.print(f"{datetime.now(UTC):%H:%M:%S} {line}", markup=False, style="dim")


def tune(name: SetName = BUILT_IN[0], index_url: IndexUrl = None) -> None:
    """Find better weights on judged queries.

    Also bounds and alpha, on one half of the queries; both halves are reported. Takes minutes, and
    changes nothing: it prints what could be changed, and what that gains.
    Weights go into searches, as `weights`; the rest are constants of triptych.fusion.
    """
    with explained():
        judged_set = _read(name)
        with opened(index_url) as engine:
            groups = tuning.tabulate(encode_set(engine, judged_set), engine)
    now = tuning.present(engine.layout)
    tuned = tuning.tune(groups["training"])
    for measured in tuning.quantiles(groups["training"]):
        _print_quantiles(measured)
    for half in HALVES:
        for title, values in tuning.compared(groups[half], now, tuned):
            value, low, high = values
            _print(f"nDCG@10, {half}, {title}: {value:.3f} ({low:.3f}–{high:.3f})")
    _print_changes(now, tuned, engine.layout)


@contextmanager
def explained() -> Iterator[None]:
    """Print an error in one line and exit with code 2; 1 if the corpus is not available."""
    try:
        yield
    except CorpusUnavailable as error:
        errors.print(f"error: {error}", markup=False, style="yellow")
        raise typer.Exit(1) from error
    except (TriptychError, WeightsError, OSError) as error:
        errors.print(f"error: {error}", markup=False, style="red")
        raise typer.Exit(2) from error


def _read(name: str) -> Judged:
    if name == "stamps":
        return stamps.judged_stamps(speech=bool(Settings().encoders.spoken))
    if name in BUILT_IN:
        return composed.composed(name.removeprefix("composed-"))
    return judged.read(Path(name))


@contextmanager
def opened(url: str | None) -> Iterator[Engine]:
    """An engine with a temporary index and a temporary store."""
    with TemporaryDirectory(prefix="triptych-") as folder:
        scratch = {
            "index_url": url or Path(folder).as_uri(),
            "index_prefix": f"evaluation{secrets.token_hex(4)}",
        }
        with Engine.open(Settings().model_copy(update=scratch)) as engine:
            try:
                index = engine.index
            except ValueError as error:
                raise InvalidInput(str(error)) from error
            yield Engine(
                engine.settings,
                store=MediaStore((Path(folder) / "media").as_uri()),
                layout=engine.layout,
                index=index,
                extractors=engine.extractors,
            )


def _print_figure(figure: Figure) -> None:
    verdict = ""
    if figure.metric == BEST_SINGLE and figure.value < 0:
        verdict = " – fusion hurts" if figure.high < 0 else " – fusion may hurt"
    _print(
        f"{figure.value:6.3f} ({figure.low:.3f}–{figure.high:.3f})  {figure.gallery}, "
        f"{figure.kind}, {figure.fusion}, {figure.metric}, n={figure.queries}{verdict}"
    )


def _print_quantiles(measured: tuning.Quantiles) -> None:
    part, query_block, item_block = measured.comparison
    unrelated, related = (
        " ".join(f"{cosine:.2f}" for cosine in cosines)
        for cosines in (measured.unrelated, measured.related)
    )
    _print(
        f"cosines of {query_block} of a query's {part} with {item_block}: {unrelated} | {related}"
    )


def _print_changes(now: Parameters, tuned: Parameters, layout: Layout) -> None:
    changes = list(tuning.changes(now, tuned, layout))
    _print("the constants in the code are as good" if not changes else f"better, {_SET}:")
    for change in changes:
        _print(f"  {change}")


def _print(line: str) -> None:
    console.print(line, markup=False, highlight=False)
