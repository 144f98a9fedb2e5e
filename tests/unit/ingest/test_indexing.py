"""The last step: documents written, items counted once."""

import numpy as np
import pytest
import structlog

from triptych.core.errors import IndexUnavailable, NotFound
from triptych.core.item import Item
from triptych.fusion.blocks import Rows
from triptych.fusion.layout import layout
from triptych.ingest.indexing import index_chunk


@pytest.fixture(autouse=True)
def quiet():
    """What is logged is no output of the tests."""
    with structlog.testing.capture_logs() as logs:
        yield logs


def semantic(*rows: int) -> dict[str, Rows]:
    """Unit vectors of texts."""
    width = next(block.dims for block in layout().blocks if block.name == "semantic")
    vectors = np.zeros((len(rows), width), np.float32)
    vectors[:, 0] = 1
    return {"semantic": Rows(rows, vectors)}


def test_every_item_has_a_document_and_is_counted(make_chunk, index, counts):
    """Whole ones as done, failed ones as done and failed, partial ones as done."""
    items = [
        Item("whole", 3, text="x"),
        Item("broken", 4, image="d").failing("image", "cut"),
        Item("half", 7, text="x", image="d").failing("image", "cut"),
    ]
    index_chunk(make_chunk(*items, features=semantic(0, 2)), index, counts)
    found = {name: entry.document["status"] for name, entry in index.documents.items()}
    assert found == {"whole": "indexed", "broken": "failed", "half": "partial"}
    assert (counts.done, counts.failed) == ({3, 4, 7}, {4})
    assert index.documents["whole"].document["vector"][0] == 1


def test_doing_it_twice_changes_nothing(make_chunk, index, counts):
    """A message may come again."""
    chunk = make_chunk(Item("a", 1, text="x"), features=semantic(0))
    index_chunk(chunk, index, counts)
    before = dict(index.documents)
    index_chunk(chunk, index, counts)
    assert index.documents.keys() == before.keys()
    assert (counts.done, counts.failed) == ({1}, set())


def test_the_last_line_of_an_id_wins(make_chunk, index, counts):
    """Versions are the sequence and the ordinal; a superseded item is done, not failed."""
    items = [Item("a", 9, text="last"), Item("a", 2, text="first")]
    index_chunk(make_chunk(*items, features=semantic(0, 1)), index, counts)
    assert index.documents["a"].document["text"] == "last"
    assert index.documents["a"].version == 1009
    assert (counts.done, counts.failed) == ({2, 9}, set())


def test_an_older_submission_does_not_overwrite_a_newer(make_chunk, index, counts):
    """Whatever order they arrive in."""
    new = make_chunk(Item("a", text="new"), features=semantic(0), sequence=2000)
    old = make_chunk(Item("a", text="old"), features=semantic(0), sequence=1000)
    index_chunk(new, index, counts)
    index_chunk(old, index, counts)
    assert index.documents["a"].document["text"] == "new"


def test_what_the_index_refuses_is_a_failure(make_chunk, index, counts):
    """With the index's reason, without the metadata; the others are written."""
    items = [
        Item("good", 0, text="x"),
        Item("bad", 1, text="y", metadata={"refuse": "number expected"}),
    ]
    index_chunk(make_chunk(*items, features=semantic(0, 1)), index, counts)
    assert index.documents["good"].document["status"] == "indexed"
    failure = index.documents["bad"].document
    assert (failure["status"], failure["errors"]) == ("failed", {"index": "number expected"})
    assert (counts.done, counts.failed) == ({0, 1}, {1})


def test_an_index_that_is_away_counts_nothing(make_chunk, index, counts):
    """The chunk is to come again."""
    index.error = IndexUnavailable("away")
    with pytest.raises(IndexUnavailable):
        index_chunk(make_chunk(Item("a", text="x"), features=semantic(0)), index, counts)
    assert not counts.done


@pytest.mark.parametrize("error", [NotFound("collection is gone"), RuntimeError("a defect")])
def test_a_batch_ends_whatever_happens(make_chunk, index, counts, error, quiet):
    """Its items are counted as failed, and the log says why."""
    index.error = error
    index_chunk(make_chunk(Item("a", 5, text="x"), features=semantic(0)), index, counts)
    assert (counts.done, counts.failed) == ({5}, {5})
    assert quiet[0]["log_level"] in {"warning", "error"}


def test_vectors_of_other_models_are_not_written(make_chunk, index, counts):
    """Not even beside a note: they would be compared."""
    chunk = make_chunk(Item("a", 1, text="x"), features=semantic(0), fingerprint="other")
    index_chunk(chunk, index, counts)
    document = index.documents["a"].document
    assert document["status"] == "failed"
    assert "vector" not in document
    assert "made by models other" in document["errors"]["item"]
    assert counts.failed == {1}


def test_a_single_item_has_no_batch_to_count(make_chunk, index, counts):
    """It is written all the same."""
    index_chunk(make_chunk(Item("a", text="x"), batch=None), index, counts)
    assert "a" in index.documents
    assert not counts.done
