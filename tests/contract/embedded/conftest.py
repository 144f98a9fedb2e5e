"""An index in a folder of its own, with one empty collection."""

from pathlib import Path

import pytest

from support import layout
from triptych.index.embedded import EmbeddedIndex


@pytest.fixture
def index(tmp_path: Path) -> EmbeddedIndex:
    """An index with the collection ``c``."""
    opened = EmbeddedIndex(tmp_path, layout=layout())
    opened.ensure("c")
    return opened
