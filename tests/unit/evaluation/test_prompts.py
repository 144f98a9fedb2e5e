"""Speech found by its words: the pure parts."""

import hashlib
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from triptych.corpora.prompts import Prompt
from triptych.evaluation import prompts
from triptych.evaluation.prompts import edits, same_words, transcribed, word_cosines, words


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Press 1.", "press one"),
        ("Thirty-two, isn't it?", "thirty two isnt it"),
        ("0 7 20 42", "zero seven twenty forty two"),
        ("115 900", "one hundred fifteen nine hundred"),
        ("12005", "twelve thousand five"),
        ("H.323", "h three hundred twenty three"),
        ("...", ""),
    ],
)
def test_words(text, expected):
    """Lower case, no punctuation, numbers spelt out."""
    assert words(text) == expected.split()


@pytest.mark.parametrize(
    ("first", "second", "expected"),
    [
        ("", "", 0),
        ("a b c", "", 3),
        ("a b c", "a x c", 1),
        ("a b c", "b c d", 2),
        ("a", "b a c", 2),
    ],
)
def test_edits(first, second, expected):
    """Insertions, deletions and replacements of words."""
    assert edits(first.split(), second.split()) == expected


@given(first=st.lists(st.sampled_from("abc"), max_size=8), second=st.lists(st.sampled_from("abc")))
def test_edits_are_a_distance(first, second):
    """Symmetric, nought for the same, at most the longer length, at least the difference."""
    assert edits(first, second) == edits(second, first)
    assert (edits(first, second) == 0) == (first == second)
    assert abs(len(first) - len(second)) <= edits(first, second) <= max(len(first), len(second))


def test_same_words():
    """Punctuation and how a number is written do not matter, order does."""
    expected = [[True, True, False], [True, True, False], [False, False, True]]
    assert same_words(["Press 1!", "press one", "one press"]).tolist() == expected


def test_rare_words_count_more():
    """Of two that share one word with the query, the one with the rarer word is nearer."""
    cosines = word_cosines(
        ["the zebra", "nothing"], ["the cat", "a zebra", "the dog", "the cow", ""]
    )
    assert cosines.shape == (2, 5)
    assert cosines[0].argmax() == 1
    assert cosines[0, 0] > cosines[0, 4] == 0
    assert not cosines[1].any()


def test_transcripts_are_kept(tmp_path, monkeypatch):
    """By what the sound is, not by its name; only what is not known is recognised."""
    monkeypatch.setattr(prompts, "Whisper", None)
    (tmp_path / "hello.wav").write_bytes(b"sound")
    cache = tmp_path / "readings.json"
    cache.write_text(json.dumps({hashlib.sha256(b"sound").hexdigest(): ["Hello.", "Halo."]}))
    sample = [Prompt(name, "Hello", tmp_path / "hello.wav") for name in ("one", "other")]
    assert transcribed(sample, cache) == {key: ["Hello.", "Halo."] for key in ("one", "other")}
    (tmp_path / "hello.wav").write_bytes(b"another sound")
    with pytest.raises(Exception, match="audio"):
        transcribed(sample, cache)


def test_a_prompt_without_transcript_is_not_found():
    """Others are, by the mean of the vectors of the possible readings."""
    texts = ["Goodbye.", "Press 2.", "Welcome back"]
    cosines = prompts._cosines(texts, [texts[:1], ["Bread", texts[1]], []])
    assert cosines[0, 0] == pytest.approx(1, abs=0.01)
    assert 0.5 < cosines[1, 1] < 0.95
    assert not cosines[:, 2].any()
