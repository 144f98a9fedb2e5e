"""Files that are not as they should be are an error with a reason, never a crash."""

import json
import resource
import shutil
import signal
import sqlite3
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import pytest

from contract.documents import look_up, make, phrase, word, write
from support import layout
from triptych.core.errors import (
    CursorExpired,
    FingerprintMismatch,
    IndexUnavailable,
    InvalidInput,
    NotFound,
)
from triptych.core.settings import Settings
from triptych.fusion.query import PresenceClass
from triptych.index import open_index
from triptych.index.embedded import EmbeddedIndex, writer
from triptych.index.embedded.schema import DATABASE
from triptych.index.embedded.store import translated
from triptych.index.model import Condition, Held, IndexQuery, Listing, Range, Words

SEARCHABLE_THEN = ("text", "transcript", "writing")
EVERYTHING = IndexQuery(
    classes=[PresenceClass(("text",), (), np.ones(layout().dims, np.float32))], candidates=50
)


@pytest.mark.parametrize("content", [b"", b"no database at all" * 1000])
def test_a_foreign_file_is_refused(index: EmbeddedIndex, tmp_path: Path, content: bytes):
    """With the name of the file."""
    (tmp_path / "d").mkdir()
    (tmp_path / "d" / DATABASE).write_bytes(content)
    for call in (
        lambda: index.search("d", EVERYTHING),
        lambda: index.bulk("d", [make("a")]),
        lambda: index.ensure("d"),
    ):
        with pytest.raises(IndexUnavailable, match=r"d/index\.db"):
            call()
    index.drop("d")
    index.ensure("d")


def test_a_database_of_another_program_is_refused(index: EmbeddedIndex, tmp_path: Path):
    """It stays as it is."""
    (tmp_path / "d").mkdir()
    connection = sqlite3.connect(tmp_path / "d" / DATABASE)
    connection.execute("CREATE TABLE mine (a)")
    connection.close()
    with pytest.raises(IndexUnavailable, match="no index of Triptych"):
        index.count("d")


@pytest.mark.parametrize(("version", "reason"), [(99, "newer Triptych"), (0, "older Triptych")])
def test_a_file_of_another_format_is_refused(tmp_path, index, version: int, reason: str, anew):
    """And says of which."""
    connection = sqlite3.connect(tmp_path / "c" / DATABASE)
    connection.execute(f"PRAGMA user_version = {version}")
    connection.close()
    with pytest.raises(IndexUnavailable, match=reason):
        anew().count("c")


def unname(folder: Path) -> None:
    """Make of a collection one as the second format had it, of which fewer fields had words."""
    fields = [f"{kind}.{name}" for kind in ("words", "plain") for name in SEARCHABLE_THEN]
    with closing(sqlite3.connect(folder / DATABASE)) as connection:
        numbers = dict(connection.execute("SELECT name, number FROM indexed"))
        for name in numbers.keys() - set(fields):
            connection.execute(f'ALTER TABLE rows DROP COLUMN "{name}"')
            connection.execute("DELETE FROM terms WHERE field = ?", (numbers[name],))
        connection.execute("UPDATE terms SET field = -1 - field")
        for number, name in enumerate(fields):
            connection.execute(f'ALTER TABLE rows RENAME COLUMN "{name}" TO length{number}')
            ours = (number, -1 - numbers[name])
            connection.execute("UPDATE terms SET field = ? WHERE field = ?", ours)
        connection.execute("DROP TABLE indexed")
        connection.execute("PRAGMA user_version = 2")
        connection.commit()


@pytest.mark.parametrize("unnamed", [True, False], ids=["second format", "fewer fields"])
def test_a_collection_takes_fields_with_words_that_are_declared_later(
    index: EmbeddedIndex, tmp_path: Path, anew, *, unnamed: bool
):
    """What it has is found as before, and what is added by the new field, too."""
    index.bulk("c", [make("old", words={"text": "owl", "writing": "cat"})])
    before = look_up(index, "c", word("owl"))
    index.close()
    if unnamed:
        unname(tmp_path / "c")
    else:
        with closing(sqlite3.connect(tmp_path / "c" / DATABASE)) as connection:
            for kind in ("words", "plain"):
                connection.execute(f'ALTER TABLE rows DROP COLUMN "{kind}.names"')
                connection.execute("DELETE FROM indexed WHERE name = ?", (f"{kind}.names",))
            connection.commit()
    later = anew()
    with ThreadPoolExecutor(4) as pool:
        assert {
            str(found) for found in pool.map(lambda _: look_up(later, "c", word("owl")), "1234")
        } == {str(before)}
    write(later, "c", [make("new", words={"names": "beach"}, plain={"names": "beach"})])
    assert [match.candidate.id for match in look_up(later, "c", word("beach"))] == ["new"]
    assert [match.candidate.id for match in look_up(later, "c", phrase("beach"))] == ["new"]
    assert [match.candidate.id for match in look_up(later, "c", word("cat"))] == ["old"]


def blur(folder: Path) -> None:
    """Make of a collection one as the third format had it: inexact numbers, no dates, raw tags."""
    with closing(sqlite3.connect(folder / DATABASE)) as connection:
        connection.executescript("""
            DELETE FROM facts WHERE kind = 'instant'
                OR field = (SELECT number FROM fields WHERE name = 'tags');
            UPDATE OR IGNORE facts SET value = CAST(value AS REAL) WHERE kind = 'number';
            INSERT INTO facts SELECT number, 'string', value, place
                FROM fields, documents, json_each(CAST(public AS TEXT), '$.tags')
                WHERE name = 'tags';
            UPDATE documents
                SET hidden = CAST(json_remove(CAST(hidden AS TEXT), '$.folded_tags') AS BLOB);
            PRAGMA user_version = 3;
        """)


def test_a_collection_of_the_third_format_becomes_exact(
    index: EmbeddedIndex, tmp_path: Path, anew, monkeypatch
):
    """Numbers, dates and tags; what is replaced later leaves nothing behind."""
    large, when = 2**53 + 1, "2025-01-01T00:30:00+02:00"
    entries = [
        make(f"{n}", tags=("Beach",), metadata={"n": large + n, "when": when}) for n in range(2)
    ]
    index.bulk("c", entries)
    index.close()
    blur(tmp_path / "c")
    later = anew()

    def found(field: str, **asked: object) -> list[str]:
        page = later.list("c", Listing([Condition(field, **asked)]))
        return [document["id"] for document in page.documents]

    assert found("metadata.n", any_of=(large,)) == ["0"]
    assert found("metadata.n", within=Range(gt=large)) == ["1"]
    assert found("metadata.when", any_of=("2024-12-31T22:30Z",)) == ["0", "1"]
    assert found("tags", any_of=("beach",)) == ["0", "1"]
    later.bulk("c", [make(f"{n}", version=2) for n in range(2)])
    monkeypatch.setattr(writer, "KEPT_SECONDS", -1.0)
    later.forget("c", {})
    with closing(sqlite3.connect(tmp_path / "c" / DATABASE)) as connection:
        left = connection.execute(
            "SELECT count(*) FROM facts WHERE kind IN ('number', 'instant') AND field != "
            "(SELECT number FROM fields WHERE name = 'added')"
        ).fetchone()
    assert left == (0,)
    assert found("tags", any_of=("beach",)) == []


def age(folder: Path) -> None:
    """Make of a collection one as the first format had it."""
    unname(folder)
    connection = sqlite3.connect(folder / DATABASE)
    connection.executescript("""
        CREATE TABLE old (id TEXT PRIMARY KEY, version INTEGER NOT NULL, place INTEGER,
            deleted_at REAL) WITHOUT ROWID;
        INSERT INTO old SELECT id, version, place, iif(place IS NULL, 1.0, NULL) FROM items;
        DROP TABLE items;
        ALTER TABLE old RENAME TO items;
        CREATE INDEX items_deleted ON items (deleted_at) WHERE deleted_at IS NOT NULL;
        ALTER TABLE collection DROP COLUMN identity;
        DELETE FROM facts WHERE field = (SELECT number FROM fields WHERE name = 'digests');
        DELETE FROM fields WHERE name = 'digests';
        UPDATE documents SET hidden = CAST(json_remove(CAST(hidden AS TEXT), '$.digests') AS BLOB);
        PRAGMA user_version = 1;
    """)
    connection.close()


def test_a_collection_of_the_first_format_goes_on(index: EmbeddedIndex, tmp_path: Path, anew):
    """Whatever it had: items, deletions; and it gets an identity and the digests of its media."""
    digest = "1" * 64
    entries = [make(f"{n}", parts="text image", image=digest) for n in range(3)]
    index.bulk("c", entries)
    index.delete("c", "2", 5)
    index.ensure("empty")
    before = index.get("c", "0")
    index.close()
    for name in ("c", "empty"):
        age(tmp_path / name)
    later = anew()
    assert later.referenced([digest]) == {digest}
    with ThreadPoolExecutor(4) as pool:
        (identity,) = set(pool.map(anew().identity, ["c"] * 4))
    assert later.identity("c") == later.ensure("c") == identity
    assert later.count("c") == {"indexed": 2}
    assert later.get("c", "0") == before
    assert later.versions("c", "012")["2"] == Held(5, "deleted")
    assert later.bulk("c", [make("2", version=4)], identity=identity)[0].result == "superseded"
    for name in "01":
        later.delete("c", name, 6)
    assert later.referenced([digest]) == set()
    with closing(sqlite3.connect(tmp_path / "c" / DATABASE)) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)


def test_what_was_deleted_is_nowhere_in_the_files(index, tmp_path: Path, monkeypatch):
    """Neither in free pages, nor in the vocabulary, nor in the log."""
    secret = [make(f"{n}", text="sesame " * 400, words={"text": "sesam"}) for n in range(30)]
    index.bulk("c", [*secret, make("stays", words={"text": "open"})])
    monkeypatch.setattr(writer, "KEPT_SECONDS", -1.0)
    for n in range(30):
        index.delete("c", f"{n}", 5)
    assert any(b"sesam" in file.read_bytes() for file in (tmp_path / "c").iterdir())
    index.forget("c", {})
    index.close()
    assert not [file for file in (tmp_path / "c").iterdir() if b"sesam" in file.read_bytes()]
    assert [f.candidate.id for f in look_up(index, "c", word("open"))] == ["stays"]


def test_a_folder_that_is_gone_is_away(index: EmbeddedIndex, tmp_path: Path):
    """As one that is not mounted: nothing in it was dropped, and no other is made in its place."""
    identity = index.identity("c")
    index.bulk("c", [make("a")])
    aside = tmp_path.with_name("aside")
    tmp_path.rename(aside)
    fresh = EmbeddedIndex(tmp_path, layout=layout())
    for call in (
        index.ping,
        index.collections,
        lambda: index.ensure("c"),
        lambda: index.get("c", "a"),
        lambda: index.drop("c"),
        lambda: index.referenced(["1" * 64]),
        lambda: fresh.bulk("c", [make("b")], identity=identity),
        lambda: fresh.versions("c", ["a"]),
        lambda: fresh.identity("c"),
        lambda: fresh.referenced(["1" * 64]),
    ):
        with pytest.raises(IndexUnavailable, match="is not there"):
            call()
    assert not tmp_path.exists()
    aside.rename(tmp_path)
    assert index.get("c", "a") == fresh.get("c", "a")
    assert index.identity("c") == identity
    fresh.close()


def test_a_folder_that_can_not_be_written_to_is_away(index: EmbeddedIndex, monkeypatch):
    """Whatever the disk says; what only a defect can make is told as one."""
    for code, name in [(sqlite3.SQLITE_READONLY, "readonly"), (sqlite3.SQLITE_IOERR_WRITE, "disk")]:
        with pytest.raises(IndexUnavailable, match=f"c/{DATABASE}: {name}"), failing(code, name):
            pass
    with (
        pytest.raises(IndexUnavailable, match=r"damaged.*restore"),
        failing(sqlite3.SQLITE_CORRUPT, "malformed"),
    ):
        pass
    with (
        pytest.raises(sqlite3.Error, match="no such table"),
        failing(sqlite3.SQLITE_ERROR, "no such table"),
    ):
        pass


@contextmanager
def failing(code: int, reason: str) -> Iterator[None]:
    """An error of SQLite in a collection."""
    error = sqlite3.OperationalError(reason)
    error.sqlite_errorcode = code
    with translated(Path("c")):
        yield
        raise error


def test_what_a_killed_process_left_of_a_dropped_collection_goes(
    index: EmbeddedIndex, tmp_path: Path, monkeypatch
):
    """With the next look of any process."""
    index.bulk("c", [make("a")])
    monkeypatch.setattr(shutil, "rmtree", lambda *_, **__: None)
    index.drop("c")
    assert list(tmp_path.iterdir())
    assert index.collections() == []
    monkeypatch.undo()
    index.ping()
    assert list(tmp_path.iterdir()) == []


def test_an_overwritten_database_is_unavailable(index: EmbeddedIndex, tmp_path: Path, anew):
    """Pages full of something else are noticed."""
    index.bulk("c", [make(str(n)) for n in range(50)])
    path = tmp_path / "c" / DATABASE
    connection = sqlite3.connect(path)
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    connection.close()
    data = bytearray(path.read_bytes())
    data[4096:] = b"\x5a" * (len(data) - 4096)
    path.write_bytes(data)
    with pytest.raises(IndexUnavailable, match=f"c/{DATABASE}"):
        anew().list("c", Listing())


def test_missing_or_cut_vectors_are_unavailable(index: EmbeddedIndex, tmp_path: Path, anew):
    """Instead of a process that dies when it reads there."""
    index.bulk("c", [make("a")])
    with (tmp_path / "c" / "semantic.f32").open("r+b") as file:
        file.truncate(100)
    with pytest.raises(IndexUnavailable, match=r"c/semantic\.f32 is cut off"):
        anew().search("c", EVERYTHING)
    (tmp_path / "c" / "semantic.f32").unlink()
    with pytest.raises(IndexUnavailable, match=r"c/semantic\.f32: No such file"):
        anew().search("c", EVERYTHING)
    with pytest.raises(IndexUnavailable, match=r"c/semantic\.f32 is cut off"):
        anew().bulk("c", [make("b")])  # or zeros would take the place of what is lost


def write_until_full(folder: Path, limit: int, answers) -> None:
    """In a process whose files may not become larger than so many bytes."""
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
    index = EmbeddedIndex(folder, layout=layout())
    try:
        for n in range(1000):
            index.bulk("c", [make(f"{n}", text="x" * 2_000_000)])
            answers.put(n)
    except IndexUnavailable as error:
        answers.put(str(error))


@pytest.mark.parametrize("limit", [1 << 20, 32 << 20])
def test_a_full_disk_is_unavailable_and_loses_nothing(index, tmp_path: Path, limit: int):
    """Neither for the vectors nor for the database; what was written before stays."""
    context = get_context("spawn")
    answers = context.Queue()
    process = context.Process(target=write_until_full, args=(tmp_path, limit, answers))
    process.start()
    written = 0
    while not isinstance(answer := answers.get(timeout=120), str):
        written = answer + 1
    process.join()
    assert answer.startswith("c/")
    assert index.count("c") == ({"indexed": written} if written else {})
    index.bulk("c", [make("later")])
    found = index.search("c", EVERYTHING).total
    assert found == min(50, written + 1)


def test_of_unknown_blocks_all_is_there_but_vectors(index: EmbeddedIndex, tmp_path: Path, anew):
    """An index by other encoders that is older than the habit of keeping its blocks."""
    index.bulk("c", [make("a")])
    connection = sqlite3.connect(tmp_path / "c" / DATABASE)
    (meta,) = connection.execute("SELECT meta FROM collection").fetchone()
    kept = {name: value for name, value in json.loads(meta).items() if name != "blocks"}
    older = {**kept, "fingerprint": "f" * 16, "encoders": {"semantic": "other (1)"}}
    connection.execute("UPDATE collection SET meta = ?", (json.dumps(older),))
    connection.commit()
    theirs = anew()
    theirs.ensure("c")
    theirs.bulk("c", [make(f"b{n}") for n in range(5000)])
    assert theirs.origin("c").layout is None
    assert theirs.list("c", Listing()).total == 5001
    assert "features" not in theirs.get("c", "a")
    assert theirs.search("c", IndexQuery(Words([word("word")]))).total == 5001
    with pytest.raises(FingerprintMismatch, match="semantic was other"):
        theirs.search("c", EVERYTHING)
    connection.execute("UPDATE collection SET meta = ?", (json.dumps(kept),))
    connection.commit()
    connection.close()
    ours = anew()
    ours.ensure("c")
    assert ours.search("c", EVERYTHING).total == 1
    assert "features" in ours.get("c", "a")
    assert "features" not in ours.get("c", "b4999")
    ours.bulk("c", [make("b")])
    assert ours.origin("c").layout == layout()
    assert "blocks" in json.loads(read_meta(tmp_path / "c" / DATABASE))


def read_meta(database: Path) -> str:
    """What built a collection, as it is stored."""
    with closing(sqlite3.connect(database)) as connection:
        (meta,) = connection.execute("SELECT meta FROM collection").fetchone()
    return meta


def test_a_dropped_collection_is_gone_for_those_who_had_it_open(index, tmp_path: Path, anew):
    """Also when there is a new one of its name."""
    other = anew()
    other.bulk("c", [make("a")])
    snapshot = other.freeze("c")
    index.drop("c")
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(NotFound):
        other.get("c", "a")
    index.ensure("c")
    assert other.count("c") == {}
    with pytest.raises(CursorExpired):
        other.list("c", Listing(), snapshot=snapshot)
    other.bulk("c", [make("b")])
    assert index.count("c") == {"indexed": 1}


def test_an_embedded_index_has_one_shard(index: EmbeddedIndex):
    """Others are refused, by the field that asks for them."""
    index.ensure("d", shards=1, replicas=0)
    for wanted in ({"shards": 2}, {"replicas": 1}):
        with pytest.raises(InvalidInput, match="the embedded index has") as caught:
            index.ensure("e", **wanted)
        assert caught.value.field in wanted
    assert index.collections() == ["c", "d"]


@pytest.mark.parametrize("name", ["..", ".", "", "a/b", "A", "a.b", "c\n", "/etc"])
def test_a_collection_is_no_path(index: EmbeddedIndex, name: str):
    """Whatever it is called."""
    for call in (lambda: index.ensure(name), lambda: index.drop(name), lambda: index.count(name)):
        with pytest.raises(NotFound):
            call()


def test_where_the_default_is(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    """In the folder for data, also where the setting is empty; or in that of a file URL."""
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "a b"))
    with closing(open_index(Settings(index_url=None), layout())) as index:
        index.ensure("c")
    assert (tmp_path / "a b" / "triptych" / "index" / "triptych" / "c" / DATABASE).exists()
    with closing(open_index(Settings(index_url=""), layout())) as index:
        assert index.collections() == ["c"]
    url = (tmp_path / "ü").as_uri()
    with closing(open_index(Settings(index_url=url, index_prefix="other"), layout())) as index:
        index.ensure("c")
    assert (tmp_path / "ü" / "other" / "c" / DATABASE).exists()


@pytest.mark.parametrize("url", ["file://host/x", "file:x", "s3://a/b", "nothing"])
def test_other_urls_are_refused(url: str):
    """With those that are supported."""
    with pytest.raises(ValueError, match="only file:///folder, http:// and https://"):
        open_index(Settings(index_url=url), layout())
