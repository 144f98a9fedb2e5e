"""Heads: from pooled features to blocks."""

import hashlib

import numpy as np
import pytest

from triptych.encoders.image.heads import (
    CONCEPT,
    VISUAL_DIMS,
    ConSE,
    Described,
    VisualProjection,
    class_names,
    class_vectors,
    described_classes,
    sign_matrix,
    visual_layers,
)
from triptych.encoders.text.minilm import CARD


@pytest.fixture(scope="module")
def names(minilm, tmp_path_factory):
    """The class names in the space of the text encoder."""
    return class_vectors(minilm, described_classes(), tmp_path_factory.mktemp("cache"))


@pytest.fixture(scope="module")
def pooled():
    """Features like those of a network: not negative, mostly small."""
    return np.random.default_rng(3).gamma(0.5, 0.5, size=(40, 4064)).astype(np.float32)


def test_signs_are_the_same_bits_everywhere():
    """Pinned: a change would make every stored vector worthless."""
    matrix = sign_matrix(1280, 256, b"x")
    assert set(np.unique(matrix)) == {-1, 1}
    assert (
        hashlib.sha256(matrix.tobytes()).hexdigest()
        == "82b4cf0dee780e6a92f016cfa1c26952adde491ba5dabe753a046d5d05c67825"
    )
    assert not np.array_equal(matrix, sign_matrix(1280, 256, b"y"))
    assert abs(matrix.mean()) < 0.01


def test_the_projection_keeps_cosines(pooled):
    """Unit rows whose cosines, before they are centred, are close to those of the layers."""
    projection = VisualProjection()
    projection._centre = np.zeros(VISUAL_DIMS, np.float32)
    vectors = projection(pooled)
    assert vectors.shape == (40, VISUAL_DIMS)
    assert np.allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)
    layers = visual_layers(pooled)
    assert layers.shape == (40, 1152 + 1152 + 480)
    assert np.allclose(np.linalg.norm(layers, axis=1), np.sqrt(3), atol=1e-5)
    error = vectors @ vectors.T - layers @ layers.T / 3
    assert np.sqrt((error**2).mean()) < 0.08


def test_the_head_of_the_network_is_not_in_the_look(pooled):
    """What a picture shows is another block's business."""
    changed = pooled.copy()
    changed[:, :1280] = 0
    assert np.array_equal(visual_layers(changed), visual_layers(pooled))


def test_conse_is_a_convex_combination_of_the_likeliest():
    """Of 51 classes the fifty best count, weighted by softmax at half sharpness."""
    names = np.eye(51, 384, dtype=np.float32)
    bias = np.arange(51, dtype=np.float32)
    vectors = ConSE((np.zeros((51, 5), np.float32), bias), names)(np.ones((1, 5), np.float32))[0]
    shares = np.exp(bias / 2) * (np.arange(51) > 0)
    assert np.allclose(vectors[:51], shares / np.linalg.norm(shares), atol=1e-6)
    assert not vectors[51:].any()


def test_large_logits_do_not_overflow():
    """One class takes all."""
    bias = np.zeros(60, np.float32)
    bias[7] = 1e4
    names = np.eye(60, 384, dtype=np.float32)
    vectors = ConSE((np.zeros((60, 5), np.float32), bias), names)(np.ones((2, 5), np.float32))
    assert vectors[:, 7].tolist() == [1, 1]


def test_a_picture_is_found_by_words_nobody_wrote(efficientnet, minilm, names, clock):
    """The drawing of a clock is nearer to "clock" than to anything else."""
    concept = ConSE(efficientnet.classifier, names)(efficientnet.encode([clock]))
    assert np.linalg.norm(concept) == pytest.approx(1, abs=1e-5)
    words = minilm.encode(["clock", "a dog", "a cup of coffee", "piano"])
    cosines = words @ concept[0]
    assert cosines[0] > 0.7
    assert cosines[1:].max() < 0.4


@pytest.mark.parametrize("width", [0, 3])
def test_the_number_of_rows_is_kept(width, efficientnet, names, pooled):
    """Also none."""
    rows = pooled[:width]
    assert ConSE(efficientnet.classifier, names)(rows).shape == (width, CONCEPT.dims)
    wide = ConSE(efficientnet.classifier, np.ones((1000, 512), np.float32))
    assert wide(rows).shape == (width, 512)
    assert VisualProjection()(rows).shape == (width, VISUAL_DIMS)


def test_there_are_a_thousand_names():
    """In the order of the classifier."""
    names = class_names()
    assert len(names) == 1000
    assert names[0] == "tench"


class CountingEncoder:
    """Encodes texts by their length, and counts how often."""

    card = CARD

    def __init__(self) -> None:
        self.calls = 0
        self.texts = []

    def encode(self, batch):
        """One direction a length."""
        self.calls += 1
        self.texts += batch
        return np.eye(9, dtype=np.float32)[[len(text) for text in batch]]


def test_class_vectors_are_encoded_once(tmp_path):
    """The second process reads what the first wrote."""
    encoder = CountingEncoder()
    cache = tmp_path / "deep" / "cache"
    first = class_vectors(encoder, [Described("a"), Described("bb")], cache)
    second = class_vectors(encoder, [Described("a"), Described("bb")], cache)
    assert first.tolist() == second.tolist() == np.eye(9)[[1, 2]].tolist()
    assert encoder.calls == 1
    (path,) = cache.glob("*.npz")
    assert CARD.fingerprint in path.name
    assert CONCEPT.fingerprint in path.name


def test_a_text_is_encoded_once_beside_others_of_its_length(tmp_path):
    """However many classes share it."""
    encoder = CountingEncoder()
    classes = [Described("bb", ("a", "bb"), "dddd"), Described("a", ("ccc",)), Described("bb")]
    class_vectors(encoder, classes, tmp_path)
    assert encoder.texts == ["a", "bb", "ccc", "dddd"]


def test_half_a_cache_is_never_seen(tmp_path, monkeypatch):
    """A process that dies while it writes leaves no file of that name."""

    def die(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(np, "savez", die)
        with pytest.raises(KeyboardInterrupt):
            class_vectors(CountingEncoder(), [Described("a")], tmp_path)
    assert [file.suffix for file in tmp_path.iterdir()] == [".lock"]
    assert (
        class_vectors(CountingEncoder(), [Described("a")], tmp_path).tolist()
        == np.eye(9)[[1]].tolist()
    )


def test_synonyms_and_description_count_half(tmp_path):
    """Beside the name's 1, whatever the number of synonyms."""
    vectors = class_vectors(CountingEncoder(), [Described("a", ("bb", "cc"), "ddd")], tmp_path)
    expected = np.array([0, 1, 0.5, 0.5, 0, 0, 0, 0, 0]) / np.sqrt(1.5)
    assert np.allclose(vectors, expected)


def test_most_classes_are_described():
    """The first is the tench, in one sentence."""
    classes = described_classes()
    assert [entry.name for entry in classes] == class_names()
    assert "Tinca tinca" in classes[0].synonyms
    assert classes[0].description.startswith("A thick-bodied freshwater fish")
    assert sum(bool(entry.description) for entry in classes) > 900


def test_pictures_are_spread_around_the_centre(efficientnet, clock):
    """Unlike ones are not all alike: quantised vectors could not tell them apart."""
    draw = np.random.default_rng(3)
    noise = draw.integers(0, 256, (224, 224, 3), np.uint8)
    stripes = np.tile(np.repeat(np.array([[20], [230]], np.uint8), 8, axis=0), (14, 224))
    pictures = [clock, noise, np.repeat(stripes[..., np.newaxis], 3, axis=2), 255 - clock]
    vectors = VisualProjection()(efficientnet.encode(pictures))
    cosines = (vectors @ vectors.T)[np.triu_indices(4, 1)]
    assert np.median(cosines) < 0.3


def test_the_golden_vectors(efficientnet, names, clock):
    """The first numbers of both heads within 0.01: whole numbers round alike on all processors."""
    pooled = efficientnet.encode([clock])
    visual = VisualProjection()(pooled)[0]
    concept = ConSE(efficientnet.classifier, names)(pooled)[0]
    assert visual[:5] == pytest.approx([-0.0189, -0.0455, 0.0579, 0.05, -0.054], abs=0.01)
    assert concept[:5] == pytest.approx([-0.0628, 0.0546, -0.0346, -0.024, -0.0253], abs=0.01)
