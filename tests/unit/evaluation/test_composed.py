"""Which queries are made of pictures and words, without the corpora."""

import numpy as np

from triptych.evaluation import judged
from triptych.evaluation.composed import Thing, _build, draw


def thing(item: str, name: str, *, kind: str = "k", more: str = "") -> Thing:
    """An item that is called so."""
    line = {"id": item, "text": f"{name} {more}".strip(), "image": f"/{item}.png"}
    return Thing(line, kind, name, lambda: np.full((8, 8, 3), 7, np.uint8))


HEARTS = [thing(f"{colour} heart", f"{colour} heart") for colour in ("red", "blue", "green")]
BOOK = thing("blue book", "blue book")
OTHERS = [thing(f"blue {n}", f"blue {n}", kind="other") for n in ("sea", "sky", "bird", "car")]
NAMES = ("compose", "trap", "describe", "exclude")


def drawn(things: list[Thing]) -> dict[tuple[str, str], tuple[str | None, str | None, list[str]]]:
    """By item and sort the words, those against, and what is right."""
    return {
        (item.id, query.kind): (
            query.text,
            query.against and query.against.text,
            sorted(right),
        )
        for item, query, right in draw(things)
    }


def test_a_word_that_others_of_the_family_have():
    """The picture of one heart and the colour of another: that one is right, and no book is."""
    queries = drawn([*HEARTS, BOOK])
    text, _, right = queries["red heart", "compose"]
    assert text == "blue"  # "green" is at no other item, so the word alone would do
    assert right == ["blue heart"]
    assert ("red heart", "trap") not in queries
    assert ("blue book", "compose") not in queries, "it has no family"


def test_a_word_that_many_others_have_is_a_trap():
    """Then the words alone find little."""
    queries = drawn([*HEARTS, *OTHERS])
    assert queries["red heart", "trap"] == ("blue", None, ["blue heart"])
    assert ("red heart", "compose") not in queries


def test_what_is_excluded_is_not_right():
    """Items like it without the word are, it itself among them."""
    _, against, right = drawn(HEARTS)["red heart", "exclude"]
    assert against in {"blue", "green"}
    assert f"{against} heart" not in right
    assert "red heart" in right
    assert len(right) == 2


def test_an_item_is_described_by_all_of_it():
    """Every item, by its own words."""
    queries = drawn([*HEARTS, BOOK])
    assert queries["blue book", "describe"] == ("blue book", None, ["blue book"])
    assert {sort for _, sort in queries} <= set(NAMES)


def test_items_of_a_kind_are_in_one_half():
    """So no item is right in both."""
    things = [thing(f"{n} {k}", f"{n} thing", kind=k) for k in "abcdefgh" for n in ("x", "y", "z")]
    halves: dict[str, set[str | None]] = {}
    for item, query, _ in draw(things):
        halves.setdefault(item.kind, set()).add(query.half)
    assert all(len(each) == 1 for each in halves.values())
    assert len(set.union(*halves.values())) == 2


def test_a_set_is_written_and_read(tmp_path):
    """With other pictures for the queries, and the parts that hits should not be like."""
    _build(HEARTS, tmp_path)
    found = judged.read(tmp_path)
    assert len(found.items) == 3
    (exclude,) = [q for q in found.queries if q.id == "red_heart_exclude"]
    assert exclude.against is not None
    assert exclude.against.text in {"blue", "green"}
    assert exclude.image is not None
    assert exclude.image.startswith(str(tmp_path / "media"))
    assert found.grades["red_heart_exclude"]["red heart"] == 1
