"""Tuning a weight for each part on few judged queries."""

import numpy as np
import pytest

from support import layout
from triptych.evaluation import judgements
from triptych.evaluation.fusions import Values
from triptych.evaluation.judgements import curves, mixes
from triptych.evaluation.table import Group, ndcg, scores
from triptych.evaluation.tuning import present


def planted(seed: int, count: int = 40) -> Group:
    """Queries that only their text finds; what the pictures say is noise, and loud."""
    draw = np.random.default_rng(seed)
    grades = 2 * np.eye(count, dtype=np.int64)
    text = draw.uniform(0.2, 0.6, (count, count)) + 0.3 * (grades > 0)
    cosines = {
        ("text", "semantic", "semantic"): text.astype(np.float32),
        ("image", "visual", "visual"): draw.uniform(-0.2, 1, (count, count)).astype(np.float32),
    }
    whole = dict.fromkeys(("text", "image"), np.ones(count, np.bool_))
    names = [f"q{row}" for row in range(count)]
    return Group("text + image", "whole", whole, cosines, None, grades, layout(), names)


def test_mixes_sum_to_one_and_begin_with_the_default():
    """In steps of a twentieth, of three parts of a tenth."""
    two, three = mixes(["image", "text"]), mixes(["audio", "image", "text"])
    assert two[0] == {"image": 0.5, "text": 0.5}
    assert len(two) == 21
    assert two[-1] in ({"image": 0.0, "text": 1.0}, {"image": 1.0, "text": 0.0})
    assert set(three[0].values()) == {1 / 3}
    assert len(three) == 67
    for mix in (*two, *three):
        assert sum(mix.values()) == pytest.approx(1)


def test_tuning_finds_that_pictures_are_noise(monkeypatch):
    """More judged queries gain more, and surely so; ``auto`` is the default here."""
    monkeypatch.setattr(judgements, "DRAWS", 200)
    training, held = planted(0), planted(1)
    default = ndcg(held, scores(held, present(layout()), held.signals))
    backwards = held.queries[::-1]  # values are joined by id, not by their order
    values = Values("s", "whole", "text + image", backwards, {"auto": default[::-1]}, {})
    found = list(curves({"training": [training], "held-out": [held]}, [values]))
    assert [one.judged for one in found] == [5, 10, 20, 40]
    for one in found:
        assert one.default == one.auto == pytest.approx(default.mean())
        assert one.over_default == one.over_auto
        assert one.over_default[1] <= one.over_default[0] <= one.over_default[2]
        assert one.value == pytest.approx(one.default + one.over_default[0])
    assert found[-1].over_default[1] > 0
    assert found[0].over_default[0] <= found[-1].over_default[0] + 0.01
    text = ndcg(held, scores(held, present(layout()), ("text",)))
    assert found[-1].value == pytest.approx(text.mean(), abs=0.05)


def test_queries_of_one_part_are_not_tuned():
    """There is nothing to weigh."""
    group = planted(0)
    key = ("text", "semantic", "semantic")
    alone = Group("text", "whole", group.present, {key: group.cosines[key]}, None, group.grades,
                  layout(), group.queries)  # fmt: skip
    values = Values("s", "whole", "text", group.queries, {"auto": np.ones(40)}, {})
    assert not list(curves({"training": [alone], "held-out": [alone]}, [values]))
