"""Speech and writing: the pure parts of their evaluation."""

import numpy as np
import pytest

from triptych.evaluation.recognition import character_errors, drawn, held_out, sheet


@pytest.fixture
def picture():
    """A blue square."""
    return np.full((60, 60, 3), (0, 0, 200), np.uint8)


def test_a_sheet_has_picture_and_caption(picture):
    """Blue in the middle, black somewhere, white for the most; the same for the same seed."""
    first, second = (sheet(picture, "A blue square", np.random.default_rng(3)) for _ in range(2))
    assert np.array_equal(first, second)
    assert first.shape == (480, 640, 3)
    assert (first == (0, 0, 200)).all(axis=2).sum() > 1000
    assert 200 < (first < 60).all(axis=2).sum() < 10_000
    assert (first == 255).all(axis=2).mean() > 0.8


def test_captions_lie_elsewhere(picture):
    """Every sheet is another."""
    rng = np.random.default_rng(0)
    assert not np.array_equal(*(sheet(picture, "A blue square", rng) for _ in range(2)))


def test_character_errors():
    """Over the mean length; case and spaces do not count."""
    errors = character_errors(["A cat", "dogs"], ["acat", "dig\ns"])
    assert errors.tolist() == [0, 1 / 4]


def test_half_is_held_out(tmp_path):
    """The same half every time, without ``symbols``; a sample of it has no doubles."""
    for folder in ("animals", "symbols"):
        (tmp_path / folder).mkdir()
        for number in range(400):
            (tmp_path / folder / f"{number}.ogg").touch()
    paths = held_out(tmp_path, "*.ogg")
    assert 150 < len(paths) < 250
    assert {path.parent.name for path in paths} == {"animals"}
    sample = drawn(paths)
    assert len(set(sample)) == 100
    assert sample == drawn(paths)
