"""``triptych migrate``: a collection into another index."""

import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any

import typer

from triptych.cli.show import console, errors, failure, print_json
from triptych.core.bar import progress_bar
from triptych.core.errors import TriptychError
from triptych.core.settings import Settings, data_home, index_folder
from triptych.local.options import stack_home

if TYPE_CHECKING:  # an installation of the client alone lacks the libraries of the indexes
    from triptych.index import SearchIndex
    from triptych.index.migration import Copied, Difference

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON, one object per collection.")]


def migrate(
    collections: Annotated[list[str] | None, typer.Argument(help="Collections.")] = None,
    source: Annotated[
        str | None,
        typer.Option("--from", help="The source index; by default that of the settings."),
    ] = None,
    stack: Annotated[
        str | None, typer.Option(help="Copy from the embedded index of this local stack.")
    ] = None,
    sample: Annotated[
        int, typer.Option(min=1, help="How many documents to compare afterwards.")
    ] = 100,
    *,
    target: Annotated[
        str,
        typer.Option("--to", help="The target index: http://…, or file:///… for an embedded one."),
    ],
    every: Annotated[bool, typer.Option("--all", help="All collections.")] = False,
    delete: Annotated[
        bool, typer.Option("--prune", help="Delete items that only the target has.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Copy collections into another index, and compare.

    No media are read, and the source stays as it is. Run it again after an interruption, or to
    catch up with a source that is written to. Exit code 1: the two are not alike. It takes the
    TRIPTYCH_ENCODER_… settings of the gateway.
    """
    alike = True
    try:
        with _indexes(_source_url(source, stack), target) as (here, there):
            for name in _names(here, collections or [], every=every):
                alike &= _migrate(here, there, name, sample=sample, delete=delete, as_json=as_json)
    except (TriptychError, ValueError) as error:
        raise failure(error) from error
    if not alike:
        raise typer.Exit(1)


def _names(source: "SearchIndex", names: list[str], *, every: bool) -> list[str]:
    if bool(names) == every:
        raise ValueError("name collections, or give --all")
    return source.collections() if every else names


@contextmanager
def _indexes(source: str, target: str) -> "Iterator[tuple[SearchIndex, SearchIndex]]":
    if source.rstrip("/") == target.rstrip("/"):
        raise ValueError("the source and the target are the same index")
    with closing(_open(source)) as here, closing(_open(target)) as there:
        here.ping()
        there.ping()
        yield here, there


def _source_url(source: str | None, stack: str | None) -> str:
    if source and stack:
        raise ValueError("--from and --stack say two things: give one")
    if stack:
        folder = index_folder(stack_home(stack))
        if not folder.is_dir():
            raise ValueError(f"there is no stack {stack!r} with an embedded index")
        return folder.as_uri()
    return source or Settings().index_url or index_folder(data_home()).absolute().as_uri()


def _open(url: str) -> "SearchIndex":
    from triptych.fusion.layout import make_layout
    from triptych.index import open_index
    from triptych.media.store import MediaStore

    settings = Settings(index_url=url)
    layout = make_layout(settings.encoders, MediaStore(settings.media_url))
    return open_index(settings, layout)


def _migrate(
    source: "SearchIndex",
    target: "SearchIndex",
    name: str,
    *,
    sample: int,
    delete: bool,
    as_json: bool,
) -> bool:
    """Copy one collection, compare and report; return whether both are alike."""
    from triptych.index.migration import Copied, compare, copy, prune

    started, since = time.monotonic(), time.time_ns() // 1000  # as versions are counted
    total = sum(source.count(name).values())
    copied = Copied()
    with progress_bar(name, quiet=as_json) as bar:
        for copied in copy(source, target, name):
            bar.update(
                done=copied.done,
                total=max(total, copied.done),
                failed=len(copied.refused),
                rate=copied.done / (time.monotonic() - started),
            )
    seconds = time.monotonic() - started
    difference = compare(source, target, name, sample=sample)
    if delete and difference.strays:
        prune(target, name, difference.strays, version=since)
        difference = compare(source, target, name, sample=sample)
    _tell(name, copied, seconds, difference, as_json=as_json)
    return not difference.lines and not copied.refused


def _tell(
    name: str, copied: "Copied", seconds: float, difference: "Difference", *, as_json: bool
) -> None:
    if as_json:
        report: dict[str, Any] = {**asdict(copied), "seconds": seconds, **asdict(difference)}
        print_json({"collection": name, **report, "differences": difference.lines})
        return
    newer = f", {copied.newer} of them newer in the target" if copied.newer else ""
    console.print(
        f"{name}: {copied.done} items in {seconds:.1f} s ({copied.done / seconds:.0f} a second)"
        f"{newer}",
        markup=False,
    )
    for outcome in copied.refused:
        errors.print(f"  {outcome.id} is refused: {outcome.reason}", markup=False, style="red")
    for line in difference.lines:
        errors.print(f"  {line}", markup=False, style="red")
    if difference.lines:
        errors.print(
            "  If the source is still written to, run this again; --prune deletes what only the "
            "target has."
        )
