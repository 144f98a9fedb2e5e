"""Which stamps take part."""

from triptych.evaluation.captions import is_included


def test_stamps_with_a_picture_that_are_no_symbols():
    """Letters and digits have captions that say nothing of how they look."""
    assert is_included({"image": "a.png", "tags": ["animals"]})
    assert not is_included({"image": "a.png", "tags": ["symbols", "shapes"]})
    assert not is_included({"audio": "a.ogg", "tags": ["animals"]})
