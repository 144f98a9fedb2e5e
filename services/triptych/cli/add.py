"""``triptych add``: media of this machine, or of the server, into a collection."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import typer

from triptych.cli.ingest import ingest
from triptych.cli.search import AsJson, Collection, Url
from triptych.cli.show import (
    DEFAULT_URL,
    INTERRUPTED,
    command,
    console,
    errors,
    failure,
    print_json,
)
from triptych.client import Adding, AddReport, BatchStatus, Client, ClientError
from triptych.core.bar import progress_bar
from triptych.core.item import reasons
from triptych.core.names import printable

_SHOWN = 20
"""Lines about single files or items; the rest is counted."""


def add(
    paths: Annotated[
        list[Path], typer.Argument(help="Folders, files, manifests (JSONL, CSV), ZIP, TAR.")
    ],
    url: Url = DEFAULT_URL,
    collection: Collection = "default",
    *,
    root: Annotated[
        Path | None,
        typer.Option(help="Ids are relative to this folder, by default to the working folder."),
    ] = None,
    exclude: Annotated[
        list[str] | None,
        typer.Option(help="Leave out files and folders like this, as *.tmp or 2023/raw/*."),
    ] = None,
    prune: Annotated[
        bool, typer.Option("--prune", help="Delete the items of these folders without files.")
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Delete without asking.")] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Tell what would be sent and deleted; do nothing.")
    ] = False,
    again: Annotated[
        bool, typer.Option("--again", help="Send what the collection has already, too.")
    ] = False,
    parallel: Annotated[int, typer.Option(min=1, max=32, help="Requests at once.")] = 4,
    server_side: Annotated[
        bool,
        typer.Option(
            "--server-side", help="The manifests name files on the server: send no bytes."
        ),
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Upload items; files of one stem are one item.

    So 2023/cat.png, 2023/cat.txt and 2023/cat.ogg are the item 2023/cat: an id is the path
    relative to the working folder or, of a folder elsewhere, the path in it; --root says otherwise.
    Files that the collection has already are not sent. Hidden files of a folder are left out, and
    files that a manifest in it names belong to its lines.

    Exit codes: 0 all is searchable; 1 an item failed, a file could not be taken, a batch was
    cancelled, or there was nothing; 2 the command or the gateway can't do it; 130 interrupted.
    """
    try:
        with Client(url) as client:
            if server_side:
                _add_server_side(client, url, collection, paths, as_json=as_json)
                return
            adding = Adding(
                client,
                collection,
                paths,
                root=root,
                exclude=exclude or (),
                again=again,
                dry_run=dry_run,
                prune=partial(_confirmed, yes=yes) if prune else None,
                parallel=parallel,
            )
            try:
                report = _run(adding, quiet=as_json)
            except KeyboardInterrupt:
                _tell_large(adding)
                _tell_interrupted(adding.batches, url, all_sent=adding.all_sent)
                raise typer.Exit(INTERRUPTED) from None
            except ClientError:
                if adding.batches:
                    _tell_interrupted(adding.batches, url, all_sent=adding.all_sent)
                raise
            advice = client.collection(collection).get("advice") if report.total else None
    except (ClientError, OSError, ValueError) as error:
        raise failure(error) from error
    if as_json:
        print_json(_for_programs(adding, report))
    else:
        _tell(adding, report, advice)
    done_something = report.total or report.planned or report.gone or adding.skips.lost
    if not done_something and not adding.skips.counts["unchanged"]:
        errors.print("nothing to add", style="red", highlight=False)
        raise typer.Exit(1)
    if report.failed or report.done < report.total or adding.skips.lost:
        raise typer.Exit(1)


def _run(adding: Adding, *, quiet: bool) -> AddReport:
    report = AddReport()
    with progress_bar("Adding", quiet=quiet) as bar, closing(adding.run()) as reports:
        for report in reports:
            bar.update(
                done=report.done,
                total=report.total,
                failed=report.failed,
                rate=report.rate,
                title=_title(report),
            )
    return report


def _title(report: AddReport) -> str:
    """What is going on: large archives are sent for a while before they have items."""
    if report.sent_bytes >= report.large_bytes:
        return "Adding"
    return f"Sending {report.sent_bytes / 2**20:,.0f} of {report.large_bytes / 2**20:,.0f} MiB"


def _add_server_side(
    client: Client, url: str, collection: str, paths: Sequence[Path], *, as_json: bool
) -> None:
    accepted: list[str] = []

    def submit(path: Path) -> dict[str, Any]:
        answer = client.submit_manifest(collection, path.read_bytes())
        accepted.append(answer["batch"])
        return answer

    try:
        submissions = (partial(submit, path) for path in paths)
        report = ingest(client, submissions, title="Adding", quiet=as_json)
    except KeyboardInterrupt:
        batches = {batch: client.batch(batch) for batch in accepted}
        _tell_interrupted(batches, url, all_sent=len(batches) == len(paths))
        raise typer.Exit(INTERRUPTED) from None
    if as_json:
        print_json(vars(report))
    else:
        _tell_items(AddReport(report.total, report.done, report.failed, report.failures,
                              seconds=report.seconds))  # fmt: skip
    if report.failed or report.done < report.total:
        raise typer.Exit(1)


def _confirmed(gone: Sequence[str], *, yes: bool) -> bool:
    if yes:
        return True
    for item in gone[:_SHOWN]:
        errors.print(f"  {item}", markup=False)
    question = f"Delete {len(gone):,} items whose files are gone?"
    return typer.confirm(question, default=False, err=True)


def _for_programs(adding: Adding, report: AddReport) -> dict[str, Any]:
    skipped = {skip.name: skip.reason for skip in adding.skips.listed}
    counts = dict(adding.skips.counts)
    return {**vars(report), "skipped": skipped, "skipped_by_kind": counts}


def _tell(adding: Adding, report: AddReport, advice: str | None) -> None:
    for skip in _first(adding.skips.listed, "skipped"):
        errors.print(f"skipped: {skip.name}: {skip.reason}", style="yellow", markup=False)
    if adding.dry_run:
        for item in _first(report.planned, "to send"):
            console.print(f"  {item}", markup=False)
        console.print(f"{len(report.planned):,} items would be sent")
    elif report.total:
        _tell_items(report)
    if report.gone:
        for item in _first(report.gone if adding.dry_run else (), "gone"):
            console.print(f"  {item}", markup=False)
        fate = f"{report.pruned:,} deleted" if report.pruned else "not deleted"
        console.print(f"{len(report.gone):,} items whose files are gone: {fate}")
    if adding.skips.counts:
        console.print(f"left out: {adding.skips}", markup=False, highlight=False)
    if advice:
        console.print(advice, style="yellow", markup=False)


def _tell_items(report: AddReport) -> None:
    console.print(
        f"{report.done:,} items at {report.rate:.0f} items/s, {report.failed:,} failed, "
        f"{report.partial:,} partial"
    )
    if left := report.total - report.done:
        console.print(f"{left:,} items are not done: somebody cancelled their batch")
    for item in _first(report.failures, "failures"):
        told = f"{printable(item['id'])} ({item['status']}): {reasons(item)}"
        console.print(f"  {told}", markup=False)


def _first(entries: Sequence[Any], what: str) -> Iterator[Any]:
    """The first entries; of the others, how many there are."""
    yield from entries[:_SHOWN]
    if (more := len(entries) - _SHOWN) > 0:
        errors.print(f"  … and {more:,} more {what} (--json lists all)", markup=False)


def _tell_large(adding: Adding) -> None:
    """How far archives are that are sent in pieces."""
    for name, (sent, size) in adding.large.items():
        if sent < size:
            far = f"{sent / 2**20:,.0f} of {size / 2**20:,.0f} MiB are sent, and kept for a while"
            errors.print(f"{printable(name)}: {far}", markup=False, highlight=False)


def _tell_interrupted(batches: Mapping[str, BatchStatus], url: str, *, all_sent: bool) -> None:
    total = sum(status.total for status in batches.values())
    running = [batch for batch, status in batches.items() if not status.has_ended]
    errors.print(f"interrupted: {total:,} items were accepted", style="yellow", highlight=False)
    if running:
        which = "1 batch goes" if len(running) == 1 else f"{len(running):,} batches go"
        errors.print(f"{which} on without this command. To look:")
        errors.print(f"  {command('watch', running[-1], url=url)}", markup=False)
        errors.print(f"  {command('batches', '--state', 'running', url=url)}", markup=False)
    if all_sent:
        errors.print("Nothing is left to send.")
    else:
        errors.print("Run the same command again to send the rest: files that are there by then")
        errors.print("are not sent again; archives are.")
