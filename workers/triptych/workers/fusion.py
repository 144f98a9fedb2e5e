"""The fusion worker: plans batches, fuses features, writes documents in bulk."""

from functools import cache
from typing import Any

from triptych.shared import jobs
from triptych.shared.index import SearchIndex, open_index
from triptych.shared.item import Chunk
from triptych.shared.manifest import read_manifest
from triptych.shared.settings import settings
from triptych.workers.indexing import index_chunk
from triptych.workers.plan import plan
from triptych.workers.runtime import app, on_start, patient, progress, store


@cache
def index() -> SearchIndex:
    """The search index of this process."""
    return open_index(settings())


@app.task(name=jobs.task_name(jobs.FUSION))
def run(message: dict[str, Any]) -> None:
    """Fuse and index a chunk; while the index or Redis is away, put it back into the queue."""
    chunk = Chunk.from_message(message)
    with patient():
        index_chunk(chunk, index(), progress())


@app.task(name=jobs.task_name(jobs.PLAN))
def run_plan(message: dict[str, Any]) -> None:
    """Cut a stored batch into chunks and send each to its first queue."""
    limits = settings().limits
    with patient():
        for chunk in plan(
            read_manifest(store(), message["batch"]),
            store(),
            roots=settings().import_roots,
            max_bytes=limits.file_bytes,
            size=settings().chunk_items,
        ):
            jobs.send(app, chunk)


on_start(index)
