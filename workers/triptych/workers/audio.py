"""The audio worker: sounds to the acoustic block."""

from functools import cache
from typing import Any

from triptych.core.item import Item
from triptych.core.settings import settings
from triptych.encoders.extractors import Extractor, load_extractor
from triptych.ingest.steps import add_features
from triptych.media.audio import Samples, decode_audio
from triptych.queues import jobs
from triptych.workers.runtime import app, on_start, run_step, store


@cache
def extractor() -> Extractor:
    """The models of this process."""
    return load_extractor(
        "audio", settings().encoders, threads=settings().compute_threads, store=store()
    )


def decode(item: Item) -> tuple[Item, Samples]:
    """Load and decode the sound of an item."""
    data = store().get(str(item.audio))
    return item, decode_audio(data, max_seconds=settings().limits.audio_seconds)


@app.task(name=jobs.task_name("audio"))
def run(message: dict[str, Any]) -> None:
    """Add audio features to a chunk and pass it on."""
    run_step(message, lambda chunk: add_features(chunk, "audio", decode, extractor()))


on_start(extractor)
