"""The text worker: texts to the semantic block and the words of the index."""

from dataclasses import replace
from functools import cache
from typing import Any

from triptych.shared import jobs
from triptych.shared.encoders.extractors import Extractor, load_extractor
from triptych.shared.item import Item
from triptych.shared.media.text import clean_text, terms
from triptych.shared.settings import cache_home, settings
from triptych.workers.features import add_features
from triptych.workers.runtime import app, on_start, run_step


@cache
def extractor() -> Extractor:
    """The models of this process."""
    terms("the first call loads the stemmer")
    return load_extractor("text", threads=settings().compute_threads, cache=cache_home())


def decode(item: Item) -> tuple[Item, str]:
    """Clean the text of an item and find its words."""
    text = clean_text(str(item.text), max_chars=settings().limits.text_chars)
    return replace(item, text=text, terms=" ".join(terms(text))), text


@app.task(name=jobs.task_name("text"))
def run(message: dict[str, Any]) -> None:
    """Add text features to a chunk and pass it on."""
    run_step(message, lambda chunk: add_features(chunk, "text", decode, extractor()))


on_start(extractor)
