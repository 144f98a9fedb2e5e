"""Long texts in passages."""

import time
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from triptych.encoders.passages import LEAD, MOST, InPassages, passages, pooled

READ = 100
SENTENCES = [f"Sentence {number} says what it says." for number in range(1_000)]


class Reader:
    """Reads so many characters, and counts how often it is asked."""

    asked = 0

    def __call__(self, text: str) -> int:
        """At most ``READ``."""
        self.asked += 1
        return min(len(text), READ)


def cut(text: str, **options: int) -> list[str]:
    """The passages as texts."""
    return [text[start:end] for start, end in passages(text, Reader(), **options)]


def test_a_text_that_is_read_as_a_whole_is_one_passage():
    """Also a very long one, of an encoder that reads all; an empty one, too."""
    assert cut("") == [""]
    assert cut("x" * READ) == ["x" * READ]
    long = "word " * 20_000
    assert passages(long, len) == [(0, len(long))]


def test_passages_end_with_sentences():
    """Nothing is lost between them but spaces."""
    text = " ".join(SENTENCES[:20])
    found = cut(text, most=1_000)
    assert " ".join(found).replace("  ", " ") == text
    assert all(passage.rstrip().endswith("says.") for passage in found)
    assert all(len(passage) <= READ for passage in found)
    assert len(found) == 7


@pytest.mark.parametrize(
    ("text", "first"),
    [
        ("A line of words\n" * 4 + "\n" + "A line of words\n" * 9, "A line of words\n" * 4 + "\n"),
        ("あ" * 70 + "。" + "い" * 70, "あ" * 70 + "。"),
        ("a line\n" * 40, "a line\n" * 14),
        ("word " * 50, "word " * 20),
        ("x" * 250, "x" * 100),
    ],
    ids=["paragraph", "sentence", "line", "word", "nothing"],
)
def test_where_passages_end(text, first):
    """With the greatest thing that ends late enough."""
    assert cut(text)[0] == first


def test_a_very_long_text_is_read_here_and_there():
    """From its beginning to its end, evenly; the work does not grow with the text."""
    counts = []
    for length in (300, 1_000):
        text, reader = " ".join(SENTENCES[:length]), Reader()
        spans = passages(text, reader, most=8)
        counts.append(reader.asked)
        assert len(spans) == 8
        assert (spans[0][0], spans[-1][1]) == (0, len(text))
        assert all(text[start:end].startswith("Sentence") for start, end in spans)
        gaps = np.diff([start for start, _ in spans])
        assert gaps.max() < 1.1 * gaps.min() + READ
    assert counts == [17, 17]


@settings(max_examples=300)
@given(st.text("ab.\n 。é", max_size=600), st.integers(1, 6))
def test_passages_are_in_order_and_apart(text, most):
    """Whatever the text is."""
    spans = passages(text, Reader(), most=most)
    assert 1 <= len(spans) <= most
    for start, end in spans:
        assert 0 <= start <= end <= len(text)
        assert end - start <= READ
    assert all(before[0] < after[0] for before, after in pairwise(spans))
    if len(spans) < most:
        covered = "".join(text[start:end] for start, end in spans)
        assert covered.replace(" ", "").replace("\n", "") == text.replace(" ", "").replace("\n", "")


def test_short_texts_have_the_vectors_that_they_had(minilm):
    """To the last bit."""
    texts = ["a dog", "A red apple on a wooden table.", "x" * 300, "日本語", "word " * 200]
    assert InPassages(minilm).card == minilm.card
    assert np.array_equal(InPassages(minilm).encode(texts), minilm.encode(texts))
    assert InPassages(minilm).encode([]).shape == (0, 384)


def test_the_first_passage_counts_more_than_each_of_the_others():
    """All others count alike."""
    first, second, third, *_ = np.eye(8, dtype=np.float32)
    found = pooled(np.stack([first, second, third]))
    assert np.linalg.norm(found) == pytest.approx(1, abs=1e-6)
    assert found[0] > found[1] == found[2] > 0
    assert found[0] / found[1] == pytest.approx(1 + LEAD / (1 - LEAD) * 3**0.5, abs=1e-5)
    assert np.allclose(pooled(np.stack([first] * 3)), first)


def test_the_end_of_a_long_text_counts(minilm):
    """Beside short texts, each of which has its own vector."""
    text = "The weather is fine today. " * 60 + "Elephants eat grass and leaves. " * 60
    before, long, after = InPassages(minilm).encode(["a dog", text, "a cat"])
    spans = passages(text, minilm.reach)
    parts = minilm.encode([text[start:end] for start, end in spans])
    assert long @ pooled(parts) > 0.999
    dog, cat, end = minilm.encode(["a dog", "a cat", "elephants eat grass"])
    assert min(before @ dog, after @ cat) > 0.99
    assert long @ end > minilm.encode([text])[0] @ end + 0.2


@pytest.mark.parametrize(
    "text", ["word " * 20_000, "x" * 100_000, "漢" * 100_000, " " * 99_999 + "."]
)
def test_cutting_takes_no_time(minilm, text):
    """Of the longest texts there are."""
    started = time.process_time()
    assert len(passages(text, minilm.reach)) <= MOST
    assert time.process_time() - started < 5
