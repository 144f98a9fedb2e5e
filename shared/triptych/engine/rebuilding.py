"""Building a collection anew in process, with the looks and steps of a planner and its workers."""

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from triptych.core.errors import Conflict, NotFound
from triptych.ingest.rebuilding import Pass, Rebuild, totals

if TYPE_CHECKING:
    from triptych.engine.engine import Engine


@dataclass(frozen=True)
class Progress:
    """How far a rebuild is."""

    collection: str
    done: int = 0
    """Items that the new index has."""
    total: int = 0
    """Items of the collection."""
    failed: int = 0
    """Items of which nothing is searchable any more, such as where media are gone."""
    seconds: float = 0.0

    @property
    def rate(self) -> float:
        """Items per second."""
        return self.done / self.seconds if self.seconds > 0 else 0.0

    def __str__(self) -> str:
        """In a line."""
        return (
            f"{self.collection}: {self.done} of {self.total} items in {self.seconds:.1f} s, "
            f"{self.failed} failed"
        )


def rebuild(
    engine: "Engine",
    collection: str,
    progress: bool | Callable[[Progress], None],  # noqa: FBT001
    *,
    rollback: bool,
    models: Sequence[str] | None = None,
) -> Progress:
    """Rebuild and report; ``progress`` shows a bar, or is called after every chunk."""
    ask = engine.rebuilder.roll_back if rollback else _ask_again(engine, models)
    report = Progress(collection)
    if callable(progress):
        for report in rebuilding(engine, ask(collection)):
            progress(report)
        return report
    from triptych.core.bar import progress_bar

    with progress_bar(collection, quiet=not progress) as bar:
        for report in rebuilding(engine, ask(collection)):
            bar.update(done=report.done, total=report.total, failed=report.failed, rate=report.rate)
    return report


def _ask_again(engine: "Engine", models: Sequence[str] | None) -> Callable[[str], Rebuild]:
    return lambda collection: engine.rebuilder.ask(collection, again=True, models=models)


def rebuilding(engine: "Engine", asked: Rebuild) -> Iterator[Progress]:
    """Work a rebuild off; yield a report after every chunk, and the last one at the end.

    Raises Conflict where the new index is not as it should be.
    """
    rebuilder, started = engine.rebuilder, time.monotonic()
    failed: set[str] = set()
    done, total = _totals(engine, asked.collection)

    def report() -> Progress:
        seconds = time.monotonic() - started
        return Progress(asked.collection, done, total, len(failed), seconds)

    yield report()
    while True:
        position: Pass | None = Pass()
        while position is not None:
            look = rebuilder.look(asked, position)
            for chunk in look.chunks:
                written = engine.process(chunk)
                names = {item.ordinal: item.id for item in chunk.items}
                failed |= {names[ordinal] for ordinal in written.failed}
                done = min(total, done + len(written.done))
                yield report()
            position = look.position
        if look.lacking:
            continue
        chunks = rebuilder.finish(asked, look.mark)
        if not chunks:
            break
        for chunk in chunks:
            engine.process(chunk)
    left = rebuilder.requested(asked.collection)
    if left is not None and left.problem:
        raise Conflict(left.problem)
    done = total = sum(engine.index.count(asked.collection).values())
    yield report()


def _totals(engine: "Engine", collection: str) -> tuple[int, int]:
    """Items of the new index and of the collection; none of one that is completed in place."""
    try:
        return totals(engine.index, collection)
    except NotFound:
        return 0, sum(engine.index.count(collection).values())
