"""Submit items and follow their progress."""

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from triptych.client import BatchStatus, Client
from triptych.core.bar import progress_bar


@dataclass(frozen=True)
class Report:
    """The outcome of all submissions."""

    total: int
    done: int
    failed: int
    seconds: float
    failures: list[dict[str, Any]]

    @property
    def partial(self) -> int:
        """Items of which a part failed, as far as the gateway lists them."""
        return sum(item["status"] == "partial" for item in self.failures)

    @property
    def rate(self) -> float:
        """Items per second, as the sender saw it."""
        return self.done / self.seconds if self.seconds > 0 else 0.0


def ingest(
    client: Client,
    submissions: Iterable[Callable[[], dict[str, Any]]],
    *,
    title: str,
    quiet: bool = False,
    pause: Callable[[float], None] = time.sleep,
) -> Report:
    """Submit one batch after the other, then wait for all and show progress.

    It calls ``pause`` between two requests for the status; ``pause`` may raise to give up.
    """
    started = time.monotonic()
    statuses: dict[str, BatchStatus] = {}
    with progress_bar(title, quiet=quiet) as bar:

        def look() -> None:
            for batch, status in statuses.items():
                if not status.has_ended:
                    statuses[batch] = client.batch(batch)
            done = sum(status.done for status in statuses.values())
            bar.update(
                done=done,
                total=sum(status.total for status in statuses.values()),
                failed=sum(status.failed for status in statuses.values()),
                rate=done / (time.monotonic() - started),
            )

        for submit in submissions:
            batch = submit()["batch"]
            statuses[batch] = client.batch(batch)
            look()
        while any(not status.has_ended for status in statuses.values()):
            pause(0.2)
            look()
    return Report(
        total=sum(status.total for status in statuses.values()),
        done=sum(status.done for status in statuses.values()),
        failed=sum(status.failed for status in statuses.values()),
        seconds=time.monotonic() - started,
        failures=[item for batch in statuses for item in client.failures(batch)],
    )
