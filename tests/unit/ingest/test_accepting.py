"""What is accepted, and what becomes of the rest of it."""

import io
import json
import re
import threading
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest

from triptych.core.errors import InvalidInput, KeyReused, TooLarge
from triptych.core.item import Item
from triptych.core.settings import Limits
from triptych.ingest import accepting
from triptych.ingest.accepting import Accepted, Acceptor, Target
from triptych.ingest.clock import StoreClock
from triptych.ingest.content import content_digest
from triptych.ingest.intake import Intake
from triptych.ingest.ledger import Ledger, Settlement
from triptych.ingest.manifest import read_manifest, read_window
from triptych.ingest.sent import ItemFields, Rejection
from triptych.media.store import MediaStore

C = Target("c", "0" * 16)


@pytest.fixture
def acceptor() -> Acceptor:
    """A batch is ten items, a text ten characters."""
    store = MediaStore(f"memory://{uuid.uuid4().hex}")
    return Acceptor(store, Limits(batch_items=10, text_chars=10), "print", StoreClock(store))


def taken(acceptor: Acceptor, files: dict[str, bytes]) -> Intake:
    """An upload of these files."""
    intake = acceptor.intake()
    for name, data in files.items():
        intake.take(name, io.BytesIO(data))
    return intake


def stored(acceptor: Acceptor, accepted: Accepted) -> list:
    """The items of a batch as the planner will read them."""
    window = read_window(acceptor.store, accepted.manifest.batch, None, 0, 100)
    return [entry.item for entry in window.entries]


def test_too_many_lines_are_refused_at_the_limit(acceptor, monkeypatch):
    """What comes after it is not read."""
    read = []

    def lines(*_) -> Iterator[tuple[int, Rejection]]:
        for number in range(1000):
            read.append(number)
            yield number, Rejection(number, "bad", None)

    monkeypatch.setattr(accepting, "read_lines", lines)
    with pytest.raises(TooLarge, match="more than 10 items"):
        acceptor.manifest(C, b"")
    assert len(read) == 11


def test_exactly_the_limit_is_accepted_and_nothing_is_not(acceptor):
    """Ordinals count from nought."""
    accepted = acceptor.manifest(C, b'{"text":"a"}\n' * 10)
    assert accepted.manifest.total == 10
    assert [item.ordinal for item in stored(acceptor, accepted)] == list(range(10))
    with pytest.raises(InvalidInput, match="empty"):
        acceptor.manifest(C, b"\n")


def test_of_a_text_above_the_limit_the_rest_goes_no_further(acceptor):
    """As a line and as a file: a note says so."""
    line = json.dumps({"id": "a", "text": "x" * 11, "image": "p.png"}).encode()
    (item,) = stored(acceptor, acceptor.manifest(C, line))
    assert (item.text, item.notes["text"][0][1]) == ("x" * 10, True)
    (item,) = stored(acceptor, acceptor.files(C, taken(acceptor, {"a.txt": b"x" * 11})))
    assert (item.text, item.notes["text"][0][1]) == ("x" * 10, True)


def test_bad_ids_become_good_ones(acceptor):
    """Of lines and of files, which keep their names."""
    lines = b'{"id":"..","text":"a"}\n{"image":"/data/p.png"}\n{"image":"p.png"}'
    refused, hashed, plain = stored(acceptor, acceptor.manifest(C, lines))
    assert refused.id.startswith("line-1-")
    assert "id:" in refused.errors["item"]
    assert re.fullmatch("[0-9a-f]{32}", hashed.id)
    assert plain.id == "p.png"
    names = {"/a\n.txt": b"a", "\ud800.exe": b"b"}
    text, unknown = stored(acceptor, acceptor.files(C, taken(acceptor, names)))
    assert all(re.fullmatch("[0-9a-f]{32}", item.id) for item in (text, unknown))
    assert (text.names, unknown.names) == ({"text": "/a\\n.txt"}, {"item": "\\ud800.exe"})
    assert "\\ud800.exe" in unknown.errors["item"]


def test_a_file_of_no_kind_does_not_replace_an_item(acceptor):
    """README beside README.txt."""
    accepted = acceptor.files(C, taken(acceptor, {"README": b"a", "README.txt": b"b"}))
    good, failed = stored(acceptor, accepted)
    assert (good.id, good.errors) == ("README", {})
    assert failed.id.startswith("line-0-")


def test_names_of_files_and_folders_are_words(acceptor):
    """Of all ways in; extensions say nothing, and a name that comes twice says it once."""
    files = {"2023/a beach.png": b"1", "2023/a beach.txt": b"x", "2023/a beach.ogg": b"2"}
    (item,) = stored(acceptor, acceptor.files(C, taken(acceptor, files)))
    assert (item.words["names"], item.plain["names"]) == ("2023 beach", "2023 a beach")
    (item,) = stored(acceptor, acceptor.manifest(C, b'{"id": "a", "image": "the sea/owls.png"}'))
    assert item.words["names"] == "sea owl"
    for name in (".", "..", "/"):  # no names of files
        line = json.dumps({"id": "a", "image": name}).encode()
        (item,) = stored(acceptor, acceptor.manifest(C, line))
        assert not item.words.get("names")
    single = acceptor.single(C, ItemFields(), {"image": b"1"}, {"image": "owls.png"})
    assert single.chunk.items[0].words == {"names": "owl"}
    single = acceptor.single(C, ItemFields(text="owls"), {}, {})
    assert "names" not in single.chunk.items[0].words


def test_tags_and_the_strings_of_metadata_are_words(acceptor):
    """Of all ways in; each value on its own, so that a stop word alone counts."""
    sent = {"tags": ["Sandy beach", "IT"], "metadata": {"camera": "Acme X100", "year": 2000}}
    line = json.dumps({"id": "a", "text": "x", **sent}).encode()
    (item,) = stored(acceptor, acceptor.manifest(C, line))
    single = acceptor.single(C, ItemFields(text="x", **sent), {}, {}).chunk.items[0]
    assert item.words == single.words
    assert item.words == {"tags": "sandi beach it", "metadata": "acm x100 100"}
    assert item.plain["tags"] == "sandy beach | it"
    (plain,) = stored(acceptor, acceptor.manifest(C, b'{"id": "a", "text": "x"}'))
    assert plain.words == {}


def test_a_line_finds_its_files_however_their_names_are_written(acceptor):
    """A list made on Windows, files of a Mac; the item shows what the file is called."""
    files = {"photos/Cafe\u0301.png": b"1"}
    for name in ("photos/Café.png", "./photos/Café.png", "photos\\Cafe\u0301.png"):
        line = json.dumps({"id": "A\u030a", "image": name}).encode()
        (item,) = stored(acceptor, acceptor.manifest(C, line, taken(acceptor, files)))
        assert (item.id, item.errors) == ("Å", {})
        assert item.names == {"image": "photos/Cafe\u0301.png"}
        line = json.dumps({"image": name.removeprefix("photos/").removeprefix("photos\\")})
        sent = taken(acceptor, {**files, "photos/m.jsonl": line.encode()})
        if "./" not in name:
            (item,) = stored(acceptor, acceptor.files(C, sent))
            assert (item.id, item.errors) == ("photos/Café.png", {})


def test_files_of_one_stem_in_any_form_are_one_item(acceptor):
    """As a picture of a Mac and its text of another system."""
    files = {"Cafe\u0301.png": b"1", "Café.txt": b"x"}
    (item,) = stored(acceptor, acceptor.files(C, taken(acceptor, files)))
    assert (item.id, set(item.names)) == ("Café", {"image", "text"})


def test_what_systems_keep_beside_files_is_left_out_and_counted(acceptor):
    """Of a folder that was dropped on the page."""
    companions = (
        "._a.png", "f/.DS_Store", "Thumbs.db", "@eaDir/a.png/S.jpg", "__MACOSX/a.png",
        "#recycle/b.png", ".thumbnails/a.png", "$RECYCLE.BIN/x.txt", "f/desktop.ini",
    )  # fmt: skip
    files = {"a.png": b"1", **dict.fromkeys(companions, b"x")}
    accepted = acceptor.files(C, taken(acceptor, files))
    assert [item.id for item in stored(acceptor, accepted)] == ["a"]
    assert (accepted.left_out, accepted.rejected) == (9, [])


def test_a_line_of_text_alone_is_one_item_however_often_it_is_sent(acceptor):
    """Its id comes from all that it says, so that lines that differ in a tag are two."""
    line, other = b'{"text":"a"}', b'{"text":"a","tags":["t"]}'
    first = stored(acceptor, acceptor.manifest(C, line + b"\n" + other))
    (again,) = stored(acceptor, acceptor.manifest(C, line))
    assert first[0].id == again.id != first[1].id


def test_a_single_item_is_a_batch_of_its_own(acceptor):
    """Its manifest is stored before it is sent anywhere, and its chunk refers to it."""
    fields = ItemFields(id="a", text="abc")
    chunk = acceptor.single(C, fields, {"image": b"12345"}, {"image": "p"}).chunk
    window = read_window(acceptor.store, chunk.batch, None, 0, 100)
    assert [entry.item for entry in window.entries] == list(chunk.items)
    assert chunk.single
    assert (chunk.items[0].size, chunk.slip) == (8, ("image", "text", "fusion"))


def test_what_is_accepted_later_has_higher_versions(acceptor):
    """Every item of the batch before is below."""
    first = acceptor.manifest(C, b'{"text":"a"}\n' * 10).manifest
    second = acceptor.manifest(C, b'{"text":"a"}').manifest
    assert second.sequence >= first.sequence + 10


def test_what_is_sent_again_under_its_key_is_accepted_once(acceptor):
    """With the first answer, also for what failed; another body is refused."""
    keyed = Target(C.name, C.identity, "k1")
    body = b'{"id": "a", "text": "x"}\nbroken\n'
    first = acceptor.manifest(keyed, body)
    second = acceptor.manifest(keyed, body)
    assert (first.repeated, second.repeated) == (False, True)
    assert second.manifest == first.manifest
    assert second.rejected == first.rejected
    with pytest.raises(KeyReused):
        acceptor.manifest(keyed, body + b"{}\n")
    others = [Target(C.name, C.identity, "k2"), Target(C.name, "1" * 16, "k1"), C]
    batches = {acceptor.manifest(one, body).manifest.batch for one in (keyed, *others)}
    assert len(batches) == 4


def test_a_key_is_known_after_its_batch_was_closed(acceptor):
    """The closed batch has the same header."""
    keyed = Target(C.name, C.identity, "k")
    manifest = acceptor.manifest(keyed, b'{"id": "a", "text": "x"}').manifest
    Ledger(acceptor.store, None).close(manifest, Settlement({0: "indexed"}))
    assert acceptor.manifest(keyed, b'{"id": "a", "text": "x"}').repeated
    with pytest.raises(KeyReused):
        acceptor.manifest(keyed, b'{"id": "b", "text": "x"}')


def test_only_what_is_whole_and_here_has_a_content(acceptor):
    """The digest of all that was sent, which the sender computes, too."""
    lines = (
        b'{"id": "a", "text": " x ", "tags": ["t"]}\n'
        b'{"id": "b", "image": "/on/server.png"}\n'
        b'{"id": "c", "text": ""}\n'
    )
    whole, elsewhere, failed = stored(acceptor, acceptor.manifest(C, lines))
    expected = content_digest(Item("", text="x", fields={"tags": ["t"]}))
    assert whole.fields["content"] == expected
    assert "content" not in elsewhere.fields
    assert "content" not in failed.fields


class Meeting(StoreClock):
    """A clock at which all that accept something wait for each other, after they have looked."""

    def __init__(self, store: MediaStore, number: int) -> None:
        super().__init__(store)
        self.barrier = threading.Barrier(number)

    def next(self, count: int = 1) -> int:
        """The next number, when all are here."""
        self.barrier.wait(10)
        return super().next(count)


@pytest.mark.parametrize("kind", ["manifest", "item"])
@pytest.mark.parametrize("scheme", ["file", "memory"])
def test_of_many_at_the_same_moment_one_is_accepted(tmp_path, scheme, kind):
    """Under one key; the others hear of its batch. They may be in different processes."""
    store = MediaStore(tmp_path.as_uri() if scheme == "file" else f"memory://{uuid.uuid4().hex}")
    acceptor = Acceptor(store, Limits(), "print", Meeting(store, 6))
    keyed = Target(C.name, C.identity, "k")

    def accept(_: int) -> tuple[str, bool]:
        if kind == "item":
            one = acceptor.single(keyed, ItemFields(id="a", text="x"), {}, {})
            return one.chunk.batch, one.repeated
        accepted = acceptor.manifest(keyed, b'{"id": "a", "text": "x"}')
        return accepted.manifest.batch, accepted.repeated

    with ThreadPoolExecutor(6) as pool:
        outcomes = list(pool.map(accept, range(6)))
    assert len({batch for batch, _ in outcomes}) == 1
    assert [repeated for _, repeated in outcomes].count(False) == 1
    assert len(store.documents("batches")) == 1


def test_a_batch_that_is_closed_meanwhile_is_not_accepted_again(acceptor):
    """Though the open one, which would be in the way, is gone by then."""
    keyed, body = Target(C.name, C.identity, "k"), b'{"id": "a", "text": "x"}'

    class Overtaken(StoreClock):
        """A clock that is so slow that another gateway has done it all."""

        def next(self, count: int = 1) -> int:
            manifest = acceptor.manifest(keyed, body).manifest
            Ledger(acceptor.store, None).close(manifest, Settlement({0: "indexed"}))
            return super().next(count)

    slow = replace(acceptor, clock=Overtaken(acceptor.store))
    assert slow.manifest(keyed, body).repeated
    assert acceptor.store.documents("batches") == []


def test_a_single_item_is_accepted_once_under_its_key(acceptor):
    """Also when it has been indexed since."""
    keyed = Target(C.name, C.identity, "k")

    def send(text: str):
        return acceptor.single(keyed, ItemFields(id="a", text=text), {}, {})

    first, second = send("x"), send("x")
    assert (first.repeated, second.repeated) == (False, True)
    assert second.chunk.sequence == first.chunk.sequence
    manifest = read_manifest(acceptor.store, first.chunk.batch)
    Ledger(acceptor.store, None).close(manifest, Settlement({0: "indexed"}))
    assert send("x").repeated
    with pytest.raises(KeyReused):
        send("y")
