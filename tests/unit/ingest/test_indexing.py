"""The last step: documents written."""

import numpy as np
import pytest
import structlog

from support import layout, make_item
from triptych.core.errors import IndexUnavailable, NotFound
from triptych.core.item import Item
from triptych.fusion.blocks import Rows
from triptych.ingest import indexing
from triptych.ingest.indexing import fail, write


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
        make_item("bad", ordinal=1, text="y", metadata={"refuse": "number expected"}),
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


@pytest.fixture
def quiet():
    """What is logged is no output of the tests."""
    with structlog.testing.capture_logs() as logs:
        yield logs


def reasons(index) -> dict[str, dict[str, str]]:
    """The errors of every document that failed, by id."""
    documents = [entry.document for entry in index.documents.values()]
    return {body["id"]: body["errors"] for body in documents if body["status"] == "failed"}


def test_blocks_that_do_not_fit_are_a_failure_of_every_item(make_chunk, index, quiet):
    """A defect of an encoder; each item says so."""
    items = [Item("a", 1, text="x"), Item("b", 2, text="y")]
    narrow = {"semantic": Rows((0, 1), np.ones((2, 3), np.float32))}
    assert write(make_chunk(*items, features=narrow), index, layout()) == {1, 2}
    assert reasons(index).keys() == {"a", "b"}
    assert "internal error: ValueError: block semantic" in reasons(index)["a"]["item"]


def test_a_document_that_can_not_be_made_is_a_failure_of_its_item(
    make_chunk, index, monkeypatch, quiet
):
    """The others are written."""
    original = indexing.document

    def fragile(chunk, item, fused):
        if item.id == "bad":
            raise RuntimeError("no such thing")
        return original(chunk, item, fused)

    monkeypatch.setattr(indexing, "document", fragile)
    items = [Item("good", 1, text="x"), Item("bad", 2, text="y")]
    assert write(make_chunk(*items, features=semantic(0, 1)), index, layout()) == {2}
    assert reasons(index) == {"bad": {"index": "internal error: RuntimeError: no such thing"}}
    assert index.documents["good"].document["status"] == "indexed"
    assert index.documents["bad"].document["batch"] == "b"


def test_a_document_at_which_the_index_breaks_is_a_failure_of_its_item(make_chunk, index, quiet):
    """The others are written, each on its own."""
    items = [
        Item("good", 1, text="x"),
        make_item("bad", ordinal=2, text="y", metadata={"break": True}),
        Item("better", 3, text="z"),
    ]
    assert write(make_chunk(*items, features=semantic(0, 1, 2)), index, layout()) == {2}
    reason = "internal error: RuntimeError: a defect of the index"
    assert reasons(index) == {"bad": {"index": reason}}
    assert index.documents.keys() == {"good", "bad", "better"}


def test_a_failure_that_can_not_be_written_is_not_counted(make_chunk, index):
    """The chunk is to come again."""
    index.refused.add("a")
    with pytest.raises(IndexUnavailable, match="failure document of 'a': bad id"):
        write(make_chunk(Item("a", 1, text="x"), features=semantic(0)), index, layout())


def test_a_chunk_that_can_not_go_on_leaves_a_document_of_each_item(make_chunk, index):
    """With the reason, and without what may have been the cause."""
    items = [make_item("a", ordinal=1, text="x", metadata={"break": True}), Item("b", 2, text="y")]
    assert fail(make_chunk(*items), index, "it can't travel") == {1, 2}
    assert reasons(index) == {"a": {"index": "it can't travel"}, "b": {"index": "it can't travel"}}
