"""The image worker: pictures to the concept and visual blocks."""

from functools import cache
from typing import Any

from triptych.core.item import Item
from triptych.core.settings import settings
from triptych.encoders.extractors import Extractor, load_extractor
from triptych.ingest.steps import add_features
from triptych.media.image import Pixels, decode_image
from triptych.queues import jobs
from triptych.workers.runtime import app, on_start, run_step, store


@cache
def extractor() -> Extractor:
    """The models of this process."""
    return load_extractor(
        "image", settings().encoders, threads=settings().compute_threads, store=store()
    )


def decode(item: Item) -> tuple[Item, Pixels]:
    """Load and decode the picture of an item."""
    data = store().get(str(item.image))
    return item, decode_image(
        data,
        side=extractor().side,
        max_pixels=settings().limits.image_pixels,
        background=settings().background,
    )


@app.task(name=jobs.task_name("image"))
def run(message: dict[str, Any]) -> None:
    """Add image features to a chunk and pass it on."""
    run_step(message, lambda chunk: add_features(chunk, "image", decode, extractor()))


on_start(extractor)
