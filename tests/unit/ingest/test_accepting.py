"""What is accepted, and what becomes of the rest of it."""

import json
import re
import uuid
from collections.abc import Iterator

import pytest

from triptych.core.errors import InvalidInput, TooLarge
from triptych.core.settings import Limits
from triptych.ingest import accepting
from triptych.ingest.accepting import Accepted, Acceptor
from triptych.ingest.manifest import Rejection, read_manifest
from triptych.media.store import MediaStore


@pytest.fixture
def acceptor() -> Acceptor:
    """A batch is ten items, a text ten characters."""
    store = MediaStore(f"memory://{uuid.uuid4().hex}")
    return Acceptor(store, Limits(batch_items=10, text_chars=10), "print")


def stored(acceptor: Acceptor, accepted: Accepted) -> list:
    """The items of a batch as the planner will read them."""
    manifest = read_manifest(acceptor.store, accepted.manifest.batch)
    return [entry.item for entry in manifest.entries]


def test_too_many_lines_are_refused_at_the_limit(acceptor, monkeypatch):
    """What comes after it is not read."""
    read = []

    def lines(_) -> Iterator[tuple[int, Rejection]]:
        for number in range(1000):
            read.append(number)
            yield number, Rejection(number, "bad", None)

    monkeypatch.setattr(accepting, "read_lines", lines)
    with pytest.raises(TooLarge, match="more than 10 items"):
        acceptor.manifest("c", b"")
    assert len(read) == 11


def test_exactly_the_limit_is_accepted_and_nothing_is_not(acceptor):
    """Ordinals count from nought."""
    accepted = acceptor.manifest("c", b'{"text":"a"}\n' * 10)
    assert accepted.manifest.total == 10
    assert [item.ordinal for item in stored(acceptor, accepted)] == list(range(10))
    with pytest.raises(InvalidInput, match="empty"):
        acceptor.manifest("c", b"\n")


def test_a_text_above_the_limit_goes_no_further(acceptor):
    """As a line and as a file: the item does, with the reason."""
    line = json.dumps({"id": "a", "text": "x" * 11, "image": "p.png"}).encode()
    (item,) = stored(acceptor, acceptor.manifest("c", line))
    assert (item.text, "limit is 10" in item.errors["text"]) == (None, True)
    (item,) = stored(acceptor, acceptor.files("c", {"a.txt": b"x" * 11}))
    assert (item.text, "limit is 10" in item.errors["text"]) == (None, True)


def test_bad_ids_become_good_ones(acceptor):
    """Of lines and of files, which keep their names."""
    lines = b'{"id":"..","text":"a"}\n{"image":"/data/p.png"}\n{"image":"p.png"}'
    refused, hashed, plain = stored(acceptor, acceptor.manifest("c", lines))
    assert refused.id.startswith("line-1-")
    assert "id:" in refused.errors["item"]
    assert re.fullmatch("[0-9a-f]{32}", hashed.id)
    assert plain.id == "p.png"
    names = {"/a\n.txt": b"a", "\ud800.exe": b"b"}
    text, unknown = stored(acceptor, acceptor.files("c", names))
    assert all(re.fullmatch("[0-9a-f]{32}", item.id) for item in (text, unknown))
    assert (text.names, unknown.names) == ({"text": "/a\\n.txt"}, {"item": "\\ud800.exe"})
    assert "\\ud800.exe" in unknown.errors["item"]


def test_a_file_of_no_kind_does_not_replace_an_item(acceptor):
    """README beside README.txt."""
    accepted = acceptor.files("c", {"README": b"a", "README.txt": b"b"})
    good, failed = stored(acceptor, accepted)
    assert (good.id, good.errors) == ("README", {})
    assert failed.id.startswith("line-0-")
