"""Readable results: a progress bar, a table of hits, the reasons of each."""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

console = Console()
errors = Console(stderr=True)

_TEXT_WIDTH = 48


def print_json(value: Any) -> None:
    """One JSON document on a line of its own, for programs."""
    print(json.dumps(value, ensure_ascii=False))  # noqa: T201


@contextmanager
def progress_bar(title: str, *, quiet: bool) -> Iterator["Bar"]:
    """A live bar on standard error, so that standard output stays clean."""
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[rate]:.0f} items/s"),
        TextColumn("{task.fields[failed]} failed"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=errors, disable=quiet) as progress:
        yield Bar(progress, title)


class Bar:
    """The bar of one ingest."""

    def __init__(self, progress: Progress, title: str) -> None:
        self._progress = progress
        self._task = progress.add_task(title, total=None, rate=0.0, failed=0)

    def update(self, *, done: int, total: int, failed: int, rate: float) -> None:
        """Show these counts."""
        self._progress.update(self._task, completed=done, total=total, failed=failed, rate=rate)


def print_hits(answer: Mapping[str, Any]) -> None:
    """A table of hits: score, item, and what each signal added to the score."""
    signals = list(dict.fromkeys(name for hit in answer["hits"] for name in hit["why"]))
    table = Table(show_edge=False, pad_edge=False, header_style="bold")
    table.add_column("#", justify="right")
    table.add_column("score", justify="right")
    table.add_column("item", overflow="fold")
    table.add_column("text", max_width=_TEXT_WIDTH)
    for name in signals:
        table.add_column(f"{name} (of {name_weight(answer, name)})", justify="right")
    for place, hit in enumerate(answer["hits"], start=1):
        reasons = [_reason(hit["why"].get(name)) for name in signals]
        words = _words(hit["item"])
        table.add_row(str(place), f"{hit['score']:.3f}", escape(hit["id"]), words, *reasons)
    console.print(table)
    took = answer["took_ms"]
    console.print(
        f"[dim]{took['total']:.0f} ms: encode {took['encode']:.0f}, search {took['search']:.0f}, "
        f"fuse {took['fuse']:.1f}[/dim]"
    )


def name_weight(answer: Mapping[str, Any], signal: str) -> str:
    """The largest weight that a signal has among the hits."""
    weights = [hit["why"][signal]["weight"] for hit in answer["hits"] if signal in hit["why"]]
    return f"{max(weights):.2f}"


def _words(item: Mapping[str, Any]) -> str:
    """The text of an item, what is said and written in it, and its keywords."""
    lines = [escape(item["text"])] if "text" in item else []
    found = [item[name]["text"] for name in ("transcript", "writing") if name in item]
    lines += [f"“{escape(text)}”" for text in found]
    if keywords := item.get("keywords"):
        lines.append(f"[dim]{escape(', '.join(keywords))}[/dim]")
    return "\n".join(lines)


def _reason(reason: Mapping[str, Any] | None) -> str:
    return "" if reason is None else f"{reason['contribution']:.3f} [dim]#{reason['rank']}[/dim]"
