"""Adding and searching in process."""

import json
import zipfile

import pytest

from triptych.core.errors import InvalidInput, NotFound
from triptych.core.settings import Limits, Settings
from triptych.engine import Engine
from triptych.engine.adding import Report
from triptych.engine.asking import search_request, similar_request
from triptych.ingest import accepting
from triptych.ingest.manifest import read_window


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    """A folder that an engine has not seen yet."""
    return tmp_path_factory.mktemp("home") / "shelf"


@pytest.fixture(scope="module")
def engine(home):
    """An engine over that folder; a text has at most 40 characters."""
    settings = Settings.of_folder(home).model_copy(update={"limits": Limits(text_chars=40)})
    with Engine.open(settings) as opened:
        yield opened


def test_items_are_searchable_when_they_are_added(engine, home):
    """Each by its words; the folder has the layout of a local stack."""
    items = [
        {"id": "owl", "text": "An owl at night.", "tags": ["birds"], "metadata": {"year": 2024}},
        {"id": "cat", "text": "A cat asleep."},
    ]
    report = engine.add("c", items, progress=False)
    assert (report.total, report.done, report.failed, report.failures) == (2, 2, 0, ())
    answer = engine.search("c", text="night", filter={"metadata.year": {"gte": 2000}})
    assert [hit.id for hit in answer.hits] == ["owl"]
    assert "owl  An owl at night.  (" in str(answer)
    assert [hit.id for hit in engine.similar("c", "owl").hits] == ["cat"]
    assert engine.item("c", "owl")["tags"] == ["birds"]
    engine.delete_item("c", "owl")
    with pytest.raises(NotFound):
        engine.item("c", "owl")
    assert {path.name for path in home.iterdir()} == {"media", "index"}


def test_what_is_wrong_with_an_item_is_reported(engine, tmp_path):
    """It raises nothing, and its neighbours are added."""
    items = [
        {"id": "none"},
        {"id": "unknown", "text": "x", "colour": "red"},
        {"id": "number", "image": 7},
        {"id": "lost", "text": "half is there", "image": tmp_path / "lost.png"},
        {"id": "broken", "image": b"no picture"},
        {"id": "long", "text": "x" * 41},
        {"id": "good", "text": "good"},
    ]
    report = engine.add("bad", items, progress=False)
    reasons = {failure.id: failure.errors for failure in report.failures}
    assert (report.total, report.done, report.failed, report.partial) == (7, 7, 4, 2)
    assert "has no image, text or audio" in reasons["none"]["item"]
    assert "colour: unknown field" in reasons["unknown"]["item"]
    assert "image is of type int" in reasons["number"]["item"]
    assert "lost.png': No such file" in reasons["lost"]["image"]
    assert reasons["broken"].keys() == {"image"}
    (cut,) = (failure.notes for failure in report.failures if failure.id == "long")
    assert "the first 40 are taken" in cut["text"]
    assert "good" not in reasons
    assert "lost (partial): image: " in str(report)
    assert engine.item("bad", "none")["status"] == "failed"


def test_the_same_content_is_the_same_item(engine):
    """Where it has no id of its own."""
    for _ in range(2):
        engine.add("same", [{"text": "one"}, {"text": "two"}], progress=False)
    assert engine.search("same").total.value == 2


def test_paths_are_folders_files_and_manifests(engine, tmp_path):
    """What is of no kind is named; a manifest's lines fail on their own."""
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "a.txt").write_text("first")
    (tmp_path / "folder" / "b.exe").write_bytes(b"")
    (tmp_path / "c.txt").write_text("third")
    lines = [{"id": "d", "text": "fourth"}, {"id": "e", "image": "none.png"}]
    (tmp_path / "m.jsonl").write_text("\n".join(map(json.dumps, lines)) + "\n \n")
    paths = [tmp_path / "folder", str(tmp_path / "c.txt"), tmp_path / "m.jsonl"]
    everything = [*paths, {"id": "f", "text": "last"}]
    reports = list(engine.adding("paths", everything, root=tmp_path))
    assert [skip.name for skip in reports[-1].skips.listed] == ["folder/b.exe"]
    assert [failure.id for failure in reports[-1].failures] == ["e"]
    done = [report.done for report in reports]
    assert done == sorted(done)
    assert (reports[-1].total, done[-1]) == (5, 5)
    answer = engine.search("paths", limit=10, filter={"status": "indexed"})
    assert {hit.id for hit in answer.hits} == {"folder/a", "c", "d", "f"}
    (tmp_path / "c.txt").write_text("changed")
    again = engine.add("paths", paths, root=tmp_path, progress=False)
    assert (again.total, again.skips.counts["unchanged"]) == (2, 2)  # the failed one, and c
    assert "2 unchanged" in str(again)
    assert engine.item("paths", "c")["text"] == "changed"
    with pytest.raises(FileNotFoundError, match="is not there"):
        engine.add("paths", tmp_path / "nothing", progress=False)


def zipped(path, files):
    """Write a ZIP of files."""
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in files.items():
            archive.writestr(name, data)


def test_an_archive_is_like_a_folder_of_its_name(engine, tmp_path):
    """Its members are grouped, manifests in it read, what can't be taken is a failure."""
    lines = [{"id": "one", "text_file": "1.txt", "tags": ["t"]}, {"id": "lost", "image": "9.png"}]
    files = {
        "deep/list.jsonl": "\n".join(map(json.dumps, lines)),
        "deep/1.txt": "the first",
        "deep/2.txt": "the second",
        "../up.txt": "outside",
        "setup.exe": "MZ",
    }
    zipped(tmp_path / "box.zip", files)
    (tmp_path / "broken.tar.gz").write_bytes(b"\x1f\x8bnothing")
    paths = [tmp_path / "box.zip", tmp_path / "broken.tar.gz"]
    report = engine.add("boxes", paths, root=tmp_path, progress=False)
    reasons = {failure.id: failure.errors for failure in report.failures}
    assert (report.total, report.failed) == (5, 3)
    assert engine.item("boxes", "one")["text"] == "the first"
    assert engine.item("boxes", "one")["tags"] == ["t"]
    assert engine.item("boxes", "box/deep/2")["text"] == "the second"
    assert "not among the uploaded files" in reasons["lost"]["image"]
    assert "no known kind" in reasons["box/setup.exe"]["item"]
    assert any("leads out of the archive" in reason.get("item", "") for reason in reasons.values())
    assert [(skip.name, skip.kind) for skip in report.skips.listed] == [
        ("broken.tar.gz", "unreadable")
    ]


def test_a_callback_hears_of_every_chunk(engine):
    """And a bar is shown on standard error otherwise."""
    reports: list[Report] = []
    last = engine.add("called", {"text": "one"}, progress=reports.append)
    assert reports[-1] == last
    assert [report.done for report in reports] == [0, 1, 1]


def test_a_bar_is_shown(engine, capsys):
    """On standard error alone."""
    engine.add("bar", [{"text": "one"}])
    shown = capsys.readouterr()
    assert "1/1" in shown.err
    assert not shown.out


def test_many_items_are_several_batches(engine, monkeypatch):
    """What an iterator gives is stored as it comes, so only a batch is held."""
    monkeypatch.setattr("triptych.engine.adding._BATCH", 2)
    taken = []

    def items():
        for number in range(5):
            taken.append(number)
            yield {"id": str(number), "text": f"number {number}"}

    totals = dict.fromkeys(report.total for report in engine.adding("many", items()))
    assert list(totals) == [2, 4, 5]
    assert taken == [0, 1, 2, 3, 4]


def test_a_file_above_the_limit_is_a_failure(engine):
    """Of that part alone."""
    acceptor = accepting.Acceptor(engine.store, Limits(file_bytes=3), "print", engine.clock)
    accepted = acceptor.items(
        accepting.Target("c", engine.index.ensure("c")),
        [{"id": "a", "text": "x", "image": b"1234"}],
    )
    (entry,) = read_window(engine.store, accepted.manifest.batch, None, 0, 9).entries
    assert entry.item.errors == {"image": "it has more than the limit of 3 bytes"}


def test_media_of_queries_are_bytes_paths_or_references(tmp_path):
    """One or several; ``not_`` stands for what Python keeps for itself."""
    picture = tmp_path / "p.png"
    picture.write_bytes(b"png")
    request = search_request(
        text="a", image=[picture, str(picture), b"raw", "item:x"], not_={"audio": picture}, limit=3
    )
    assert request.image == (b"png", b"png", b"raw", "item:x")
    assert request.against is not None
    assert request.against.audio == (b"png",)
    assert request.limit == 3
    assert similar_request(not_={"text": "b"}).against is not None


@pytest.mark.parametrize(("query", "field"), [({"limit": 0}, "limit"), ({"colour": 1}, "colour")])
def test_a_wrong_query_names_its_field(engine, query, field):
    """As over HTTP."""
    with pytest.raises(InvalidInput) as raised:
        engine.search("c", text="x", **query)
    assert raised.value.field == field


def test_a_closed_engine_has_nothing_open(tmp_path):
    """Its files can be opened again; what was never opened needs no closing."""
    with Engine.open(tmp_path) as first:
        first.add("c", {"id": "a", "text": "x"}, progress=False)
    with Engine.open(str(tmp_path)) as second:
        assert [summary.name for summary in second.collections()] == ["c"]
        assert second.item("c", "a")["text"] == "x"
    with Engine.open(tmp_path):
        pass
