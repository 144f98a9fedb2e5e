"""Adding items in process: the batches, limits and steps of a gateway and its workers."""

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import chain, groupby, islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from triptych.core.errors import InvalidInput
from triptych.core.item import reasons
from triptych.ingest.accepting import Accepted
from triptych.ingest.planning import BEGINNING, Position
from triptych.ingest.uploads import Upload, find_sources, only_unknown, uploads_of
from triptych.ingest.walking import Skips, Walk

if TYPE_CHECKING:
    from triptych.engine.engine import Engine

Source = str | Path | Mapping[str, Any]
"""A folder, a file or a manifest (JSONL or CSV); or an item, with the fields of a manifest line.
Its ``image`` and ``audio`` are bytes, or paths relative to the working folder."""

_BATCH = 200
"""Items; as many as the client sends in one request."""
_MAX_FAILURES = 1000
"""Listed of a batch."""


@dataclass(frozen=True)
class Failure:
    """An item of which a part, or everything, is not searchable."""

    id: str
    status: str
    """``failed``, or ``partial`` where the rest is searchable."""
    errors: Mapping[str, str]
    """Reason per part that is not searchable."""
    notes: Mapping[str, str] = field(default_factory=dict)
    """What is missing of a part that is."""


@dataclass(frozen=True)
class Report:
    """What has become of the items that are added, so far."""

    total: int = 0
    """Items that were accepted."""
    done: int = 0
    """Items that were dealt with, the failed ones among them."""
    failed: int = 0
    failures: tuple[Failure, ...] = ()
    """Failed and partial items, up to 1,000 of each 200."""
    skips: Skips = field(default_factory=Skips)
    """Files that were left out, and why; those that the collection has already are counted."""
    seconds: float = 0.0

    @property
    def partial(self) -> int:
        """Items of which a part failed."""
        return sum(failure.status == "partial" for failure in self.failures)

    @property
    def rate(self) -> float:
        """Items per second."""
        return self.done / self.seconds if self.seconds > 0 else 0.0

    def __str__(self) -> str:
        """The counts, and a line for each failure and each skipped file."""
        counts = f"{self.done} of {self.total} items in {self.seconds:.1f} s"
        lines = [f"{counts}: {self.failed} failed, {self.partial} partial"]
        lines += [
            f"  {failure.id} ({failure.status}): {reasons(vars(failure))}"
            for failure in self.failures
        ]
        lines += [f"  {skip.name} (skipped): {skip.reason}" for skip in self.skips.listed]
        if self.skips.counts:
            lines.append(f"left out: {self.skips}")
        return "\n".join(lines)


def add(
    engine: "Engine",
    collection: str,
    source: Source | Iterable[Source],
    progress: bool | Callable[[Report], None],  # noqa: FBT001
    options: Mapping[str, Any],
) -> Report:
    """Add everything and report; ``progress`` shows a bar, or is called after every chunk."""
    report = Report()
    if callable(progress):
        for report in adding(engine, collection, source, **options):
            progress(report)
        return report
    from triptych.core.bar import progress_bar

    with progress_bar(collection, quiet=not progress) as bar:
        for report in adding(engine, collection, source, **options):
            bar.update(done=report.done, total=report.total, failed=report.failed, rate=report.rate)
    return report


def adding(
    engine: "Engine",
    collection: str,
    source: Source | Iterable[Source],
    *,
    root: Path | None = None,
    exclude: Sequence[str] = (),
    again: bool = False,
) -> Iterator[Report]:
    """Add batch after batch; yield a report after every chunk, and the last one at the end."""
    started = time.monotonic()
    sources = [source] if isinstance(source, str | Path | Mapping) else source
    skips = Skips()
    walk = Walk(root or Path.cwd(), tuple(exclude), skips)
    report = Report()
    for accepted in _batches(engine, collection, sources, walk, again=again):
        manifest = accepted.manifest
        report = replace(report, total=report.total + manifest.total)
        yield report
        position: Position | None = BEGINNING
        while position is not None:
            plan = engine.plan(manifest, position)
            for chunk in plan.chunks:
                written = engine.process(chunk)
                report = replace(
                    report,
                    done=report.done + len(written.done),
                    failed=report.failed + len(written.failed),
                    seconds=time.monotonic() - started,
                )
                yield report
            position = plan.after
        engine.settle(manifest.batch)
        documents = engine.index.failures(collection, manifest.batch, _MAX_FAILURES).documents
        failures = [
            Failure(body["id"], body["status"], body.get("errors", {}), body.get("notes", {}))
            for body in documents
        ]
        report = replace(report, failures=(*report.failures, *failures))
    if report.total:
        engine.index.refresh(collection)
    yield replace(report, skips=skips, seconds=time.monotonic() - started)


def _batches(
    engine: "Engine", collection: str, sources: Iterable[Source], walk: Walk, *, again: bool
) -> Iterator[Accepted]:
    for are_items, group in groupby(sources, lambda source: isinstance(source, Mapping)):
        if are_items:
            items: Iterator[Any] = iter(group)
            for first in items:  # media of items are stored one by one, as the iterator gives them
                yield engine.accept_items(collection, chain([first], islice(items, _BATCH - 1)))
        else:
            paths = [Path(str(source)) for source in group]
            yield from _batches_of_files(engine, collection, paths, walk, again=again)


def _batches_of_files(
    engine: "Engine", collection: str, paths: Sequence[Path], walk: Walk, *, again: bool
) -> Iterator[Accepted]:
    """Batches of what the collection does not have already."""
    sources = find_sources(paths, walk)
    limits = engine.settings.limits
    sources.leave_out_large(limits.file_bytes)
    outgoing = sources.items(limits.text_chars)
    if not again:
        outgoing = only_unknown(outgoing, walk, partial(engine.known, collection))
    for upload in uploads_of(outgoing):
        files = dict(_read(upload, walk.skips))
        yield engine.accept_manifest(collection, upload.manifest, files)
    for archive in sources.archives:
        intake = engine.intake()
        try:
            with archive.path.open("rb") as file:
                intake.take(archive.name, file)
        except (InvalidInput, OSError) as error:
            walk.skips.add(archive.name, "unreadable", str(error))
            continue
        yield engine.accept_files(collection, intake)


def _read(upload: Upload, skips: Skips) -> Iterator[tuple[str, bytes]]:
    for name, path in upload.files.items():
        try:
            yield name, path.read_bytes()
        except OSError as error:
            skips.add(name, "unreadable", error.strerror or str(error))
