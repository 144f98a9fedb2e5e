"""Which stamps answer a query, without the corpus."""

from triptych.evaluation.stamps import Stamp, chosen, graded


def stamp(name, *, image=None, audio=None, caption="A flower."):
    """A stamp with these digests."""
    media = {part: d for part, d in (("image", image), ("audio", audio)) if d}
    return Stamp({"id": name, "text": caption, **media}, {"text": caption.casefold(), **media})


STAMPS = [
    stamp("rose", image="r", audio="wind"),
    stamp("tulip", image="t"),
    stamp("twin", image="r", caption="A rose."),
    stamp("tree", audio="wind", caption="A tree."),
    stamp("cat", image="c", caption="A cat."),
]


def test_who_shares_the_caption_answers_a_text_as_well():
    """But the picture of another does not."""
    assert graded(STAMPS[0], STAMPS, {"text"}) == {"rose": 2, "tulip": 2}
    assert graded(STAMPS[0], STAMPS, {"image"}) == {"rose": 2, "twin": 2}
    assert graded(STAMPS[4], STAMPS, {"text", "image"}) == {"cat": 2}


def test_a_stamp_that_shares_a_part_answers_half():
    """Whatever it is, and whoever lacks the rest."""
    assert graded(STAMPS[0], STAMPS, {"text", "image"}) == {"rose": 2, "tulip": 1, "twin": 1}
    everything = {"rose": 2, "tulip": 1, "twin": 1, "tree": 1}
    assert graded(STAMPS[0], STAMPS, {"text", "image", "audio"}) == everything


def test_those_with_a_sound_are_asked_for_first():
    """Then others with a picture, in an order that depends on their ids alone."""
    assert [each.line["id"] for each in chosen(STAMPS, 1)] == ["rose"]
    everyone = [each.line["id"] for each in chosen(STAMPS, 9)]
    assert set(everyone) == {"rose", "tulip", "twin", "cat"}
    assert everyone == [each.line["id"] for each in chosen(STAMPS[::-1], 9)]
