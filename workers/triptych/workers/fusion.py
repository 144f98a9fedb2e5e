"""The fusion worker: plans batches, fuses features, writes documents in bulk."""

from functools import cache
from typing import Any

import structlog

from triptych.core.errors import Unavailable
from triptych.core.settings import settings
from triptych.index import SearchIndex, open_index
from triptych.ingest.chunk import BULK, FUSION, Chunk
from triptych.ingest.indexing import index_chunk
from triptych.ingest.manifest import read_manifest
from triptych.ingest.planning import WINDOW, plan
from triptych.queues import jobs
from triptych.workers.runtime import app, on_start, patient, progress, store

log = structlog.get_logger(__name__)


@cache
def index() -> SearchIndex:
    """The search index of this process."""
    return open_index(settings())


@app.task(name=jobs.task_name(FUSION))
def run(message: dict[str, Any]) -> None:
    """Fuse and index a chunk; while the index or Redis is away, put it back into the queue."""
    chunk = Chunk.from_message(message)
    with patient():
        index_chunk(chunk, index(), progress())


@app.task(name=jobs.task_name(jobs.PLAN))
def run_plan(message: dict[str, Any]) -> None:
    """Cut the next part of a stored batch into chunks, send them, and ask for the part after."""
    batch, start = message["batch"], message.get("start", 0)
    sent: set[int] = set()
    with patient():
        manifest = read_manifest(store(), batch)
        try:
            ready = plan(
                manifest,
                start,
                store(),
                roots=settings().import_roots,
                max_bytes=settings().limits.file_bytes,
                size=settings().chunk_items,
            )
            for chunk in ready:
                jobs.send(app, chunk)
                sent.update(item.ordinal for item in chunk.items)
        except Unavailable:
            raise
        except Exception:
            log.exception("part of a batch can't be planned", batch=batch, start=start)
            lost = set(range(start, min(start + WINDOW, manifest.total))) - sent
            progress().mark(batch, done=lost, failed=lost)
        if start + WINDOW < manifest.total:
            after = {"batch": batch, "start": start + WINDOW}
            jobs.send_task(app, jobs.PLAN, after, priority=BULK)


on_start(index)
