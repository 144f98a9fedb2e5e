"""Visual words and VLAD: fitted encoders of local descriptors."""

import numpy as np
import pytest

from triptych.core.errors import InvalidInput
from triptych.encoders.artefacts import Artefact
from triptych.encoders.cards import unit_rows
from triptych.encoders.image import visual_words
from triptych.encoders.image.descriptors import describe
from triptych.encoders.image.visual_words import (
    CombinedWords,
    ORBWords,
    SIFTWords,
    SURFWords,
    ThreeWords,
    Vocabulary,
)
from triptych.encoders.image.vlad import (
    SURFVLAD,
    VLAD,
    RootSIFTVLAD,
    aggregate,
    fit_whitening,
)
from triptych.encoders.weights import WeightsError

MAKERS = [SIFTWords, SURFWords, ORBWords, CombinedWords, ThreeWords, RootSIFTVLAD, SURFVLAD]


WORDS = 128
DIMS = {"sift": 128, "rootsift": 128, "surf": 64, "orb": 256}


@pytest.fixture(scope="module", autouse=True)
def _small_vocabulary():
    """An eighth of the words, as there are but forty small drawings to learn from."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(visual_words, "WORDS", WORDS)
        yield


@pytest.fixture(scope="module")
def artefacts(drawings):
    """What each learns of the drawings."""
    return {maker: maker.fit(drawings) for maker in MAKERS}


@pytest.fixture(scope="module", params=MAKERS)
def encoder(request, artefacts):
    """Each encoder, through the bytes of its artefact."""
    return request.param.load(Artefact.from_bytes(artefacts[request.param].data))


def test_a_batch_is_the_same_as_one_by_one(encoder, drawings, blank):
    """Unit vectors in order; a picture without keypoints is a row of zeros."""
    batch = [drawings[0], blank, drawings[1][:90, :50]]
    rows = encoder.encode(batch)
    assert rows.dtype == np.float32
    assert rows.shape == (3, encoder.card.dims)
    assert np.linalg.norm(rows, axis=1) == pytest.approx([1, 0, 1], abs=1e-5)
    assert np.array_equal(rows, np.concatenate([encoder.encode([one]) for one in batch]))
    assert encoder.encode([]).shape == (0, encoder.card.dims)


def test_a_turned_picture_is_found(encoder, drawings):
    """By 90°, of forty pictures."""
    gallery = encoder.encode(drawings)
    turned = encoder.encode([np.rot90(picture).copy() for picture in drawings[:10]])
    assert ((turned @ gallery.T).argmax(axis=1) == np.arange(10)).all()


@pytest.mark.parametrize(
    ("maker", "least"), [(SIFTWords, 0.8), (SURFWords, 0.8), (RootSIFTVLAD, 0.6), (SURFVLAD, 0.6)]
)
def test_sift_and_surf_do_not_mind_turns_and_sizes(artefacts, drawings, maker, least):
    """The vector of a turned or enlarged picture is much the same."""
    encoder = maker.load(artefacts[maker])
    turned = np.rot90(drawings[3]).copy()
    larger = drawings[3].repeat(2, axis=0).repeat(2, axis=1)
    one, *others = encoder.encode([drawings[3], turned, larger])
    assert min(one @ other for other in others) > least


@pytest.mark.parametrize("maker", [SIFTWords, SURFWords, RootSIFTVLAD, SURFVLAD])
def test_a_seed_decides(artefacts, drawings, maker):
    """The same corpus and seed give the same bytes, whatever kind of iterable it is."""
    assert maker.fit(iter(drawings)).data == artefacts[maker].data
    assert maker.fit(drawings, seed=1).data != artefacts[maker].data


@pytest.mark.parametrize(
    ("maker", "message"),
    [(SIFTWords, "128 words"), (RootSIFTVLAD, "needs 32"), (SURFVLAD, "surf-vlad needs 32")],
)
def test_a_corpus_that_is_too_small(drawings, blank, maker, message):
    """A strip of a drawing and a blank page teach nothing."""
    with pytest.raises(InvalidInput, match=message):
        maker.fit([drawings[0][:60, :60], blank])


@pytest.mark.parametrize("maker", MAKERS)
def test_an_artefact_of_another(artefacts, maker):
    """It is refused."""
    other = ORBWords if maker is not ORBWords else SIFTWords
    with pytest.raises(WeightsError, match="fit it anew"):
        maker.load(artefacts[other])


def test_the_best_descriptor_answers(drawings):
    """f_k(x) = max_i g_k(x_i), computed the long way."""
    features = describe(drawings[0], "sift")
    words = features.vectors[:5]
    vocabulary = Vocabulary(words, np.ones(5, np.float32), 0.3)
    squares = ((features.vectors[:, np.newaxis] - words).astype(np.float64) ** 2).sum(axis=2)
    expected = np.exp(-squares / 0.3).max(axis=0)
    assert np.allclose(vocabulary.respond(features), expected, atol=1e-5)
    assert vocabulary.respond(features) == pytest.approx(1, abs=1e-5)


@pytest.mark.parametrize(
    ("combined", "makers"),
    [(CombinedWords, (SIFTWords, ORBWords)), (ThreeWords, (SIFTWords, SURFWords, ORBWords))],
)
def test_combined_is_the_greatest_over_extractors(artefacts, drawings, combined, makers):
    """Word by word, of extractors fitted alone on the same pictures."""
    batch = drawings[:3]
    alone = [maker.load(artefacts[maker]).encode(batch) for maker in makers]
    greatest = np.maximum.reduce(alone)
    greatest /= np.linalg.norm(greatest, axis=1, keepdims=True)
    assert np.allclose(combined.load(artefacts[combined]).encode(batch), greatest, atol=1e-5)


def test_vlad_sums_residuals(drawings):
    """Unit per word, then over all: words that are answered weigh the same."""
    features = describe(drawings[0], "rootsift")
    words = features.vectors[:4] * np.float32(0.9)
    blocks = np.linalg.norm(aggregate(features, words).reshape(4, 128), axis=1)
    assert np.allclose(blocks, 0.5, atol=1e-5)


def test_whitened_rows_have_equal_variance():
    """And no correlation, over what it was fitted on."""
    random = np.random.default_rng(0)
    rows = (random.normal(size=(40, 100)) * np.linspace(1, 3, 100)).astype(np.float32)
    mean, projection = fit_whitening(rows, 12)
    projected = (rows - mean) @ projection
    assert projection.shape == (100, 12)
    assert np.allclose(projected.T @ projected, np.eye(12) * (projected**2).sum() / 12, atol=1e-3)


def _drawn_artefact(maker):
    """Words, and a projection, that are drawn at random instead of learnt.

    What k-means learns depends on how a processor rounds: one keypoint more, and other words.
    """
    random = np.random.default_rng(0)
    values = {"pictures": 40, "seed": 0}
    if issubclass(maker, VLAD):
        words = random.normal(size=(64, DIMS[maker.kind])).astype(np.float32)
        arrays = {
            "words": unit_rows(words),
            "mean": np.zeros(words.size, np.float32),
            "whitening": random.normal(size=(words.size, 32)).astype(np.float32),
        }
        return Artefact(maker.base.name, maker.base.version, arrays, values)
    arrays = {}
    for kind in maker.kinds:
        words = random.normal(size=(WORDS, DIMS[kind])).astype(np.float32)
        arrays[f"{kind}.words"] = (
            (words > 0).astype(np.float32) if kind == "orb" else unit_rows(words)
        )
        arrays[f"{kind}.rarity"] = random.uniform(0.5, 1.5, WORDS).astype(np.float32)
    spreads = {kind: 16.0 if kind == "orb" else 0.2 for kind in maker.kinds}
    return Artefact(maker.base.name, maker.base.version, arrays, values | {"spreads": spreads})


@pytest.mark.parametrize(
    ("maker", "expected"),
    [
        (SIFTWords, (0.3705, 8.757, 0.936)),
        (SURFWords, (0.4325, 7.173, 0.928)),
        (ORBWords, (0.2401, 10.343, 0.973)),
        (CombinedWords, (0.2906, 10.124, 0.949)),
        (ThreeWords, (0.2518, 10.130, 0.961)),
        (RootSIFTVLAD, (0.4168, 4.590, 0.692)),
        (SURFVLAD, (0.4958, 4.622, 0.735)),
    ],
)
def test_golden_vectors(drawings, maker, expected):
    """Two drawings as they were when the encoders were written, without the order of words.

    A tenth is allowed: another processor rounds otherwise, which moves a few keypoints;
    another method moves these numbers much further.
    """
    one, other = maker.load(_drawn_artefact(maker)).encode(drawings[:2])
    measured = np.abs(one).max(), np.abs(one).sum(), one @ other
    assert measured == pytest.approx(expected, rel=0.1, abs=0.01)
