"""The indexes that must all pass the contract; each test gets a collection of its own."""

import uuid
from collections.abc import Iterator
from contextlib import suppress

import pytest

from triptych.local import Stack
from triptych.shared.errors import NotFound
from triptych.shared.index import SearchIndex, open_index
from triptych.shared.settings import Settings


@pytest.fixture(scope="session", params=["elastic"])
def index(request: pytest.FixtureRequest, stack: Stack) -> SearchIndex:
    """An open index of each implementation."""
    urls = {"elastic": stack.index_url}
    return open_index(Settings(index_url=urls[request.param], index_prefix="contract"))


@pytest.fixture
def collection(index: SearchIndex) -> Iterator[str]:
    """A fresh, existing collection, dropped afterwards."""
    name = f"c{uuid.uuid4().hex[:12]}"
    index.ensure(name)
    yield name
    with suppress(NotFound):
        index.drop(name)
