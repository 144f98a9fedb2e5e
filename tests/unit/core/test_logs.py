"""What is logged."""

import logging

import pytest

from triptych.core import logs


@pytest.fixture
def root():
    """The root logger, as it was before afterwards."""
    logger = logging.getLogger()
    handlers, level = logger.handlers[:], logger.level
    yield logger
    logger.handlers[:] = handlers
    logger.setLevel(level)


def test_requests_to_the_index_are_no_news(root):
    """Those that fail are."""
    logs.configure()
    transport = logging.getLogger("elastic_transport.transport")
    assert not transport.isEnabledFor(logging.INFO)
    assert transport.isEnabledFor(logging.WARNING)
    assert root.isEnabledFor(logging.INFO)
