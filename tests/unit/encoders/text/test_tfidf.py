"""TF-IDF and its decomposition: texts by the words that a corpus tells apart."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from triptych.core.errors import InvalidInput
from triptych.encoders import registry
from triptych.encoders.artefacts import Artefact
from triptych.encoders.cards import unit_rows
from triptych.encoders.text.tfidf import CARD, DIMS, TfidfLSA
from triptych.encoders.weights import WeightsError

CORPUS = [
    "A red apple on a wooden table", "A green apple in a basket", "An apple tree in the garden",
    "A grand piano in a concert hall", "The piano stands in a hall", "A violin and a piano",
    "A dog runs in the garden", "Two dogs and a cat", "The cat sleeps on the table",
    "Une pomme rouge sur la table", "Der Hund schläft im Garten", "黒猫が寝ている", "白い猫",
]  # fmt: skip


@pytest.fixture(scope="module")
def artefact() -> Artefact:
    """What is learnt from the corpus."""
    return TfidfLSA.fit(CORPUS)


@pytest.fixture(scope="module")
def encoder(artefact) -> TfidfLSA:
    """The encoder from a file."""
    return TfidfLSA.load(Artefact.from_bytes(artefact.data))


def test_the_same_corpus_gives_the_same_bytes(artefact):
    """Read once, so an iterator will do."""
    assert TfidfLSA.fit(iter(CORPUS)).data == artefact.data
    assert TfidfLSA.fit(CORPUS[1:]).sha256 != artefact.sha256


def test_the_card_is_that_of_the_corpus(encoder, artefact):
    """As many dimensions as texts that differ; the artefact is among the weights."""
    assert encoder.card.dims == len(CORPUS) < DIMS
    assert encoder.card.weights == (artefact.sha256,)
    assert CARD.needs_fit
    assert isinstance(registry.load(artefact), TfidfLSA)


def test_words_that_go_together_are_near(encoder):
    """A stem is its word, and a word brings its company."""
    apple, apples, piano, hall = encoder.encode(["apple", "APPLES!", "piano", "a concert hall"])
    assert apple @ apples == pytest.approx(1, abs=1e-6)
    assert piano @ hall > 0.3
    assert abs(apple @ piano) < 0.1


def test_no_direction_is_lost(encoder):
    """With every direction, cosines are those of plain TF-IDF, done here by hand."""
    texts = [" ".join(dict.fromkeys(text.split())) for text in CORPUS[:9]]
    stems = [
        {"red", "appl", "wooden", "tabl"}, {"green", "appl", "basket"},
        {"appl", "tree", "garden"}, {"grand", "piano", "concert", "hall"},
        {"piano", "stand", "hall"}, {"violin", "piano"}, {"dog", "run", "garden"},
        {"two", "dog", "cat"}, {"cat", "sleep", "tabl"},
    ]  # fmt: skip
    # Of the other texts, "table" is English too, and "garten" is no "garden".
    counts = {word: sum(word in each for each in stems) for each in stems for word in each}
    counts["tabl"] += 1
    words = sorted(counts)
    idf = {word: 1 + np.log((1 + len(CORPUS)) / (1 + counts[word])) for word in words}
    rows = unit_rows(np.array([[idf[w] * (w in each) for w in words] for each in stems]))
    vectors = encoder.encode(texts)
    assert np.abs(vectors @ vectors.T - rows @ rows.T).max() < 1e-4


@pytest.mark.parametrize("text", ["", "!?…", "zebra", "the"])
def test_without_known_words_the_row_is_zero(encoder, text):
    """Nothing was found: the vector is zeros."""
    assert not encoder.encode([text]).any()


@settings(max_examples=50, deadline=None)
@given(st.lists(st.sampled_from(CORPUS) | st.text(max_size=40), max_size=8))
def test_a_batch_is_the_same_as_one_by_one(texts):
    """Bit for bit; units or zeros."""
    encoder = TfidfLSA.load(_FITTED)
    together = encoder.encode(texts)
    assert together.shape == (len(texts), encoder.card.dims)
    assert together.dtype == np.float32
    norms = np.linalg.norm(together, axis=1)
    assert np.all((np.abs(norms - 1) < 1e-5) | (norms == 0))
    assert all(
        np.array_equal(encoder.encode([t])[0], r) for t, r in zip(texts, together, strict=True)
    )


_FITTED = TfidfLSA.fit(CORPUS)


def test_the_golden_text(encoder):
    """Five cosines within 1e-4: signs of directions are free, rounding is the machine's."""
    query, *others = encoder.encode(["apple on the table", *CORPUS[:3], CORPUS[8], CORPUS[3]])
    cosines = [float(query @ other) for other in others]
    assert cosines == pytest.approx([0.81512, 0.45131, 0.47551, 0.47551, 0.0], abs=1e-4)


@pytest.mark.parametrize(
    ("corpus", "dims"),
    [(["cat"], 1), (["cat dog"], 1), (["a cat", "a cat", "two dogs"], 2), (["", "cat", "!?"], 1)],
)
def test_of_a_small_corpus_there_are_few_dimensions(corpus, dims):
    """No more than texts that differ; rounding errors are none."""
    encoder = TfidfLSA.load(TfidfLSA.fit(corpus))
    assert encoder.card.dims == dims
    assert np.linalg.norm(encoder.encode(["cat"])) == pytest.approx(1)


@pytest.mark.parametrize("corpus", [[], [""], ["", "…"]])
def test_a_corpus_without_words_is_refused(corpus):
    """There is nothing to learn."""
    with pytest.raises(InvalidInput, match="texts with words"):
        TfidfLSA.fit(corpus)


def test_what_another_encoder_learnt_is_refused():
    """By its name."""
    with pytest.raises(WeightsError, match="artefact is of other"):
        TfidfLSA.load(Artefact("other", 1, {}))


@pytest.mark.parametrize(
    ("text", "count", "expected"),
    [
        ("The old piano plays; two Pianos play in the hall of the piano", 2, ["plays", "piano"]),
        ("An apple on a table", 5, ["apple", "table"]),
        ("Zebra, apple and xylophone", 3, ["zebra", "xylophone", "apple"]),
        ("Die Straße nach Köln", 9, ["straße", "köln"]),
        ("黒猫が寝ている", 1, ["黒"]),
        ("!?…", 5, []),
        ("piano", 0, []),
    ],
)
def test_keywords_are_what_the_corpus_lacks(encoder, text, count, expected):
    """Words as they were written, rarest first; of equals the first."""
    assert encoder.keywords(text, count) == expected


def test_keywords_of_equal_weight_keep_their_order(encoder):
    """The order of the text."""
    assert encoder.keywords("alpha beta gamma", 2) == ["alpha", "beta"]
    assert encoder.keywords("gamma beta alpha", 2) == ["gamma", "beta"]


@settings(max_examples=50, deadline=None)
@given(st.text(max_size=100))
def test_any_text_has_keywords_or_none(text):
    """Never one twice, never more than requested."""
    keywords = TfidfLSA.load(_FITTED).keywords(text, 3)
    assert len(keywords) == len(set(keywords)) <= 3
    assert all(keywords)
