"""Training without TensorFlow says what is missing."""

import sys

import pytest

from triptych.core.errors import Unavailable
from triptych.training import libraries


def test_a_missing_library_is_named_with_the_way_to_it(monkeypatch):
    """Nothing is imported."""
    monkeypatch.setattr(libraries, "find_spec", lambda name: None if name == "keras" else object())
    with pytest.raises(Unavailable, match=r"needs keras.*requirements/train\.txt"):
        libraries.libraries()
    assert "keras" not in sys.modules
