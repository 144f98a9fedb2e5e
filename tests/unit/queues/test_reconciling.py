"""The sweep: it looks at every batch, whatever is wrong with some of them."""

import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import structlog

from support import layout
from triptych.core.errors import IndexUnavailable, NotFound
from triptych.core.settings import Settings
from triptych.engine import Engine
from triptych.ingest.clock import StoreClock
from triptych.ingest.manifest import file_name, read_manifest
from triptych.media.store import MediaStore
from triptych.queues import jobs
from triptych.queues.batches import Batches
from triptych.queues.reconciling import Reconciler, Sweep


class Forgetful:
    """Counts of a Redis that has forgotten every batch."""

    def status(self, _: str) -> None:
        """Nothing is known."""

    def restore(self, *_: Any) -> None:
        """It is not kept."""


@pytest.fixture
def planned(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The batches that are planned again; nothing is under way."""
    batches: list[str] = []
    monkeypatch.setattr(jobs, "send_plan", lambda _, batch, **__: batches.append(batch))
    monkeypatch.setattr(jobs, "in_flight", lambda *_: jobs.InFlight(frozenset(), planning=False))
    return batches


@pytest.fixture
def batches(tmp_path: Path) -> Iterator[Batches]:
    """As of a gateway, whose engine is in a folder and has no models."""
    settings = Settings.of_folder(tmp_path)
    store = MediaStore(settings.media_url)
    engine = Engine(settings, store=store, layout=layout(), extractors={}, clock=StoreClock(store))
    unused: Any = None
    counts: Any = Forgetful()
    with engine:
        yield Batches(engine, unused, unused, counts)


def accepted(batches: Batches, collection: str = "c") -> str:
    """A batch that lies there for a minute."""
    batch = batches.engine.accept_manifest(collection, b'{"text":"a"}').manifest.batch
    make_old(manifest_path(batches, batch))
    return batch


def make_old(path: Path) -> None:
    """As if it was written a minute ago."""
    os.utime(path, (time.time() - 60, time.time() - 60))


def manifest_path(batches: Batches, batch: str) -> Path:
    return Path(batches.engine.settings.media_url.removeprefix("file://")) / (
        f"batches/{file_name(batch)}"
    )


def test_what_got_lost_is_planned_again(batches: Batches, planned: list[str]):
    """But not what has only just come: its first message may be on its way."""
    lost = accepted(batches)
    batches.engine.accept_manifest("c", b'{"text":"b"}')
    assert Reconciler(batches).sweep() == Sweep(open=1, missing=1, planned=1)
    assert planned == [lost]


def test_a_clock_that_was_set_back_hides_nothing(batches: Batches, planned: list[str]):
    """Batches seem to come from the future."""
    lost = accepted(batches)
    assert Reconciler(batches, clock=lambda: time.time() - 3600).sweep().planned == 1
    assert planned == [lost]


def test_a_damaged_manifest_does_not_stop_the_sweep(batches: Batches, planned: list[str]):
    """It is told of, and stays; the batches after it are planned again."""
    damaged, lost = accepted(batches), accepted(batches)
    manifest_path(batches, damaged).write_bytes(b"\x00" * 100)
    make_old(manifest_path(batches, damaged))
    with structlog.testing.capture_logs() as logs:
        assert Reconciler(batches).sweep() == Sweep(open=2, missing=1, planned=1, broken=1)
    assert planned == [lost]
    assert [log["batch"] for log in logs if log["log_level"] == "error"] == [damaged]
    assert manifest_path(batches, damaged).exists()


def test_an_index_that_is_away_ends_the_sweep(
    batches: Batches, planned: list[str], monkeypatch: pytest.MonkeyPatch
):
    """There is nothing to compare with, for any batch."""

    def away(*_: Any) -> None:
        raise IndexUnavailable("away")

    accepted(batches)
    for name in ("identity", "versions", "ping"):
        monkeypatch.setattr(batches.engine.index, name, away)
    with pytest.raises(IndexUnavailable):
        Reconciler(batches).sweep()
    assert planned == []


def test_a_collection_that_is_broken_does_not_stop_the_sweep(
    batches: Batches, planned: list[str], monkeypatch: pytest.MonkeyPatch
):
    """A shard of it may be missing, while the index answers for others."""
    accepted(batches, "broken")
    lost = accepted(batches)
    identity = batches.engine.index.identity

    def answer(name: str) -> str:
        if name == "broken":
            raise IndexUnavailable("no shard")
        return identity(name)

    monkeypatch.setattr(batches.engine.index, "identity", answer)
    with structlog.testing.capture_logs():
        assert Reconciler(batches).sweep().broken == 1
    assert planned == [lost]


def test_two_may_close_a_batch_at_once(
    batches: Batches, planned: list[str], monkeypatch: pytest.MonkeyPatch
):
    """The second finds that there is nothing left to close."""
    batch = accepted(batches)
    batches.engine.delete_collection("c")
    manifest = read_manifest(batches.engine.store, batch)
    settlement = batches.engine.ledger.settle(manifest)

    def faster(_: Any) -> Any:
        batches.engine.ledger.close(manifest, settlement)
        return settlement

    monkeypatch.setattr(type(batches.engine.ledger), "settle", lambda _, m: faster(m))
    assert batches.finish(batch) is None
    with pytest.raises(NotFound):
        read_manifest(batches.engine.store, batch)
