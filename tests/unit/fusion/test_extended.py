"""What a collection has learnt as a part of its layout, of its items and of queries."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

import learnt
from support import layout
from triptych.core.errors import FingerprintMismatch, InvalidInput, ModelUnavailable
from triptych.core.settings import Encoders
from triptych.encoders.cards import unit_rows
from triptych.fusion import extended as module
from triptych.fusion import models
from triptych.fusion.blocks import JOINT, Layout, fuse
from triptych.fusion.extended import Learnt, extended
from triptych.fusion.features import Features
from triptych.fusion.layout import encoders_of, make_layout
from triptych.fusion.query import WEIGHTS, fuse_query
from triptych.fusion.scores import score
from triptych.fusion.signals import Candidate
from triptych.fusion.strategies.block import BlockFusion
from triptych.fusion.strategies.comparison import check_gains, compare
from triptych.fusion.strategies.trials import make_trials
from triptych.index.origin import origin, read_origin

BASE = layout()
FUSION = learnt.fusion(BASE)
CLASSIFIER = learnt.classifier(
    BASE, {"a": np.eye(1, BASE.dims)[0], "b": np.eye(1, BASE.dims, 1)[0]}
)
BOTH = Learnt.of(BASE, [CLASSIFIER, FUSION])


@pytest.fixture
def items() -> Features:
    """Twenty-eight items: every set of text, image and audio four times."""
    draw = np.random.default_rng(1)
    rows = []
    for row in range(28):
        parts = {
            part for bit, part in enumerate(("text", "image", "audio")) if (row % 7 + 1) >> bit & 1
        }
        rows.append({
            block.name: unit_rows(draw.normal(size=(1, block.dims)))[0]
            for block in BASE.blocks if block.part in parts
        })  # fmt: skip
    return Features.of(fuse(rows, BASE), BASE)


def test_the_layout_has_a_block_and_names_its_models():
    """Its fingerprint depends on each of them; that of the base is what it was."""
    only, none = extended(BASE, [FUSION]), extended(BASE, [])
    assert none.fingerprint == BASE.fingerprint == BOTH.layout.base.fingerprint
    assert BOTH.layout.models == (FUSION.reference, CLASSIFIER.reference)
    assert only.models == (FUSION.reference,)
    other = extended(BASE, [learnt.fusion(BASE, share=0.3)])
    assert len({one.fingerprint for one in (BASE, BOTH.layout, only, other)}) == 4
    assert (only.joint.name, only.joint.share, only.dims) == (JOINT, 0.4, BASE.dims + learnt.DIMS)
    assert only.encoders[JOINT].startswith(FUSION.reference)
    assert BOTH.layout.encoders["predictions"] == CLASSIFIER.reference
    assert encoders_of(BOTH.layout) == encoders_of(BASE)


def test_an_index_keeps_it():
    """With share and classifier; the scales are those of this process."""
    kept = origin(BOTH.layout)
    found = read_origin("c", kept, BASE)
    assert found.layout == BOTH.layout
    other = make_layout(Encoders(visual="hsv-histogram"), None)
    theirs = read_origin("c", kept, other)
    assert theirs.layout.fingerprint == BOTH.layout.fingerprint
    assert theirs.layout.joint == BOTH.layout.joint
    assert "joint was attention@" in "; ".join(theirs.changes(other))


def test_models_that_do_not_fit_are_refused():
    """Two of a kind, of another layout, or on top of others."""
    with pytest.raises(InvalidInput, match="one fusion at most"):
        extended(BASE, [FUSION, learnt.fusion(BASE, seed=1)])
    other = make_layout(Encoders(visual="hsv-histogram"), None)
    with pytest.raises(FingerprintMismatch, match="train it anew"):
        extended(other, [FUSION])
    with pytest.raises(InvalidInput, match="has models already"):
        extended(BOTH.layout, [])


def test_joint_vectors_and_predictions_of_items(items):
    """The network's own, of length one; nothing where nothing is known of an item."""
    fused = np.concatenate([items.vectors, np.zeros((1, BASE.dims), np.float32)])
    whole = BOTH.extend(fused)
    assert (whole.dtype, whole.shape) == (np.float32, (29, BOTH.layout.dims))
    np.testing.assert_array_equal(whole[:, : BASE.dims], fused)
    np.testing.assert_allclose(np.linalg.norm(whole[:28, BASE.dims :], axis=1), 1, atol=1e-5)
    assert not whole[28].any()
    stored = BOTH.extend(fused.astype(np.float16).astype(np.float32))
    np.testing.assert_array_equal(stored[:, BASE.dims :], whole[:, BASE.dims :])
    found = BOTH.predictions(fused)
    assert found[28] is None
    logits = fused[:28, :2].astype(np.float16).astype(np.float32)
    assert [one.label for one in found[:28]] == ["ab"[row.argmax()] for row in logits]
    assert Learnt.of(BASE, [FUSION]).predictions(fused) == [None] * 29


def test_a_part_of_a_query_is_fused_alone(items):
    """As an item that has this part only; blocks of other parts change nothing."""
    image = {
        block.name: items.block(block.name)[1] for block in BASE.blocks if block.part == "image"
    }
    alone = items.rows(np.array([1])).only(["image"])
    np.testing.assert_allclose(
        BOTH.query(image), BOTH.extend(alone.vectors)[0, BASE.dims :], atol=1e-6
    )
    assert BOTH.completed({}) == {}
    assert set(BOTH.completed(image)) == {*image, JOINT}


def query(parts: dict, into: Layout = BOTH.layout, **options):
    """A query of some parts, complete."""
    vectors = {part: BOTH.completed(blocks) for part, blocks in parts.items()}
    return fuse_query(vectors, WEIGHTS, into, **options)


def parts_of(items: Features, row: int, *names: str) -> dict:
    """The blocks that an item has, by its parts."""
    return {
        part: {block.name: items.block(block.name)[row] for block in BASE.blocks
               if block.modality == part and items.block(block.name)[row].any()}
        for part in names
    }  # fmt: skip


def test_a_signal_gives_the_joint_block_its_share(items):
    """And keeps its weight; with a share of one the other blocks are left out."""
    parts = parts_of(items, 6, "text", "image")
    plain, fused = query(parts, BASE), query(parts)
    for signal in ("text", "image"):
        weight = sum(term.weight for term in plain.terms if term.signal == signal)
        joint = [t.weight for t in fused.terms if (t.signal, t.block) == (signal, JOINT)]
        others = sum(t.weight for t in fused.terms if t.signal == signal and t.block != JOINT)
        assert joint == [pytest.approx(0.4 * weight)]
        assert others == pytest.approx(0.6 * weight)
    whole = extended(BASE, [learnt.fusion(BASE, share=1)])
    assert {term.block for term in query(parts, whole).terms} == {JOINT}


def test_every_item_has_the_joint_block(items):
    """So a picture looks at all parts: seven presence classes, each with the divisor of its own."""
    fused = query(parts_of(items, 1, "image"))
    classes = fused.presence_classes()
    assert len(classes) == 7
    assert len(query(parts_of(items, 1, "image"), BASE).presence_classes()) < 7
    (audio,) = (one for one in classes if one.present == ("audio",))
    joint = sum(term.weight for term in fused.terms if term.block == JOINT)
    assert fused.mass(frozenset({"audio"})) == pytest.approx(joint)
    where = BOTH.layout.slices[JOINT]
    np.testing.assert_allclose(
        audio.vector[where], fused.vector()[where] / np.sqrt(joint), rtol=1e-5
    )


def candidates(items: Features) -> list[Candidate]:
    """The items as an index returns them."""
    whole = BOTH.extend(items.vectors)
    return [
        Candidate(f"{row:02}", frozenset(p for p in items.parts if items.has(p)[row]), None, {},
                  whole[row])
        for row in range(len(items))
    ]  # fmt: skip


def test_the_served_score_as_a_strategy(items):
    """That of search, with reasons that add up, of items with joint vectors or without."""
    strategy = BlockFusion(BOTH.layout, BOTH)
    asked = items.rows(np.array([6])).only(["text", "image"])
    fused = query(parts_of(items, 6, "text", "image"))
    expected = np.zeros(len(items))
    for scored in score(fused, candidates(items), "linear"):
        assert JOINT in scored.why["text"].blocks
        assert sum(why.contribution for why in scored.why.values()) == pytest.approx(scored.score)
        expected[scored.index] = scored.score
    np.testing.assert_allclose(strategy.scores(asked, items)[0], expected, atol=1e-6)
    explained = strategy.explain(asked, items)
    np.testing.assert_allclose(explained.scores, expected, atol=1e-6)
    np.testing.assert_allclose(sum(explained.shares.values()), expected, atol=1e-9)
    np.testing.assert_allclose(strategy.fuse_query(asked)[0], fused.vector(), atol=1e-6)
    stale = Features.of(BOTH.extend(items.vectors)[::-1], BOTH.layout)  # the joint one of another
    np.testing.assert_array_equal(
        strategy.scores(stale, stale), strategy.scores(stale.base, stale.base)
    )
    with pytest.raises(InvalidInput, match="is not open"):
        BlockFusion(BOTH.layout)


def test_old_and_new_answer_the_same_trials(items):
    """Whether their features have joint vectors or not."""
    trials = make_trials(Features.of(BOTH.extend(items.vectors), BOTH.layout), np.arange(28))
    old, new = BlockFusion(BASE), BlockFusion(BOTH.layout, BOTH)
    check_gains("the new", compare(old, new, trials))
    differ = [
        np.abs(new.scores(one.queries, one.items) - old.scores(one.queries, one.items)).max()
        for one in trials
    ]
    assert min(differ) > 0.01


def test_features_without_a_computed_block(items):
    """It belongs to no part, and some parts of an item have another one."""
    whole = Features.of(BOTH.extend(items.vectors), BOTH.layout)
    np.testing.assert_array_equal(whole.base.vectors, items.vectors)
    assert whole.parts == items.parts
    assert not whole.only(whole.parts).block(JOINT).any()
    assert items.base is items


def test_models_are_opened_from_the_store(store):
    """Once in a process; what can't be run says which model, and why."""
    with pytest.raises(ModelUnavailable, match=f"{FUSION.reference}.*is not in this media store"):
        Learnt.open(BOTH.layout, store)
    for model in (FUSION, CLASSIFIER):
        models.save(store, model)
    damaged = bytearray(FUSION.data)
    damaged[-40] ^= 1
    name = f"attention-{FUSION.fingerprint}.onnx"
    store.write_document(models.FOLDER, name, bytes(damaged))
    with pytest.raises(ModelUnavailable, match="was changed"):
        Learnt.open(BOTH.layout, store)
    models.save(store, FUSION)
    opened = Learnt.open(BOTH.layout, store)
    assert opened.layout == BOTH.layout
    store.delete_document(models.FOLDER, name)
    assert Learnt.open(BOTH.layout, store) is opened


def test_a_model_without_finite_numbers_is_not_used(items):
    """Rather than written into an index."""
    broken = replace(BOTH, fusion=lambda some: np.full((len(some), learnt.DIMS), np.nan))
    with pytest.raises(ModelUnavailable, match=f"{FUSION.reference}.*not finite"):
        broken.extend(items.vectors)
    classifier = SimpleNamespace(predict=lambda _: [SimpleNamespace(probability=np.nan)])
    with pytest.raises(ModelUnavailable, match=f"{CLASSIFIER.reference}.*not finite"):
        replace(BOTH, classifier=classifier).predictions(items.vectors)


@pytest.fixture(autouse=True)
def nothing_is_open():
    """What other tests have opened."""
    module._OPEN.clear()
