"""Versions that are kept for a while, and rows that are used again."""

import sqlite3
from pathlib import Path

import numpy as np
import pytest
import structlog

from contract.documents import look_up, make, prefix, word
from support import layout
from triptych.core.errors import CursorExpired, InvalidInput
from triptych.fusion.query import PresenceClass
from triptych.index.embedded import EmbeddedIndex, writer
from triptych.index.embedded import index as module
from triptych.index.embedded.schema import DATABASE
from triptych.index.model import IndexQuery, Listing, Words


def ids(index: EmbeddedIndex, snapshot: str | None = None) -> list[str]:
    """Every id."""
    page = index.list("c", Listing(limit=1000, fields=[]), snapshot=snapshot)
    return [document["id"] for document in page.documents]


def row_count(tmp_path: Path) -> int:
    """How many rows the files have."""
    connection = sqlite3.connect(tmp_path / "c" / DATABASE)
    (count,) = connection.execute("SELECT places FROM collection").fetchone()
    connection.close()
    return count


def test_a_snapshot_stays_as_it_is(index: EmbeddedIndex):
    """For words, vectors, conditions, counts and orders, whatever is written."""
    entries = [make(str(n), words={"text": f"old w{n}"}, tags=("old",)) for n in range(9)]
    index.bulk("c", entries)
    snapshot = index.freeze("c")
    vector = np.asarray(entries[4].document["vector"])
    query = IndexQuery(
        Words([word("old"), prefix("w")]), [PresenceClass(("text",), (), vector)], candidates=20
    )
    before = index.search("c", query, snapshot=snapshot)
    index.bulk("c", [make(str(n), words={"text": "new"}, version=2) for n in range(5)])
    index.delete("c", "8", 2)
    index.bulk("c", [make("more", words={"text": "old"})])
    after = index.search("c", query, snapshot=snapshot)
    assert after.total == before.total == 9
    assert [(f.candidate.id, f.candidate.keyword) for f in after.matches] == [
        (f.candidate.id, f.candidate.keyword) for f in before.matches
    ]
    for old, new in zip(before.matches, after.matches, strict=True):
        assert (old.candidate.features == new.candidate.features).all()
        assert old.document == new.document
    assert ids(index, snapshot) == [str(n) for n in range(9)]
    assert ids(index) == [*(str(n) for n in range(8)), "more"]
    assert [f.candidate.id for f in look_up(index, "c", word("old"))] == ["more", "5", "6", "7"]


def test_rows_are_used_again(index, anew, tmp_path: Path, monkeypatch):
    """When what lay there is too old for any snapshot; nothing of it is found any more."""
    index.bulk("c", [make(str(n), words={"text": f"first w{n}"}, tags=("a",)) for n in range(20)])
    index.bulk("c", [make(str(n), words={"text": "second"}, version=2) for n in range(20)])
    index.delete("c", "0", 3)
    assert row_count(tmp_path) == 40
    monkeypatch.setattr(writer, "KEPT_SECONDS", -1.0)
    third = [make(str(n), words={"text": f"third w{n}"}, version=4) for n in range(1, 20)]
    other = anew()
    assert other.count("c") == {"indexed": 19}
    index.bulk("c", third)
    index.bulk("c", [make(str(n), words={"text": "fourth"}, version=5) for n in range(1, 20)])
    assert row_count(tmp_path) == 40
    for reader in (index, other, anew()):
        assert ids(reader) == sorted(map(str, range(1, 20)))
        for gone in ("first", "second", "third", "w3"):
            assert not look_up(reader, "c", word(gone))
        assert len(look_up(reader, "c", word("fourth"), candidates=50)) == 19
        for entry in third:
            vector = np.asarray(entry.document["vector"])
            query = IndexQuery(classes=[PresenceClass(("text",), (), vector)], candidates=50)
            for found in reader.search("c", query).matches:
                assert not np.allclose(found.candidate.features, vector, atol=1e-3)


def test_a_snapshot_ends(index: EmbeddedIndex, monkeypatch: pytest.MonkeyPatch):
    """When something that it had is forgotten; one that was taken later is still whole."""
    index.bulk("c", [make("a")])
    early = index.freeze("c")
    index.bulk("c", [make("a", version=2)])
    late = index.freeze("c")
    monkeypatch.setattr(writer, "KEPT_SECONDS", -1.0)
    index.bulk("c", [make("b")])
    with pytest.raises(CursorExpired):
        ids(index, early)
    assert ids(index, late) == ["a"]


@pytest.mark.parametrize("snapshot", ["", "x", ":1", "1", "x:y", "x" * 10_000])
def test_what_is_no_snapshot_has_expired(index: EmbeddedIndex, snapshot: str):
    """Whatever it is."""
    with pytest.raises(CursorExpired):
        ids(index, snapshot)
    uid = index.freeze("c").partition(":")[0]
    for number in ("-1", "99", "9" * 5000, "1e0", "", "٣"):
        with pytest.raises(CursorExpired):
            ids(index, f"{uid}:{number}")


def test_a_scan_goes_on_while_items_change(index: EmbeddedIndex, monkeypatch):
    """It has the items as they were when it began, each once."""
    monkeypatch.setattr(module, "_SCANNED", 4)
    index.bulk("c", [make(str(n), text="old") for n in range(10)])
    scan = index.scan("c")
    first = next(scan)
    index.bulk("c", [make(str(n), text="new", version=2) for n in range(10)])
    found = [first, *scan]
    assert sorted(entry.document["id"] for entry in found) == sorted(map(str, range(10)))
    assert {entry.document["text"] for entry in found} == {"old"}
    assert {entry.version for entry in found} == {1}


def test_the_last_of_equal_ids_in_a_bulk_wins(index: EmbeddedIndex, tmp_path: Path):
    """As if they had come one after the other."""
    entries = [make("a", version=v, text=str(n)) for n, v in enumerate([2, 1, 2, 3, 1])]
    assert [o.result for o in index.bulk("c", entries)] == [
        "written", "superseded", "written", "written", "superseded",
    ]  # fmt: skip
    assert index.get("c", "a")["text"] == "3"
    assert row_count(tmp_path) == 1


def test_vectors_that_do_not_fit_are_refused(index: EmbeddedIndex):
    """By their width, or as no numbers."""
    good = make("good").document
    bad = [{**good, "id": "short", "vector": np.zeros(3)}]
    bad.append({**good, "id": "nan", "vector": np.full(layout().dims, np.nan)})
    from triptych.index.model import Versioned

    outcomes = index.bulk("c", [Versioned(document, 1) for document in (*bad, good)])
    assert [o.result for o in outcomes] == ["refused", "refused", "written"]
    assert "not (" in outcomes[0].reason
    assert "finite" in outcomes[1].reason


def test_a_large_collection_says_so(index, monkeypatch):
    """In one sentence, which the log has once, too."""
    logged = structlog.testing.LogCapture()
    monkeypatch.setattr(module, "log", structlog.wrap_logger(None, processors=[logged]))
    monkeypatch.setattr(module, "OUTGROWN", 3)
    index.bulk("c", [make(str(n)) for n in range(3)])
    assert index.advice("c") is None
    for n in range(3, 6):
        index.bulk("c", [make(str(n))])
    advice = index.advice("c")
    assert "6 items" in advice
    assert "triptych migrate" in advice
    assert "TRIPTYCH_INDEX_URL" in advice
    assert ["triptych migrate" in entry["event"] for entry in logged.entries] == [True]


def test_a_made_up_position_is_refused(index: EmbeddedIndex):
    """It is the caller's mistake."""
    for after in ([["string", 1]], [["number", "a"]], [["x", 1]], [[]]):
        with pytest.raises(InvalidInput):
            index.list("c", Listing(after=after))
