"""The text worker: texts to the semantic block and the words of the index."""

from dataclasses import replace
from functools import cache
from typing import Any

from triptych.core.item import Item
from triptych.core.settings import settings
from triptych.encoders.extractors import Extractor, load_extractor
from triptych.ingest.steps import add_features
from triptych.media.text import clean_text
from triptych.queues import jobs
from triptych.text.analysis import terms
from triptych.text.languages import detect
from triptych.workers.runtime import app, on_start, run_step, store


@cache
def extractor() -> Extractor:
    """The models of this process."""
    terms("the first call loads the stemmer")
    return load_extractor(
        "text", settings().encoders, threads=settings().compute_threads, store=store()
    )


def decode(item: Item) -> tuple[Item, str]:
    """Clean the text of an item and find its words."""
    text = clean_text(str(item.text), max_chars=settings().limits.text_chars)
    language = item.language or detect(text)
    words = {"text": " ".join(terms(text, language))}
    return replace(item, text=text, language=language, words=words), text


@app.task(name=jobs.task_name("text"))
def run(message: dict[str, Any]) -> None:
    """Add text features to a chunk and pass it on."""
    run_step(message, lambda chunk: add_features(chunk, "text", decode, extractor()))


on_start(extractor)
