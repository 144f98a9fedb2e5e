"""Strategies on judged queries, beside the ways of searches."""

import numpy as np
import pytest

from triptych.encoders.cards import unit_rows
from triptych.evaluation import judged, learned
from triptych.evaluation.fusions import measured
from triptych.evaluation.queries import encode_set
from triptych.fusion.strategies.projected import Projected


@pytest.fixture(scope="module")
def encoded(judged_folder, engine):
    """Eight drawings and their queries."""
    return encode_set(engine, judged.read(judged_folder))


def test_a_strategy_is_one_more_way(encoded, engine, monkeypatch):
    """Fitted on the items of the training half, and asked the held-out queries."""
    seen = []

    def fitted(name, training, seed):
        seen.append({key for content in training.contents for key in content})
        yield Projected(training.features.layout)

    monkeypatch.setattr(learned, "fitted", fitted)
    halves = {item.id: "training" if item.id.startswith(("red", "green")) else "held-out"
              for item in encoded.gallery.items}  # fmt: skip
    ways = learned.ways(encoded, halves, ("mean",))
    values = [one for one in measured(encoded, engine, ways) if one.gallery == "whole"]
    assert {one.kind for one in values} == {"text", "image", "text + image"}
    for one in values:
        assert len(one.ways["mean of vectors"]) == len(one.queries) == 4
    assert len(seen) == 3
    captions = {key for key in seen[0] if " " in key}
    assert captions == {f"a {c} {s}." for c in ("red", "green") for s in ("circle", "square")}


def test_scores_are_plain_arithmetic(encoded, engine, monkeypatch):
    """Of vectors and words, and less what hits should not be like."""
    layout = engine.layout
    asker = learned._Asker(Projected(layout), learned.features_of(encoded.gallery))
    (query,) = [one for one in encoded.queries["held-out"]
                if one.query.id == "blue-circle:text+image"]  # fmt: skip

    class Asked:
        encoded = query
        signals = ()

    strategy = Projected(layout)
    items = strategy.fuse(learned.features_of(encoded.gallery))
    parts = [strategy.fuse(learned._features({part: blocks}, layout))[0]
             for part, blocks in query.encoded.vectors.items()]  # fmt: skip
    np.testing.assert_allclose(asker(Asked), items @ (parts[0] + parts[1]) / 2, atol=1e-6)
    assert np.allclose(np.linalg.norm(unit_rows(items), axis=1), 1)
