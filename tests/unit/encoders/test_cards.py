"""Cards say exactly which model made a vector."""

from dataclasses import FrozenInstanceError, fields, replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from triptych.encoders.cards import Card, fingerprint, unit_rows

CARD = Card(
    name="a", version=1, modality="text", dims=3, licence="MIT", source="here", weights=("0" * 64,)
)
CHANGES = {
    "name": "b", "version": 2, "modality": "image", "dims": 4, "licence": "BSD",
    "source": "there", "weights": ("1" * 64,), "parameters": "p",
    "needs_fit": True, "built_on": ("2" * 16,),
}  # fmt: skip


def test_every_field_is_in_the_fingerprint():
    """Sixteen hex digits, other ones for any change, the same ones for none."""
    assert set(CHANGES) == {entry.name for entry in fields(Card)}
    changed = [replace(CARD, **{name: value}).fingerprint for name, value in CHANGES.items()]
    assert len({CARD.fingerprint, *changed}) == len(CHANGES) + 1
    assert replace(CARD).fingerprint == CARD.fingerprint
    assert len(CARD.fingerprint) == 16
    int(CARD.fingerprint, 16)


@pytest.mark.parametrize("change", [{"dims": 0}, {"version": 0}, {"weights": ("abc",)}])
def test_a_wrong_card_is_refused(change):
    """When it is made, by its name."""
    with pytest.raises(ValueError, match="card a: "):
        replace(CARD, **change)


def test_a_card_is_frozen():
    """It is a fact."""
    with pytest.raises(FrozenInstanceError):
        CARD.version = 2  # type: ignore[misc]


def test_fingerprints_do_not_depend_on_the_order_of_keys():
    """Two processes agree."""
    assert fingerprint({"a": 1, "b": 2}) == fingerprint({"b": 2, "a": 1})


@given(st.lists(st.lists(st.floats(-1e3, 1e3, width=32), min_size=4, max_size=4), max_size=8))
def test_rows_become_units(rows):
    """A row of zeros stays, and the input is not changed."""
    given_rows = np.array(rows, np.float32).reshape(-1, 4)
    before = given_rows.copy()
    norms = np.linalg.norm(unit_rows(given_rows), axis=1)
    expected = (np.linalg.norm(given_rows, axis=1) > 0).astype(float)
    assert np.allclose(norms, expected, atol=1e-3)
    assert np.array_equal(given_rows, before)
