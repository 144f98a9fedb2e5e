"""The check at the end of a scenario: nothing is lost, doubled, stuck, or left over."""

import time
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any

from chaos.expected import Judgement, Key, judge
from chaos.scene import GRACE, Scene, Stuck, wait_until
from triptych.client import ClientError
from triptych.core.errors import NotFound
from triptych.ingest.ledger import FAILED
from triptych.ingest.manifest import OPEN
from triptych.queues import jobs


@dataclass(frozen=True)
class Report:
    """What became of a scenario."""

    judgement: Judgement
    seconds: float
    """From the end of the fault until everything was dealt with."""


def check(scene: Scene) -> Report:
    """Wait until everything is dealt with, and look whether all is as it must be."""
    problems: list[str] = []
    try:
        scene.wait_quiet()
    except Stuck as error:
        problems.append(f"{error}: {_left(scene)}")
    judgement = judge(scene.load.expected, _documents(scene))
    for batch in scene.load.batches:
        problems += _miscounted(scene, batch)
    problems += _left_over(scene)
    problems += _not_shown(scene, judgement)
    scene.stack.check()
    judgement = replace(judgement, problems=(*judgement.problems, *problems))
    return Report(judgement, scene.seconds)


def _left(scene: Scene) -> str:
    """What is not dealt with."""
    queues = {
        name: (queue.messages, queue.held, queue.items)
        for name, queue in jobs.backlog(scene.redis).items()
        if queue.messages
    }
    open_ones = [one.name for one in scene.engine.store.documents(OPEN)]
    return f"queues {queues}, {len(open_ones)} open batches {open_ones[:3]}"


def _documents(scene: Scene) -> Iterator[tuple[Key, Mapping[str, Any]]]:
    """Every document of the collections, with those of items that failed."""
    for collection in scene.load.expected.collections:
        with suppress(NotFound):
            scene.engine.index.refresh(collection)
            for entry in scene.engine.index.scan(collection):
                yield (collection, entry.document["id"]), entry.document


def _miscounted(scene: Scene, batch: str) -> Iterator[str]:
    """What is wrong with the counts of a batch."""
    status = scene.client.batch(batch)
    failures = [one["status"] for one in scene.client.failures(batch)]
    if status.state != "done" or status.outcomes is None:
        yield f"batch {batch} has not ended: {status}"
        return
    failed = sum(status.outcomes.get(outcome, 0) for outcome in FAILED)
    if not sum(status.outcomes.values()) == status.total == status.done:
        yield f"batch {batch} is counted wrongly: {status}"
    if status.failed != failed or sum(one in FAILED for one in failures) > failed:
        yield f"failures of batch {batch} are counted wrongly: {status}, {failures}"


def _not_shown(scene: Scene, judgement: Judgement) -> Iterator[str]:
    """Where users are shown other numbers than there are documents."""
    shown = 0
    for collection in scene.load.expected.collections:
        with suppress(ClientError):
            shown += scene.client.collection(collection)["items"]["total"]
    there = judgement.indexed + judgement.failed + judgement.quarantined
    if not judgement.problems and shown != there:
        yield f"collections count {shown} items, there are {there}"


def _left_over(scene: Scene) -> Iterator[str]:
    """Messages, manifests and media that nothing needs."""
    queues = jobs.backlog(scene.redis)
    for name, queue in queues.items():
        if queue.items or queue.bytes:
            yield f"queue {name} is empty, and counts {queue.items} items, {queue.bytes} bytes"
    flights = list(scene.redis.scan_iter("triptych:flight:*"))
    if flights:
        yield f"{len(flights)} batches have messages that are in no queue: {flights[:3]}"
    time.sleep(GRACE + 1)  # what has no item may be an upload under way until then
    jobs.send_sweep(scene.app, everything=True)
    wait_until("a sweep is done", lambda: not jobs.backlog(scene.redis)["plan"].messages)
    store = scene.engine.store
    found = {one.name for one in store.media()}
    for kind in store.derived_kinds():
        found |= {one.name for one in store.derived(kind)}
    if unread := found - scene.engine.index.referenced(found):
        yield f"{len(unread)} media or derived data that nothing refers to: {sorted(unread)[:3]}"
    if hidden := [path for path in scene.media.rglob(".*") if path.is_file()]:
        yield f"{len(hidden)} temporary files: {hidden[:3]}"
