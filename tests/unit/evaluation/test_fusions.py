"""Ways to fuse, compared on every item."""

import numpy as np
import pytest

from triptych.evaluation import judged
from triptych.evaluation.fusions import OFFERED, Compared, compare

BASELINES = {"words + picture", "mean", "centred", "standardised", "tuned", "oracle"}


@pytest.fixture(scope="module")
def figures(judged_folder, engine) -> list[Compared]:
    """Of a small set of real pictures."""
    return list(compare(judged.read(judged_folder), engine))


def test_every_way_has_a_figure_for_every_kind(figures: list[Compared]):
    """On every gallery, with an interval."""
    kinds = {figure.kind for figure in figures}
    assert kinds == {"text", "image", "text + image"}
    for gallery in {figure.gallery for figure in figures}:
        for kind in {figure.kind for figure in figures if figure.gallery == gallery}:
            ways = {f.way for f in figures if (f.gallery, f.kind) == (gallery, kind)}
            assert ways == {*OFFERED, *BASELINES}
    for figure in figures:
        assert (figure.recall is not None) == (figure.way in OFFERED)
        assert figure.recall in {1.0, None}, "there are fewer items than candidates"
        assert 0 <= figure.low <= figure.value <= figure.high <= 1
        assert figure.gain_low <= figure.gain <= figure.gain_high


def test_the_sum_gains_nothing_over_itself(figures: list[Compared]):
    """And no single weight is better than the best of each query."""
    by_way: dict[tuple[str, str, str], Compared] = {
        (figure.gallery, figure.kind, figure.way): figure for figure in figures
    }
    for (gallery, kind, way), figure in by_way.items():
        if way == "linear":
            assert figure.gain == figure.gain_low == figure.gain_high == 0
            assert by_way[gallery, kind, "auto"].value == pytest.approx(figure.value, abs=0.2)
        if way == "tuned":
            assert figure.value <= by_way[gallery, kind, "oracle"].value + 1e-9
    assert np.mean([f.value for f in figures if f.way == "linear"]) > 0.6
