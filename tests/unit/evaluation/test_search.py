"""The evaluation of search on a small set of real pictures and texts."""

from dataclasses import replace

import pytest

from triptych.core.errors import InvalidInput
from triptych.evaluation import judged
from triptych.evaluation.search import BEST_SINGLE, evaluate


@pytest.fixture(scope="module")
def figures(judged_folder, engine):
    """Those of two fusions, by gallery, kind, fusion and metric; and what is left of the index."""
    values = list(evaluate(judged.read(judged_folder), engine, ["linear", "rrf"]))
    by_name = {(f.gallery, f.kind, f.fusion, f.metric): f for f in values}
    assert len(by_name) == len(values)
    return by_name, engine.index


def test_every_way_to_ask_is_measured(figures):
    """By each fusion of everything, and by each part where there are several."""
    values, _ = figures
    alone = {"keyword alone", "text vector alone"}
    expected = {
        "text": {"linear", "rrf", *alone},
        "image": {"linear", "rrf"},
        "text + image": {"linear", "rrf", *alone, "text alone", "image alone"},
    }
    assert {gallery for gallery, *_ in values} == {"whole", "30% lost a part", "60% lost a part"}
    for kind, fusions in expected.items():
        assert {key[2] for key in values if key[1] == kind} == fusions
    compared = {key[1] for key in values if key[3] == BEST_SINGLE}
    assert compared == {"text", "text + image"}


def test_a_small_copy_and_its_words_are_found(figures):
    """On the whole gallery; only the held-out half is used."""
    values, _ = figures
    both = values["whole", "text + image", "linear", "nDCG@10"]
    assert both.value > 0.9
    assert both.low <= both.value <= both.high <= 1
    assert both.queries == 4
    assert values["whole", "image", "linear", "MRR"].value > 0.7


def test_what_is_lost_is_missed(figures):
    """An image alone finds fewer of those without one; with a text it finds more."""
    values, _ = figures
    image, both = (
        values["60% lost a part", kind, "linear", "recall@10"].value
        for kind in ("image", "text + image")
    )
    assert image < 1
    assert both == 1


def test_the_gain_is_that_over_the_best_single(figures):
    """The mean of the differences is the difference of the means."""
    values, _ = figures
    for gallery in ("whole", "60% lost a part"):
        best = max(
            figure.value
            for (where, kind, fusion, metric), figure in values.items()
            if (where, kind, metric) == (gallery, "text + image", "nDCG@10") and "alone" in fusion
        )
        value = values[gallery, "text + image", "linear", "nDCG@10"].value
        gain = values[gallery, "text + image", "linear", BEST_SINGLE].value
        assert gain == pytest.approx(value - best)


def test_nothing_remains_in_the_index(figures):
    """Nor while it goes on to the next gallery."""
    _, index = figures
    assert index.collections() == []


def test_an_item_that_can_not_be_read_is_an_error(judged_folder, engine):
    """With its id: figures of fewer items would be others."""
    judged_set = judged.read(judged_folder)
    bad = replace(judged_set, items=[judged_set.items[0].model_copy(update={"image": __file__})])
    with pytest.raises(InvalidInput, match="item red-circle"):
        next(evaluate(bad, engine, ["linear"]))
