"""Recognisers as encoders: media to the vectors of the text that is in them."""

import json

import numpy as np
import pytest

from triptych.encoders.cards import Card
from triptych.encoders.encoder import Batch
from triptych.encoders.recognition import Embedded, Line, Segment, Transcript, Writing

BOX = ((0.1, 0.2), (0.5, 0.2), (0.5, 0.3), (0.1, 0.3))


class Parrot:
    """Recognises the text that it is called with."""

    card = Card(name="parrot", version=1, modality="audio", dims=384, licence="MIT", source="here")
    side = 7

    def recognise(self, batch):
        """Return a transcript of each text, None for an empty one."""
        return [Transcript("en", (Segment(0, 1, text),)) if text else None for text in batch]


def test_vectors_are_those_of_the_text(minilm):
    """In the order of the batch; zeros without speech."""
    vectors = Embedded(Parrot(), minilm).encode(["a cat", "", "two dogs"])
    assert np.allclose(vectors[[0, 2]], minilm.encode(["a cat", "two dogs"]), atol=1e-6)
    assert not vectors[1].any()


def test_the_end_of_a_long_text_counts(minilm):
    """Not only its beginning, which is all that a text encoder reads."""
    text = "the weather is fine " * 100 + "elephants eat grass and leaves " * 100
    vectors = Embedded(Parrot(), minilm).encode([text])[0]
    beginning, end = minilm.encode(["the weather is fine", "elephants eat grass"])
    assert abs(vectors @ beginning - vectors @ end) < 0.3
    assert vectors @ end > minilm.encode([text])[0] @ end + 0.2
    assert np.linalg.norm(vectors) == pytest.approx(1, abs=1e-5)


def test_other_readings_count(minilm):
    """As much as the first one does."""
    transcript = Transcript("en", (Segment(0, 1, "Colin."),), ("Colon.",))
    vectors = Embedded(Parrot(), minilm).embed([transcript, None])
    first, second = minilm.encode(["Colin.", "Colon."])
    assert np.allclose(vectors[0], (first + second) / np.linalg.norm(first + second), atol=1e-6)
    assert not vectors[1].any()


@pytest.mark.parametrize("batch", [[], [""], ["", ""]])
def test_nothing_said_is_zeros(minilm, batch):
    """Also of a whole batch, and of an empty one."""
    vectors = Embedded(Parrot(), minilm).encode(batch)
    assert vectors.shape == (len(batch), 384)
    assert vectors.dtype == np.float32
    assert not vectors.any()


def test_it_is_in_the_space_of_the_text_encoder(minilm):
    """So its card names that one, and it wants pictures as large as the recogniser does."""
    encoder = Embedded(Parrot(), minilm)
    assert encoder.card == Parrot.card.in_space_of(minilm.card)
    assert encoder.card.fingerprint != Parrot.card.fingerprint
    assert encoder.side == 7


def test_what_is_recognised_is_noted(minilm):
    """In the field of its kind, beside the vectors; nothing without speech."""
    batch = Batch(["a cat", ""])
    description = Embedded(Parrot(), minilm).describe(batch)
    assert np.array_equal(description.vectors, Embedded(Parrot(), minilm).encode(batch.media))
    first, second = description.notes
    assert first["transcript"]["text"] == "a cat"
    assert second == {}


def test_a_transcript_as_json():
    """Text, language, and segments with seconds."""
    transcript = Transcript(
        "en", (Segment(0.5, 1.0, "Good day."), Segment(2.0, 3.5, "And bye.")), ("Bye",)
    )
    assert json.loads(json.dumps(transcript.to_note())) == {
        "text": "Good day. And bye.",
        "language": "en",
        "segments": [
            {"start": 0.5, "end": 1.0, "text": "Good day."},
            {"start": 2.0, "end": 3.5, "text": "And bye."},
        ],
    }


def test_writing_as_json():
    """Text, and lines with their positions."""
    writing = Writing((Line("GIVE", BOX, 0.99), Line("WAY", BOX, 1.0)))
    note = json.loads(json.dumps(writing.to_note()))
    assert note["text"] == "GIVE\nWAY"
    assert note["lines"][0] == {"text": "GIVE", "box": [list(c) for c in BOX], "confidence": 0.99}
