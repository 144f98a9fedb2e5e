"""An engine over a real index of local files and encoders without models."""

import uuid
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from support import layout
from triptych.core.settings import Limits, Settings
from triptych.encoders.extractors import Extractor
from triptych.engine import Engine
from triptych.media.store import MediaStore
from triptych.search.answer import Answer
from triptych.search.request import SearchRequest
from unit.seeded import BLOCKS, Seeded, Watched, encoders

Search = Callable[..., Answer]


@pytest.fixture
def seeded() -> dict[str, Seeded]:
    """The encoders, by the modality."""
    return encoders()


@pytest.fixture
def index(tmp_path: Path) -> Iterator[Watched]:
    """An index with an empty collection ``c``."""
    with closing(Watched(tmp_path / "index", layout=layout())) as opened:
        opened.ensure("c")
        yield opened


@pytest.fixture
def make_engine(seeded: dict[str, Seeded], index: Watched) -> Callable[..., Engine]:
    """Makes engines over the index, each as of a process of its own."""
    store = f"memory://{uuid.uuid4().hex}"

    def make(**changes: Any) -> Engine:
        return Engine(
            Settings(limits=Limits(file_bytes=2**20, body_bytes=2**24), **changes),
            store=MediaStore(store),
            layout=layout(),
            index=index,
            extractors={
                part: Extractor({BLOCKS[part]: encoder}) for part, encoder in seeded.items()
            },
        )

    return make


@pytest.fixture
def engine(make_engine: Callable[..., Engine]) -> Engine:
    """One engine."""
    return make_engine()


@pytest.fixture
def search(engine: Engine) -> Search:
    """Searches the collection ``c`` by the fields of a request."""

    def run(**fields: Any) -> Answer:
        return engine.search("c", SearchRequest.model_validate(fields))

    return run
