"""The last step: documents written."""

import uuid

import numpy as np
import pytest
import structlog

from support import layout, make_item
from triptych.core.errors import IndexUnavailable, NotFound
from triptych.core.item import Item, Note, reasons
from triptych.ingest import indexing
from triptych.ingest.derived import Derived, DerivedMissing, DerivedStore, text_digest
from triptych.ingest.indexing import fail
from triptych.media.store import MediaStore

KIND = "0" * 16
DESCRIBED = {"derived": {"text": KIND}}


class Kept(DerivedStore):
    """Derived data of some texts."""

    def __init__(self) -> None:
        super().__init__(MediaStore(f"memory://{uuid.uuid4().hex}"), {"text": KIND})
        self.store.begin()
        width = next(block.dims for block in layout().blocks if block.name == "semantic")
        vector = np.eye(1, width, dtype=np.float32)[0]
        for text in ("x", "y", "z", "last", "first", "new", "old"):
            self.write(KIND, {text_digest(text, None): Derived({"semantic": vector})})


@pytest.fixture
def kept():
    """A unit vector of each text."""
    return Kept()


@pytest.fixture
def write(index, kept):
    """Writes a chunk; the ordinals that failed."""

    def run(chunk):
        written = indexing.write(chunk, index, layout(), kept)
        assert written.done == chunk.ordinals
        return written.failed

    return run


def test_every_item_has_a_document_and_is_counted(make_chunk, write, index):
    """Whole ones as done, failed ones as done and failed, partial ones as done."""
    items = [
        Item("whole", 3, text="x"),
        Item("broken", 4, image="d").failing("image", "cut"),
        Item("half", 7, text="x", image="d").failing("image", "cut"),
    ]
    failed = write(make_chunk(*items, **DESCRIBED))
    found = {name: entry.document["status"] for name, entry in index.documents.items()}
    assert found == {"whole": "indexed", "broken": "failed", "half": "partial"}
    assert failed == {4}
    assert index.documents["whole"].document["vector"][0] == 1


def test_what_is_lost_of_a_part_makes_an_item_partial(make_chunk, write, index):
    """What was mended does not; a note of a stored item is a pair."""
    items = [
        Item("mended", 1, text="x").noted("text", [Note("a byte is wrong"), Note("and another")]),
        Item("cut", 2, text="y").noted("text", [("the end is missing", True)]),
    ]
    assert write(make_chunk(*items, **DESCRIBED)) == set()
    found = {name: entry.document for name, entry in index.documents.items()}
    assert {name: document["status"] for name, document in found.items()} == {
        "mended": "indexed",
        "cut": "partial",
    }
    assert found["mended"]["notes"] == {"text": "a byte is wrong; and another"}
    assert found["cut"]["notes"] == {"text": "the end is missing"}
    assert reasons(found["cut"]) == "text: the end is missing"


def test_doing_it_twice_changes_nothing(make_chunk, write, index):
    """A message may come again."""
    chunk = make_chunk(Item("a", 1, text="x"), **DESCRIBED)
    failed = write(chunk)
    before = dict(index.documents)
    failed = write(chunk)
    assert index.documents.keys() == before.keys()
    assert not failed


def test_the_last_line_of_an_id_wins(make_chunk, write, index):
    """Versions are the sequence and the ordinal; a superseded item is done, not failed."""
    items = [Item("a", 9, text="last"), Item("a", 2, text="first")]
    failed = write(make_chunk(*items, **DESCRIBED))
    assert index.documents["a"].document["text"] == "last"
    assert index.documents["a"].version == 1009
    assert not failed


def test_an_older_submission_does_not_overwrite_a_newer(make_chunk, write, index):
    """Whatever order they arrive in."""
    new = make_chunk(Item("a", text="new"), **DESCRIBED, sequence=2000)
    old = make_chunk(Item("a", text="old"), **DESCRIBED, sequence=1000)
    write(new)
    write(old)
    assert index.documents["a"].document["text"] == "new"


def test_what_the_index_refuses_is_a_failure(make_chunk, write, index):
    """With the index's reason, without the metadata; the others are written."""
    items = [
        Item("good", 0, text="x"),
        make_item("bad", ordinal=1, text="y", metadata={"refuse": "number expected"}),
    ]
    failed = write(make_chunk(*items, **DESCRIBED))
    assert index.documents["good"].document["status"] == "indexed"
    failure = index.documents["bad"].document
    assert (failure["status"], failure["errors"]) == ("failed", {"index": "number expected"})
    assert failed == {1}


@pytest.mark.parametrize("error", [IndexUnavailable("away"), NotFound("collection is gone")])
def test_what_the_index_says_of_the_whole_chunk_goes_on(make_chunk, write, index, error):
    """The worker decides what becomes of it."""
    index.error = error
    with pytest.raises(type(error)):
        write(make_chunk(Item("a", text="x"), **DESCRIBED))


def test_vectors_of_other_models_are_not_written(make_chunk, write, index):
    """Not even beside a note: they would be compared."""
    chunk = make_chunk(Item("a", 1, text="x"), **DESCRIBED, fingerprint="other")
    failed = write(chunk)
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


def errors(index) -> dict[str, dict[str, str]]:
    """The errors of every document that failed, by id."""
    documents = [entry.document for entry in index.documents.values()]
    return {body["id"]: body["errors"] for body in documents if body["status"] == "failed"}


def test_blocks_that_do_not_fit_are_a_failure_of_every_item(make_chunk, write, index, kept, quiet):
    """A defect of an encoder; each item says so."""
    items = [Item("a", 1, text="x"), Item("b", 2, text="y")]
    narrow = Derived({"semantic": np.ones(3, np.float32)})
    kept.write(KIND, {text_digest("x", None): narrow})
    assert write(make_chunk(*items, **DESCRIBED)) == {1, 2}
    assert errors(index).keys() == {"a", "b"}
    assert "internal error: ValueError: block semantic" in errors(index)["a"]["item"]


def test_a_document_that_can_not_be_made_is_a_failure_of_its_item(
    make_chunk, write, index, monkeypatch, quiet
):
    """The others are written."""
    original = indexing.document

    def fragile(chunk, item, *made):
        if item.id == "bad":
            raise RuntimeError("no such thing")
        return original(chunk, item, *made)

    monkeypatch.setattr(indexing, "document", fragile)
    items = [Item("good", 1, text="x"), Item("bad", 2, text="y")]
    assert write(make_chunk(*items, **DESCRIBED)) == {2}
    assert errors(index) == {"bad": {"index": "internal error: RuntimeError: no such thing"}}
    assert index.documents["good"].document["status"] == "indexed"
    assert index.documents["bad"].document["batch"] == "b"


def test_a_document_at_which_the_index_breaks_is_a_failure_of_its_item(
    make_chunk, write, index, quiet
):
    """The others are written, each on its own."""
    items = [
        Item("good", 1, text="x"),
        make_item("bad", ordinal=2, text="y", metadata={"break": True}),
        Item("better", 3, text="z"),
    ]
    assert write(make_chunk(*items, **DESCRIBED)) == {2}
    reason = "internal error: RuntimeError: a defect of the index"
    assert errors(index) == {"bad": {"index": reason}}
    assert index.documents.keys() == {"good", "bad", "better"}


def test_a_failure_that_can_not_be_written_is_not_counted(make_chunk, write, index):
    """The chunk is to come again."""
    index.refused.add("a")
    with pytest.raises(IndexUnavailable, match="failure document of 'a': bad id"):
        write(make_chunk(Item("a", 1, text="x"), **DESCRIBED))


def test_a_chunk_that_can_not_go_on_leaves_a_document_of_each_item(make_chunk, write, index):
    """With the reason, and without what may have been the cause."""
    items = [make_item("a", ordinal=1, text="x", metadata={"break": True}), Item("b", 2, text="y")]
    assert fail(make_chunk(*items), index, layout(), "it can't travel").failed == {1, 2}
    assert errors(index) == {"a": {"index": "it can't travel"}, "b": {"index": "it can't travel"}}


def test_an_item_that_kills_its_workers_is_quarantined(make_chunk, index):
    """With the evidence; what it refers to is known, so that it is kept."""
    fail(
        make_chunk(Item("a", 1, image="d" * 64)),
        index,
        layout(),
        "signal 9, three times",
        "quarantined",
    )
    document = index.documents["a"].document
    assert (document["status"], document["errors"]) == (
        "quarantined",
        {"item": "signal 9, three times"},
    )
    assert document["digests"] == ["d" * 64]


def test_a_document_knows_what_it_refers_to(make_chunk, write, index):
    """Media, and what was derived of its text in the language that the sender gave."""
    write(make_chunk(Item("a", 1, text="x", image="d" * 64), **DESCRIBED))
    assert index.documents["a"].document["digests"] == ["d" * 64, text_digest("x", None)]


def test_derived_data_that_is_gone_writes_nothing(make_chunk, write, index):
    """A step has to be done again."""
    with pytest.raises(DerivedMissing):
        write(make_chunk(Item("a", 1, text="unknown"), **DESCRIBED))
    assert not index.documents
