"""The indexes that must all pass the contract; each test gets a collection of its own."""

import os
import uuid
from collections.abc import Iterator
from contextlib import closing, suppress
from zlib import crc32

import numpy as np
import pytest

from contract import documents
from support import layout
from triptych.core.errors import NotFound
from triptych.core.settings import Settings
from triptych.index import SearchIndex, open_index
from triptych.local import Stack


@pytest.fixture(scope="session")
def elastic_url(request: pytest.FixtureRequest) -> str:
    """The address of Elasticsearch: the stack's, or one that runs already."""
    if url := os.environ.get("TRIPTYCH_TEST_ELASTIC"):
        return url
    stack: Stack = request.getfixturevalue("stack")
    return stack.index_url


@pytest.fixture(scope="session", params=["elastic", "embedded"])
def index_url(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> str:
    """Where an index of each implementation is."""
    if request.param == "elastic":
        url: str = request.getfixturevalue("elastic_url")
        return url
    return tmp_path_factory.mktemp("index").as_uri()


@pytest.fixture(scope="session")
def index(index_url: str) -> Iterator[SearchIndex]:
    """An open index of each implementation."""
    settings = Settings(index_url=index_url, index_prefix="contract")
    with closing(open_index(settings, layout())) as opened:
        yield opened


@pytest.fixture(autouse=True)
def random_vectors(request: pytest.FixtureRequest) -> None:
    """Each test draws the same vectors, whichever tests run before it."""
    draw = np.random.default_rng(crc32(request.node.name.encode()))
    documents.RNG.bit_generator.state = draw.bit_generator.state


@pytest.fixture
def collection(index: SearchIndex) -> Iterator[str]:
    """A fresh, existing collection, dropped afterwards."""
    name = f"c{uuid.uuid4().hex[:12]}"
    index.ensure(name)
    yield name
    with suppress(NotFound):
        index.drop(name)
