"""The last step: documents written."""

import numpy as np
import pytest

from support import layout
from triptych.core.errors import IndexUnavailable, NotFound
from triptych.core.item import Item
from triptych.fusion.blocks import Rows
from triptych.ingest.indexing import write


def semantic(*rows: int) -> dict[str, Rows]:
    """Unit vectors of texts."""
    width = next(block.dims for block in layout().blocks if block.name == "semantic")
    vectors = np.zeros((len(rows), width), np.float32)
    vectors[:, 0] = 1
    return {"semantic": Rows(rows, vectors)}


def test_every_item_has_a_document_and_is_counted(make_chunk, index):
    """Whole ones as done, failed ones as done and failed, partial ones as done."""
    items = [
        Item("whole", 3, text="x"),
        Item("broken", 4, image="d").failing("image", "cut"),
        Item("half", 7, text="x", image="d").failing("image", "cut"),
    ]
    failed = write(make_chunk(*items, features=semantic(0, 2)), index, layout())
    found = {name: entry.document["status"] for name, entry in index.documents.items()}
    assert found == {"whole": "indexed", "broken": "failed", "half": "partial"}
    assert failed == {4}
    assert index.documents["whole"].document["vector"][0] == 1


def test_doing_it_twice_changes_nothing(make_chunk, index):
    """A message may come again."""
    chunk = make_chunk(Item("a", 1, text="x"), features=semantic(0))
    failed = write(chunk, index, layout())
    before = dict(index.documents)
    failed = write(chunk, index, layout())
    assert index.documents.keys() == before.keys()
    assert not failed


def test_the_last_line_of_an_id_wins(make_chunk, index):
    """Versions are the sequence and the ordinal; a superseded item is done, not failed."""
    items = [Item("a", 9, text="last"), Item("a", 2, text="first")]
    failed = write(make_chunk(*items, features=semantic(0, 1)), index, layout())
    assert index.documents["a"].document["text"] == "last"
    assert index.documents["a"].version == 1009
    assert not failed


def test_an_older_submission_does_not_overwrite_a_newer(make_chunk, index):
    """Whatever order they arrive in."""
    new = make_chunk(Item("a", text="new"), features=semantic(0), sequence=2000)
    old = make_chunk(Item("a", text="old"), features=semantic(0), sequence=1000)
    write(new, index, layout())
    write(old, index, layout())
    assert index.documents["a"].document["text"] == "new"


def test_what_the_index_refuses_is_a_failure(make_chunk, index):
    """With the index's reason, without the metadata; the others are written."""
    items = [
        Item("good", 0, text="x"),
        Item("bad", 1, text="y", metadata={"refuse": "number expected"}),
    ]
    failed = write(make_chunk(*items, features=semantic(0, 1)), index, layout())
    assert index.documents["good"].document["status"] == "indexed"
    failure = index.documents["bad"].document
    assert (failure["status"], failure["errors"]) == ("failed", {"index": "number expected"})
    assert failed == {1}


@pytest.mark.parametrize("error", [IndexUnavailable("away"), NotFound("collection is gone")])
def test_what_the_index_says_of_the_whole_chunk_goes_on(make_chunk, index, error):
    """The worker decides what becomes of it."""
    index.error = error
    with pytest.raises(type(error)):
        write(make_chunk(Item("a", text="x"), features=semantic(0)), index, layout())


def test_vectors_of_other_models_are_not_written(make_chunk, index):
    """Not even beside a note: they would be compared."""
    chunk = make_chunk(Item("a", 1, text="x"), features=semantic(0), fingerprint="other")
    failed = write(chunk, index, layout())
    document = index.documents["a"].document
    assert document["status"] == "failed"
    assert "vector" not in document
    assert "made by models other" in document["errors"]["item"]
    assert failed == {1}
