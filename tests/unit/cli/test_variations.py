"""Changed copies of media."""

import io

import cv2
import numpy as np
import pytest
from PIL import Image

from triptych.cli.variations import mirrored_crop, second_half, wav
from triptych.core.errors import MediaError
from triptych.media.audio import RATE, decode_audio


def test_a_picture_is_cropped_and_mirrored():
    """What was left is right, the edge is gone, and it is another file."""
    pixels = np.full((256, 256, 3), 255, np.uint8)
    pixels[:, :128] = 255, 0, 0
    pixels[:5] = 0
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "PNG")
    found = np.asarray(Image.open(io.BytesIO(mirrored_crop(file.getvalue()))))
    assert found.shape == (218, 218, 3)
    assert found[100, 20].tolist() == [255, 255, 255]
    assert found[100, -20].tolist() == [255, 0, 0]
    assert found.max(axis=2).min() == 255, "the black edge is gone"


def test_a_sound_is_cut_and_made_quieter():
    """Half as long, half as loud."""
    samples = np.linspace(-0.8, 0.8, RATE).astype(np.float32)
    found = decode_audio(second_half(wav(samples)), max_seconds=9)
    assert np.abs(found - samples[RATE // 2 :] / 2).max() < 1e-3


def test_what_is_no_media_is_refused():
    """With the errors of decoding."""
    with pytest.raises(MediaError):
        mirrored_crop(b"words")
    with pytest.raises(MediaError):
        second_half(b"words")


def test_a_picture_that_can_not_be_written_is_an_error(monkeypatch):
    """Rather than an empty file."""
    monkeypatch.setattr(cv2, "imencode", lambda *_: (False, None))
    file = io.BytesIO()
    Image.new("RGB", (9, 9)).save(file, "PNG")
    with pytest.raises(ValueError, match="can't be written"):
        mirrored_crop(file.getvalue())
