"""A collection as a map."""

from contextlib import closing

import numpy as np
import pytest

from support import layout
from triptych.core.errors import NotFound
from triptych.engine.mapping import laid_out, map_of
from triptych.index.embedded import EmbeddedIndex
from triptych.index.model import Versioned
from unit.seeded import document, vector

PICTURE, SOUND = layout().slices["visual"], layout().slices["acoustic"]


def kinds(number: int):
    """Pictures of two kinds in turns; every third item has a sound, too."""
    rows = np.zeros((number, layout().dims), np.float32)
    for place in range(number):
        noise = np.random.default_rng(place).normal(0, 0.02, 256)
        rows[place, PICTURE] = vector(place % 2, 256) + noise
        if place % 3 == 0:
            rows[place, SOUND] = vector("sound", 120)
    return rows


def test_what_is_alike_lies_together():
    """Two kinds are two heaps along the first axis; who has a sound makes none of its own."""
    places, explained = laid_out(kinds(60), layout())
    first, second = places[0::2, 0], places[1::2, 0]
    assert abs(first.mean() - second.mean()) > 0.9
    assert max(first.std(), second.std()) < 0.05
    assert explained > 0.8
    assert places.min() >= 0
    assert places.max() <= 1
    again, _ = laid_out(kinds(60), layout())
    assert (places == again).all()


@pytest.mark.parametrize("number", [0, 1, 2])
def test_a_few_items_lie_in_the_middle(number):
    """As there is nothing to tell of them; so do items that are all the same."""
    places, explained = laid_out(kinds(number), layout())
    assert (places == 0.5).all()
    assert (places.shape, explained) == ((number, 2), 0.0)
    same = np.ones((9, layout().dims), np.float32)
    assert (laid_out(same, layout())[0] == 0.5).all()


def test_the_items_of_a_collection(tmp_path):
    """Those that have a vector."""
    with closing(EmbeddedIndex(tmp_path, layout=layout())) as index:
        index.ensure("c")
        made = [
            document(f"i{n}", title=f"T{n}", blocks={"visual": vector(n % 2, 256)})
            for n in range(8)
        ]
        made.append(document("none", errors={"image": "cut"}))
        index.bulk("c", [Versioned(one, one["sequence"]) for one in made])
        found = map_of(index, "c")
        with pytest.raises(NotFound):
            map_of(index, "d")
    assert {one.id for one in found.items} == {f"i{n}" for n in range(8)}
    assert found.total == 9
    assert {one.x for one in found.items if one.id in {"i0", "i2"}} != {
        one.x for one in found.items if one.id in {"i1", "i3"}
    }
    assert found.items[0].title == "T7"
    assert found.items[0].image == "0" * 64
