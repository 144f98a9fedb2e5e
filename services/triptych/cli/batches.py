"""The commands about batches that were accepted: what is becoming of them, and what to do."""

import time
from collections.abc import Callable, Sequence
from typing import Annotated, Any

import typer

from triptych.cli.search import AsJson, Url
from triptych.cli.show import (
    DEFAULT_URL,
    INTERRUPTED,
    command,
    console,
    duration,
    errors,
    explained,
    print_json,
    print_table,
)
from triptych.client import BatchStatus, Client
from triptych.core.bar import progress_bar
from triptych.core.item import reasons

Batch = Annotated[str, typer.Argument(help="The batch, as `triptych batches` lists it.")]

_COLUMNS = ("batch", "state", "done", "failed", "rate", "age", "in")
_FAST = 10
"""Items per second of which no fraction is shown."""


def batches(
    collection: Annotated[
        str | None, typer.Option("--collection", "-c", help="Only those of this collection.")
    ] = None,
    state: Annotated[
        str | None, typer.Option(help="Only running, paused, cancelling, cancelled or done ones.")
    ] = None,
    limit: Annotated[int, typer.Option("--limit", "-n", help="At most so many.")] = 100,
    url: Url = DEFAULT_URL,
    *,
    as_json: AsJson = False,
) -> None:
    """List batches: open ones, then those that have ended.

    Batches that have ended are listed for a week, or as long as the gateway keeps them.
    """
    with explained(), Client(url) as client:
        found = client.batches(collection, state, limit)
    if as_json:
        print_json({"batches": [_plain(status) for status in found]})
        return
    if not found:
        errors.print("no batches")
        return
    now = time.time()
    print_table(_COLUMNS, (_row(status, now) for status in found), whole=_COLUMNS[:-1])


def watch(batch: Batch, url: Url = DEFAULT_URL, *, as_json: AsJson = False) -> None:
    """Follow a batch until it has ended.

    Exit codes: 0 all is searchable; 1 an item failed, or the batch was cancelled; 2 the command or
    the gateway can't do it; 130 interrupted.
    """
    try:
        with explained(), Client(url) as client:
            status = _follow(client, batch, as_json=as_json)
    except KeyboardInterrupt:
        errors.print(f"interrupted: batch {batch} goes on without this command. To look:")
        errors.print(f"  {command('watch', batch, url=url)}", markup=False)
        raise typer.Exit(INTERRUPTED) from None
    if not as_json:
        console.print(_sentence(status), markup=False, highlight=False)
        if status.failed:
            errors.print(f"  {command('failures', batch, url=url)}", markup=False)
    if status.failed or status.state == "cancelled":
        raise typer.Exit(1)


def failures(
    batch: Batch,
    limit: Annotated[int, typer.Option("--limit", "-n", help="Items of a page.")] = 50,
    after: Annotated[
        str | None, typer.Option(help="Continue after the page that told this.")
    ] = None,
    url: Url = DEFAULT_URL,
    *,
    every: Annotated[bool, typer.Option("--all", help="Every page.")] = False,
    jsonl: Annotated[
        bool, typer.Option("--jsonl", help="All items as JSON lines, to be kept in a file.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """List the items of a batch that failed, in part or altogether."""
    with explained(), Client(url) as client:
        pages = client.failure_pages(batch, limit=None if jsonl else limit, after=after)
        for page in pages:
            if jsonl:
                for item in page["failures"]:
                    print_json(item)
                continue
            if as_json:
                print_json(page)
            else:
                _print_failures(page, more=not every)
            if not every:
                break


def retry(
    batch: Batch,
    ids: Annotated[list[str] | None, typer.Option(help="Only this item; may be repeated.")] = None,
    reason: Annotated[
        str | None, typer.Option(help="Only those of which a reason contains this text.")
    ] = None,
    url: Url = DEFAULT_URL,
    *,
    as_json: AsJson = False,
) -> None:
    """Add failed items of a batch again, as a batch of their own.

    No media are sent again. Items that were sent anew since are left as they are.
    """
    with explained(), Client(url) as client:
        again = client.batch(client.retry(batch, ids=ids, reason=reason))
    if as_json:
        print_json(_plain(again))
        return
    console.print(f"{again.total:,} items are tried again: {again.batch}", highlight=False)
    errors.print(f"  {command('watch', again.batch, url=url)}", markup=False)


def pause(batch: Batch, url: Url = DEFAULT_URL, *, as_json: AsJson = False) -> None:
    """Begin nothing more of a batch.

    What a worker is at is finished.
    """
    _change(Client.pause, batch, url, as_json=as_json)


def resume(batch: Batch, url: Url = DEFAULT_URL, *, as_json: AsJson = False) -> None:
    """Go on with a batch that was paused."""
    _change(Client.resume, batch, url, as_json=as_json)


def cancel(batch: Batch, url: Url = DEFAULT_URL, *, as_json: AsJson = False) -> None:
    """End a batch; what is searchable stays.

    The rest is not done, and can't be resumed.
    """
    _change(Client.cancel, batch, url, as_json=as_json)


def reconcile(url: Url = DEFAULT_URL, *, as_json: AsJson = False) -> None:
    """Look now for items that got lost on their way.

    They are planned again. Every half minute this happens by itself.
    """
    with explained(), Client(url) as client:
        report = client.reconcile()
    if as_json:
        print_json(report)
        return
    rows = [(str(number), name.replace("_", " ")) for name, number in report.items()]
    print_table(("", "batches, and missing items"), rows, whole=())


def _change(
    what: Callable[[Client, str], BatchStatus], batch: str, url: str, *, as_json: bool
) -> None:
    with explained(), Client(url) as client:
        status = what(client, batch)
    if as_json:
        print_json(_plain(status))
    else:
        console.print(_sentence(status), markup=False, highlight=False)


def _follow(client: Client, batch: str, *, as_json: bool) -> BatchStatus:
    """Show each state; the last one."""
    status = client.batch(batch)
    with progress_bar("", quiet=as_json) as bar:
        for status in client.watch(batch):
            if as_json:
                print_json(_plain(status))
            bar.update(
                done=status.done,
                total=status.total,
                failed=status.failed,
                rate=status.rate,
                title=f"{status.collection}: {status.state}",
            )
    return status


def _plain(status: BatchStatus) -> dict[str, Any]:
    """As the gateway answered it."""
    return {k: v for k, v in vars(status).items() if k != "outcomes" or v is not None}


def _row(status: BatchStatus, now: float) -> Sequence[str]:
    return (
        status.batch,
        status.state,
        f"{status.done}/{status.total}",
        str(status.failed),
        f"{status.rate:.{0 if status.rate >= _FAST else 1}f}/s",
        duration(now - status.accepted),
        status.collection,
    )


def _sentence(status: BatchStatus) -> str:
    """How far a batch is, or what became of it, in a line."""
    counts = ", ".join(f"{number:,} {what}" for what, number in (status.outcomes or {}).items())
    done = counts or f"{status.done:,} of {status.total:,} items, {status.failed:,} failed"
    return f"{status.batch}: {status.state}, {done}, {status.rate:.1f} items/s"


def _print_failures(page: dict[str, Any], *, more: bool) -> None:
    rows = ((item["id"], item["status"], reasons(item)) for item in page["failures"])
    print_table(("item", "status", "reasons"), rows, whole=("status",))
    if more:
        tail = f"; more: --after '{page['after']}'" if "after" in page else ""
        errors.print(f"{page['total']:,} in all{tail}", markup=False, highlight=False)
