"""Items that lack a part are found all the same, in a gallery made of noise."""

import numpy as np
import pytest

from triptych.encoders.cards import Card, Vectors, unit_rows
from triptych.fusion.blocks import Block, Layout
from triptych.fusion.query import ALPHA, fuse_query
from triptych.fusion.scores import score
from triptych.fusion.signals import Candidate

GROUPS, MATES, DIMS = 30, 5, 384
WEIGHTS = {"keyword": 0.5, "text": 1.0, "image": 1.0, "audio": 1.0, "not": 0.5}
ALIKE, TRUE = 0.6, 0.92
"""The cosines of two of a group, and of a query with the item that it is of."""


def two_blocks() -> Layout:
    """A text and a picture, the cosines of which mean what they are."""
    facts = {"version": 1, "licence": "MIT", "source": "here", "dims": DIMS}
    text = Card(name="some-text", modality="text", **facts)
    image = Card(name="some-image", modality="image", **facts)
    return Layout(
        (
            Block("semantic", "text", "text", in_text_space=False, card=text),
            Block("visual", "image", "image", in_text_space=False, card=image),
        )
    )


def near(vectors: Vectors, cosine: float, draw: np.random.Generator) -> Vectors:
    """Unit vectors of about this cosine with the given ones."""
    noise = unit_rows(draw.normal(size=vectors.shape))
    return unit_rows(cosine * vectors + np.sqrt(1 - cosine**2) * noise)


def found_first(loss: float, alpha: float) -> float:
    """The share of the items that are first when asked for by text and image."""
    layout = two_blocks()
    draw = np.random.default_rng(0)
    items, queries = {}, {}
    for block in ("semantic", "visual"):
        centres = unit_rows(draw.normal(size=(GROUPS, DIMS))).repeat(MATES, axis=0)
        items[block] = near(centres, np.sqrt(ALIKE), draw)
        queries[block] = near(items[block], TRUE, draw)
    gallery = []
    for row in range(GROUPS * MATES):
        parts = {"text", "image"}
        if draw.random() < loss:
            parts.discard(("text", "image")[row % 2])
        features = np.zeros(layout.dims, np.float32)
        for block in layout.blocks:
            if block.part in parts:
                features[layout.slices[block.name]] = items[block.name][row]
        gallery.append(Candidate(f"{row}", frozenset(parts), None, {}, features))
    firsts = []
    for row in range(len(gallery)):
        vectors = {
            "text": {"semantic": queries["semantic"][row]},
            "image": {"visual": queries["visual"][row]},
        }
        query = fuse_query(vectors, WEIGHTS, layout, alpha=alpha)
        (best,) = score(query, gallery, "linear", 1)
        firsts.append(best.index == row)
    return float(np.mean(firsts))


@pytest.mark.parametrize("loss", [0.0, 0.3, 0.6])
def test_an_item_that_lacks_a_part_is_found_by_the_other(loss):
    """Nearly every one, among others of its kind that have both parts."""
    assert found_first(loss, ALPHA) >= 0.95


@pytest.mark.parametrize("loss", [0.3, 0.6])
def test_a_plain_sum_would_lose_such_items(loss):
    """So this gallery would tell if presence were not corrected for."""
    assert found_first(loss, 0.0) <= 0.9


@pytest.mark.parametrize("fusion", ["linear", "product"])
def test_words_of_tags_count_as_those_of_texts(fusion):
    """A picture that is found by its tag is not better than one that has its words in a text, too.

    A perfect match is 1, whatever the item has.
    """
    layout = two_blocks()
    vector = np.zeros(DIMS, np.float32)
    vector[0] = 1
    features = np.zeros(layout.dims, np.float32)
    features[layout.slices["visual"]] = vector
    both = features.copy()
    both[layout.slices["semantic"]] = vector
    gallery = [
        Candidate("tagged", frozenset({"image"}), 2.0, {"beach": 2.0}, features),
        Candidate("whole", frozenset({"text", "image"}), 2.0, {"beach": 2.0}, both),
    ]
    vectors = {"text": {"semantic": vector}, "image": {"visual": vector}}
    query = fuse_query(vectors, WEIGHTS, layout, words=["beach"])
    whole, tagged = score(query, gallery, fusion)
    assert [gallery[one.index].id for one in (whole, tagged)] == ["whole", "tagged"]
    assert whole.score == pytest.approx(1)
    assert tagged.score == pytest.approx(0.6**0.5)
