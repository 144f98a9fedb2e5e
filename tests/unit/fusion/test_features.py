"""The blocks of many items at once."""

import numpy as np
import pytest

from support import layout
from triptych.core.errors import InvalidInput
from triptych.fusion.features import Features, joined

NAMES = [block.name for block in layout().blocks]


def features(**blocks: list[float]) -> Features:
    """Items whose named blocks hold one number each, in their first place."""
    vectors = np.zeros((max(map(len, blocks.values())), layout().dims), np.float32)
    for name, numbers in blocks.items():
        vectors[:, layout().slices[name].start] = numbers
    return Features.of(vectors, layout())


def test_blocks_of_zeros_count_as_absent():
    """As the index keeps items."""
    made = features(semantic=[1, 0], visual=[0, 1])
    assert made.present.tolist() == [[name == "semantic" for name in NAMES],
                                     [name == "visual" for name in NAMES]]  # fmt: skip
    assert made.parts == ("text", "image")
    assert made.has("image").tolist() == [False, True]


def test_a_block_may_be_present_and_say_nothing():
    """A silent sound."""
    vectors = np.zeros((1, layout().dims), np.float32)
    silent = Features(layout(), vectors, np.ones((1, len(NAMES)), np.bool_))
    assert silent.has("audio").all()
    assert not silent.filled.any()


def test_parts_are_taken_away():
    """With all of their blocks."""
    made = features(semantic=[1, 1], concept=[1, 0], visual=[1, 0])
    text = made.only(["text"])
    assert text.parts == ("text",)
    assert not text.block("visual").any()
    assert made.of_modality("image").parts == ("image",)
    assert made.parts == ("text", "image"), "the items themselves stay as they are"
    assert joined([text, made]).rows(np.array([2])).present.tolist() == made.present[:1].tolist()


@pytest.mark.parametrize(
    ("vectors", "reason"),
    [
        (np.zeros((2, 3)), "do not fit"),
        (np.zeros(layout().dims), "do not fit"),
        (np.full((2, layout().dims), np.nan), "item 0"),
    ],
)
def test_what_does_not_fit_is_refused(vectors, reason):
    """With what is wrong."""
    with pytest.raises(InvalidInput, match=reason):
        Features.of(vectors, layout())


def test_a_mask_of_another_layout_is_refused():
    """One column too few."""
    with pytest.raises(InvalidInput, match="mask"):
        Features(layout(), np.zeros((1, layout().dims), np.float32), np.ones((1, 1), np.bool_))
