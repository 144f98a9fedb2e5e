"""Groups of equal content, and splits that cut none."""

import numpy as np
import pytest

from support import layout
from triptych.core.errors import InvalidInput
from triptych.fusion.examples import Examples
from triptych.fusion.features import Features


@pytest.fixture(scope="module")
def examples() -> Examples:
    """Two hundred and forty items, of a caption each."""
    vectors = np.zeros((240, layout().dims), np.float32)
    vectors[np.arange(240), np.arange(240)] = 1
    return Examples(Features.of(vectors, layout()), [[f"caption {row}"] for row in range(240)])


def test_items_of_any_common_content_are_one_group(examples):
    """Also by way of a third."""
    some = examples.features.rows(np.arange(5))
    contents = [["a"], ["b", "c"], ["d"], ["c", "a"], ["e"]]
    made = Examples(some, contents)
    assert made.groups.tolist() == [0, 0, 2, 0, 4]
    assert made.summary()["groups"] == 3
    places = made.places(0)
    assert len(set(places.tolist())) == 3
    assert places[0] == places[1] == places[3]


def test_a_split_depends_on_contents_not_on_the_order(examples):
    """The same items are set aside when they come in another order."""
    _, held = examples.split(0.3, seed=2)
    rest, again = examples.rows(np.arange(240)[::-1]).split(0.3, seed=2)
    first, second = ({key for one in each.contents for key in one} for each in (held, again))
    assert first == second
    assert 40 < len(held) < 110
    assert not first & {key for one in rest.contents for key in one}


@pytest.mark.parametrize(
    ("contents", "labels", "reason"),
    [([["a"]], (), "1 contents for 2"), ([["a"], []], (), "item 1"),
     ([["a"], ["b"]], ["x"], "1 labels for 2")],
)  # fmt: skip
def test_examples_that_do_not_fit_are_refused(examples, contents, labels, reason):
    """With the item that is wrong."""
    with pytest.raises(InvalidInput, match=reason):
        Examples(examples.features.rows(np.arange(2)), contents, labels)
