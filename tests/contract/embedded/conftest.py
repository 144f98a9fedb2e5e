"""An index in a folder of its own, with one empty collection."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from pathlib import Path

import pytest

from support import layout
from triptych.index.embedded import EmbeddedIndex


@pytest.fixture
def anew(tmp_path: Path) -> Iterator[Callable[[], EmbeddedIndex]]:
    """Opens the index as another process does."""
    with ExitStack() as exits:
        yield lambda: exits.enter_context(closing(EmbeddedIndex(tmp_path, layout=layout())))


@pytest.fixture
def index(anew: Callable[[], EmbeddedIndex]) -> EmbeddedIndex:
    """An index with the collection ``c``."""
    opened = anew()
    opened.ensure("c")
    return opened
