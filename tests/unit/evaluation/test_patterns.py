"""Every pattern of query and item, recomputed by other ways."""

from dataclasses import replace

import numpy as np
import pytest

import learnt
from support import layout
from triptych.core.item import MODALITIES
from triptych.encoders.cards import unit_rows
from triptych.evaluation import judged, patterns
from triptych.evaluation.galleries import encode_items, losing
from triptych.evaluation.patterns import PATTERNS, WORDS, Blocks, Questions, Way, ranked
from triptych.evaluation.strategies import Stamps, features_of
from triptych.fusion.blocks import fuse
from triptych.fusion.extended import Learnt
from triptych.fusion.features import Features
from triptych.fusion.query import KEYWORD, WEIGHTS
from triptych.fusion.scores import score
from triptych.fusion.signals import Candidate
from triptych.fusion.strategies.block import BlockFusion
from triptych.fusion.strategies.projected import Projected
from triptych.index.model import Words
from triptych.search.parts import EncodedPart
from triptych.search.syntax import parse


@pytest.fixture(scope="module")
def stamps(gallery) -> Stamps:
    """Forty items; every two are of one caption."""
    queries = features_of(gallery).only(["text"])
    contents = [[f"caption {row // 2}"] for row in range(40)]
    return Stamps(gallery, contents, ["x"] * 40, np.arange(40), queries, np.eye(40, dtype=np.bool_))


@pytest.fixture(scope="module")
def questions(gallery, stamps) -> Questions:
    """Noisy copies of the parts of every second item, and words that some items have."""
    draw, features = np.random.default_rng(3), features_of(gallery)
    rows = np.arange(0, 40, 2)
    parts = [
        {
            modality: EncodedPart(str(row), {
                block.name: unit_rows(
                    [features.block(block.name)[row] + 0.1 * draw.normal(size=block.dims)])[0]
                for block in layout().blocks if block.modality == modality
            }, parse("red cat", "en").words if modality == "text" else Words())
            for modality in MODALITIES if gallery.items[row].has(modality)
        }
        for row in rows
    ]  # fmt: skip
    red, cat = parse("red cat", "en").words.labels
    best = Candidate("", frozenset(), 4.0, {red: 2.5, cat: 1.5}, np.zeros(0, np.float16))
    other = replace(best, keyword=2.5, words={red: 2.5})
    words = [{row: best, (row + 3) % 40: other, (row + 5) % 40: other} for row in rows.tolist()]
    groups = stamps.examples().groups
    return Questions(rows, parts, words, groups[rows][:, None] == groups[None, :], layout())


def views(gallery, questions) -> list[Features]:
    return [features_of(gallery).rows(questions.rows).only(pattern) for pattern in PATTERNS]


def rank(scores: list[float], right: float) -> int:
    """How many others are as good, and one."""
    return 1 + sum(other >= right for other in scores)


def test_block_fusion_ranks_as_search_does(gallery, questions):
    """By each method, of candidates among which the right item has one pattern only."""
    poorer = losing(gallery, 0.6)
    features = features_of(poorer).vectors.astype(np.float16)
    own = features_of(gallery)
    blocks = Blocks(questions, poorer, views(gallery, questions))
    asked = 0
    for question, row in enumerate(questions.rows.tolist()):
        for query, item in ((0, 0), (3, 0), (3, 1), (3, 3), (4, 5), (6, 2), (6, 6), (5, 4)):
            pattern, left = PATTERNS[query], PATTERNS[item]
            if not {*pattern, *left} <= set(questions.parts[question]):
                assert np.isnan(blocks.ranks[Way("sum")][question, query, item])
                continue
            found = questions.words[question]
            candidates = [
                Candidate(
                    one.id,
                    frozenset(part for part in MODALITIES if one.has(part)),
                    found[other].keyword if other in found and one.has("text") else None,
                    found[other].words if other in found and one.has("text") else {},
                    features[other],
                )
                for other, one in enumerate(poorer.items) if not questions.equal[question, other]
            ]  # fmt: skip
            vector = own.rows(np.array([row])).only(left).vectors[0].astype(np.float16)
            worded = "text" in left
            right = Candidate("zz", frozenset(left), 4.0 if worded else None,
                              found[row].words if worded else {}, vector)  # fmt: skip
            for way, method in ((Way("sum"), "linear"), (Way("product"), "product"),
                                (Way("sum", True), "linear"), (Way("product", True), "product"),
                                (Way("auto", True), "auto")):  # fmt: skip
                if way.worded and "text" not in pattern:
                    assert np.isnan(blocks.ranks[way][question, query, item])
                    continue
                weights = WEIGHTS if way.worded else {**WEIGHTS, KEYWORD: 0.0}
                fused = questions.request(question, pattern).weighted(weights).fused
                every = score(fused, [*candidates, right], method, explain=False)
                by_index = {one.index: one.score for one in every}
                expected = rank([by_index[n] for n in range(len(candidates))],
                                by_index[len(candidates)])  # fmt: skip
                assert blocks.ranks[way][question, query, item] == expected, (way, query, item)
                asked += 1
    assert asked > 200


def test_a_strategy_ranks_as_plain_arithmetic_does(gallery, questions):
    """Cosines of means of projected blocks, one by one; words have a share of the score."""
    strategy, items = Projected(layout()), features_of(gallery)
    table = patterns.by_strategy(strategy, questions, items, views(gallery, questions))
    words = Blocks(questions, gallery, views(gallery, questions)).words
    alone = ranked(table, len(questions))
    beside = ranked(patterns.beside_words(table, words), len(questions))
    fused = strategy.fuse(items)
    for question, row in enumerate(questions.rows.tolist()):
        parts = questions.parts[question]
        if not {"text", "image"} <= set(parts):
            continue
        each = [strategy.fuse(Features.of(fuse([parts[part].blocks], layout()), layout()))[0]
                for part in ("text", "image")]  # fmt: skip
        vector = (each[0] + each[1]) / 2
        picture = strategy.fuse(items.rows(np.array([row])).only(["image"]))[0]
        others = [n for n in range(40) if n // 2 != row // 2]
        cosines = [float(fused[n] @ vector) for n in others]
        assert alone[question, 3, 1] == rank(cosines, float(picture @ vector))
        # Two of the others may have one of both words: without the right one's text they are best.
        found = questions.words[question]
        share = 0.5 / 2.5
        covered = 1 / len(questions.request(question, ("text",)).words.labels)
        said = [share * covered * (n in found and gallery.items[n].has("text")) for n in others]
        worded = [(1 - share) * a + b for a, b in zip(cosines, said, strict=True)]
        assert beside[question, 3, 1] == rank(worded, (1 - share) * float(picture @ vector))


def test_a_learnt_model_ranks_as_it_is_served(gallery, questions):
    """Of the questions that are asked, as block fusion of the extended layout scores them."""
    served = Learnt.of(layout(), [learnt.fusion(layout(), share=0.4)])
    asked = np.arange(len(questions)) % 2 == 0
    blocks = Blocks(questions, gallery, views(gallery, questions), served, asked)
    assert set(blocks.ranks) == {Way("sum"), Way("sum", worded=True), Way(WORDS, worded=True)}
    strategy, own = BlockFusion(served.layout, served), features_of(gallery)
    some = 0
    for query, item in ((0, 0), (3, 1), (1, 0), (6, 3), (4, 6)):
        found = blocks.ranks[Way("sum")][:, query, item]
        assert np.isnan(found[~asked]).all()
        for question in np.flatnonzero(~np.isnan(found)).tolist():
            row = np.array([questions.rows[question]])
            vector = questions.features.rows(np.array([question])).only(PATTERNS[query])
            scores = strategy.scores(vector, own)[0][~questions.equal[question]]
            right = strategy.scores(vector, own.rows(row).only(PATTERNS[item]))[0, 0]
            # The index keeps float16: scores of two items may be equal but for that.
            close = (np.abs(scores - right) < 1e-3).sum()
            assert abs(found[question] - rank(scores.tolist(), right)) <= close
            some += 1
    assert some > 20


def test_nothing_of_a_fold_is_fitted_on(stamps, questions, monkeypatch):
    """Each question is asked of what was fitted on the captions of other folds."""
    seen = []

    def note(name, training, seed):
        seen.append({key for content in training.contents for key in content})
        yield Projected(layout())

    asked = []
    by_strategy = patterns.by_strategy

    def ask(strategy, questions, items, views):
        asked.append(set())
        return by_strategy(strategy, questions, items, views)

    monkeypatch.setattr(patterns, "fitted", note)
    monkeypatch.setattr(patterns, "by_strategy", ask)
    folds = patterns.folds(stamps.examples())
    ranks = list(patterns.run(stamps, questions, (0.0,), ("mean",)))
    assert len(seen) == len(asked) == patterns.FOLDS
    for fold, training in enumerate(seen):
        held = {f"caption {row // 2}" for row in np.flatnonzero(folds == fold)}
        assert not training & held
        assert training | held == {f"caption {row}" for row in range(20)}
    (mean,) = [one for one in ranks if one.way == Way("mean")]
    assert not np.isnan(mean.values[:, 0, 0][[("text" in p) for p in questions.parts]]).any()


def test_questions_are_made_of_the_parts_of_judged_queries(judged_folder, engine):
    """Those of the held-out half, with the items that their words find."""
    read = judged.read(judged_folder)
    gallery = encode_items(engine, read.items)
    names = [item.id for item in gallery.items]
    features = features_of(gallery)
    stamps = Stamps(gallery, [[name] for name in names], names, np.arange(8), features,
                    np.eye(8, dtype=np.bool_))  # fmt: skip
    kinds = {"text": "text", "image": "image"}
    questions = patterns.load(engine, stamps, read, kinds)
    assert {names[row] for row in questions.rows} == {
        f"{colour}-{shape}" for colour in ("blue", "black") for shape in ("circle", "square")
    }
    assert all(set(parts) == {"text", "image"} for parts in questions.parts)
    for row, found in zip(questions.rows.tolist(), questions.words, strict=True):
        assert max(found, key=lambda one: found[one].keyword) == row
    blocks = Blocks(questions, gallery, views(gallery, questions))
    assert blocks.ranks[Way("sum", worded=True)][:, 3, 3].tolist() == [1, 1, 1, 1]
    assert np.isnan(blocks.ranks[Way("sum")][:, 2]).all(), "nothing has a sound"
