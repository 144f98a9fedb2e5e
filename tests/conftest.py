"""One real stack for every test that needs one, started on first use."""

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from hypothesis import settings

from triptych.client import Client
from triptych.corpora import tuxpaint
from triptych.corpora.errors import CorpusUnavailable
from triptych.local import Stack, StackOptions, running_stack

# No test is timed. Where CI is set, Hypothesis draws the same examples in each run by itself.
settings.register_profile("untimed", deadline=None)
if "CI" not in os.environ:
    settings.load_profile("untimed")

LIMITS = {
    "TRIPTYCH_MAX_BODY_BYTES": str(48 * 2**20),
    "TRIPTYCH_MAX_FILE_BYTES": str(8 * 2**20),
}


def pytest_configure() -> None:
    """Stop at SIGTERM as at Ctrl-C, so that fixtures end the processes that they started.

    A shell lets what it puts into the background ignore Ctrl-C, and with it the commands to which
    tests send one.
    """
    for sign in (signal.SIGTERM, signal.SIGINT):
        signal.signal(sign, signal.default_int_handler)


@pytest.fixture(scope="session")
def import_root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that manifests of the stack may name files in."""
    return tmp_path_factory.mktemp("import")


@pytest.fixture(scope="session")
def stamps() -> Path:
    """The folder of the Tux Paint stamps, fetched into the cache on first use."""
    try:
        return tuxpaint.fetch()
    except CorpusUnavailable as error:
        pytest.skip(f"the Tux Paint stamps can't be fetched: {error}")


@pytest.fixture(scope="session")
def stack(
    tmp_path_factory: pytest.TempPathFactory, import_root: Path, stamps: Path
) -> Iterator[Stack]:
    """Valkey, Elasticsearch, a worker per kind, and the gateway: real processes."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_DATA_HOME", str(tmp_path_factory.mktemp("data")))
        options = StackOptions(
            name="test", port=0, import_roots=(import_root, stamps), env=LIMITS, keep=False
        )
        with running_stack(options) as running:
            yield running


@pytest.fixture(scope="session")
def client(stack: Stack) -> Iterator[Client]:
    """The Python client of the stack's gateway."""
    with Client(stack.gateway_url) as connected:
        yield connected


@pytest.fixture(scope="session")
def http(stack: Stack) -> Iterator[httpx.Client]:
    """Plain HTTP to the stack's gateway."""
    with httpx.Client(base_url=stack.gateway_url, timeout=60) as connected:
        yield connected
