"""A live progress bar on standard error, so that standard output stays clean."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn


@contextmanager
def progress_bar(title: str, *, quiet: bool) -> Iterator["Bar"]:
    """A bar that is there until the end of the ``with``; ``quiet`` shows nothing."""
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[rate]:.0f} items/s"),
        TextColumn("{task.fields[failed]} failed"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=Console(stderr=True), disable=quiet) as progress:
        yield Bar(progress, title)


@contextmanager
def status(title: str, *, quiet: bool) -> Iterator[Callable[[int, Mapping[str, float]], None]]:
    """A line that is there until the end of the ``with``; what it yields shows an epoch there."""
    console = Console(stderr=True, quiet=quiet)
    with console.status(title) as line:

        def show(epoch: int, figures: Mapping[str, float]) -> None:
            said = ", ".join(f"{name} {value:.4f}" for name, value in figures.items())
            line.update(f"{title}, epoch {epoch}: {said}")

        yield show


class Bar:
    """The bar of items that are added or copied."""

    def __init__(self, progress: Progress, title: str) -> None:
        self._progress = progress
        self._task = progress.add_task(title, total=None, rate=0.0, failed=0)

    def update(
        self, *, done: int, total: int, failed: int, rate: float, title: str | None = None
    ) -> None:
        """Show these counts, and another title, if one is given."""
        self._progress.update(
            self._task, completed=done, total=total, failed=failed, rate=rate, description=title
        )
