"""What files are called, and which are left out."""

import json
import os
from pathlib import Path

import pytest

from triptych.ingest.uploads import find_sources
from triptych.ingest.walking import Skips, Walk, as_it_is_called


def names(walk: Walk, *paths: Path | str) -> list[str]:
    """What is found, in order."""
    return [found.name for found in walk.files([Path(path) for path in paths])]


@pytest.fixture
def here(tmp_path, monkeypatch):
    """The working folder, with two years of pictures, and another folder beside it."""
    for path in ("w/2023/IMG_1.jpg", "w/2024/IMG_1.jpg", "w/IMG_1.jpg", "other/IMG_1.jpg"):
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_bytes(b"x")
    monkeypatch.chdir(tmp_path / "w")
    return tmp_path / "w"


def test_names_keep_the_folder_that_is_given(here):
    """So two pictures of one name are two items."""
    assert names(Walk(), "2023", "2024") == ["2023/IMG_1.jpg", "2024/IMG_1.jpg"]


@pytest.mark.parametrize("given", ["2023", "./2023/", "2023//", "../w/2023", "2023/../2023", "ABS"])
def test_a_file_has_one_name_however_it_is_given(here, given):
    """By itself or in its folder."""
    path = str(here / "2023") if given == "ABS" else given
    assert names(Walk(), path) == ["2023/IMG_1.jpg"]
    assert names(Walk(), Path(path) / "IMG_1.jpg") == ["2023/IMG_1.jpg"]
    assert names(Walk(), path, Path(path) / "IMG_1.jpg") == ["2023/IMG_1.jpg"]


def test_what_is_elsewhere_is_called_as_in_the_folder_that_is_given(here):
    """Unless another root is given; what is here keeps its name."""
    elsewhere = here.parent / "other"
    assert names(Walk(), "../other") == names(Walk(), elsewhere) == ["IMG_1.jpg"]
    assert names(Walk(), elsewhere / "IMG_1.jpg") == ["IMG_1.jpg"]
    assert names(Walk(), "2023", elsewhere) == ["2023/IMG_1.jpg", "IMG_1.jpg"]
    assert names(Walk(root=here.parent), "../other") == ["other/IMG_1.jpg"]
    assert names(Walk(), ".") == ["2023/IMG_1.jpg", "2024/IMG_1.jpg", "IMG_1.jpg"]


@pytest.mark.parametrize("given", [("2023", "2024"), ("2023/IMG_1.jpg", "2024/IMG_1.jpg")])
def test_several_paths_elsewhere_share_a_root(here, given):
    """So two pictures of one name are two items there, too."""
    walk = Walk(root=here.parent / "other")
    assert names(walk, *(here / path for path in given)) == ["2023/IMG_1.jpg", "2024/IMG_1.jpg"]


def test_two_files_never_share_a_name(here):
    """The second is left out, and told of: here one that lies elsewhere under the same name."""
    twin = here.parent / "other/IMG_1.jpg"
    walk = Walk()
    assert names(walk, "IMG_1.jpg", twin) == ["IMG_1.jpg"]
    ((skip),) = walk.skips.listed
    assert (skip.name, skip.kind) == (str(twin), "same name")
    assert walk.skips.lost == 1


def test_names_that_are_no_utf8_are_escaped(here):
    """And stay apart from the file that is really called so."""
    (here / "odd").mkdir()
    for name in (b"caf\xe9.jpg", b"caf\\xe9.jpg", b"line\nbreak.jpg"):
        (here / "odd" / os.fsdecode(name)).write_bytes(b"x")
    walk = Walk()
    assert sorted(names(walk, "odd")) == ["odd/caf\\xe9.jpg", "odd/line\\nbreak.jpg"]
    assert walk.skips.counts == {"same name": 1}


def test_what_is_left_out_is_counted_by_kind(here, monkeypatch):
    """Hidden files, excluded ones, links to folders, pipes, what can't be read."""
    for name in (".hidden.jpg", "a.tmp", "raw/b.jpg", "keep/c.jpg", "locked.jpg"):
        (here / "f" / name).parent.mkdir(parents=True, exist_ok=True)
        (here / "f" / name).write_bytes(b"x")
    (here / "f" / "loop").symlink_to(here / "f")
    (here / "f" / "gone.jpg").symlink_to(here / "nowhere")
    (here / "f" / "linked.jpg").symlink_to(here / "IMG_1.jpg")
    os.mkfifo(here / "f" / "pipe.jpg")
    allowed = os.access
    monkeypatch.setattr(
        os, "access", lambda path, mode: Path(path).name != "locked.jpg" and allowed(path, mode)
    )
    walk = Walk(exclude=("*.tmp", "f/raw"))
    assert names(walk, "f") == ["f/keep/c.jpg", "f/linked.jpg"]
    assert walk.skips.counts == {
        "hidden": 1, "excluded": 2, "link to a folder": 1, "unreadable": 2, "not a file": 1,
    }  # fmt: skip
    assert {skip.name: skip.reason for skip in walk.skips.listed} == {
        "f/gone.jpg": "No such file or directory",
        "f/locked.jpg": "Permission denied",
        "f/loop": "link to a folder",
        "f/pipe.jpg": "not a file",
    }
    assert walk.may_have(["f/raw/unseen.jpg"])
    assert walk.may_have(["f/locked.jpg"])
    assert not walk.may_have(["f/lost.jpg"])


def test_a_path_that_is_not_there_stops_no_others(here):
    """It is told of; where none is there, nothing was meant."""
    walk = Walk()
    assert names(walk, "2023", "nothing") == ["2023/IMG_1.jpg"]
    assert (walk.skips.counts, walk.skips.lost) == ({"not there": 1}, 1)
    with pytest.raises(FileNotFoundError, match=r"nothing, .*/none is not there"):
        next(Walk().files([Path("nothing"), Path("none")]))


def test_what_systems_keep_beside_files_is_left_out(here):
    """Counted, and not listed: nobody misses it."""
    for name in ("@eaDir/IMG_1.jpg/S.jpg", "#recycle/b.jpg", "Thumbs.db", ".thumbnails/c.jpg"):
        (here / "2023" / name).parent.mkdir(parents=True, exist_ok=True)
        (here / "2023" / name).write_bytes(b"x")
    walk = Walk()
    assert names(walk, "2023") == ["2023/IMG_1.jpg"]
    assert walk.skips.counts == {"hidden": 1, "system file": 3}
    assert walk.skips.listed == []


def test_a_path_in_another_form(here):
    """As a list of another system has it."""
    (here / "A\u030a").mkdir()
    (here / "A\u030a" / "Cafe\u0301.jpg").write_bytes(b"x")
    found = as_it_is_called(here / "Å" / "Café.jpg")
    assert found == here / "A\u030a" / "Cafe\u0301.jpg"
    assert as_it_is_called(here / "Å" / "other.jpg") == here / "A\u030a" / "other.jpg"


def test_a_folder_that_can_not_be_read(here, monkeypatch):
    """Is named, and nothing is known of its files."""

    def refuse(path):
        if Path(path).name == "2023":
            raise PermissionError(13, "Permission denied")
        return scan(path)

    scan = os.scandir
    monkeypatch.setattr(os, "scandir", refuse)
    walk = Walk()
    assert names(walk, ".") == ["2024/IMG_1.jpg", "IMG_1.jpg"]
    assert walk.may_have(["2023/IMG_1.jpg"])


def test_a_summary_is_one_line():
    """By kind; what should have been taken counts as lost."""
    skips = Skips()
    for kind in ("hidden", "unchanged", "unchanged", "too large"):
        skips.add("x", kind)
    assert str(skips) == "1 hidden, 1 too large, 2 unchanged"
    assert (skips.lost, len(skips.listed)) == (1, 1)


def test_files_lie_where_they_may(tmp_path: Path):
    """Not those that links lead to, nor those that a manifest names elsewhere."""
    root, secret = tmp_path / "root", tmp_path / "secret.txt"
    root.mkdir()
    secret.write_text("a secret")
    (root / "mine.txt").write_text("mine")
    (root / "link.txt").symlink_to(secret)
    lines = [{"id": "a", "text_file": str(secret)}, {"id": "b", "text_file": "../secret.txt"}]
    lines += [{"id": "c", "text_file": "link.txt"}, {"id": "d", "text_file": "mine.txt"}]
    (root / "manifest.jsonl").write_text("\n".join(map(json.dumps, lines)))
    for given in (root, root / "manifest.jsonl"):
        walk = Walk(root, inside=(root,))
        sources = find_sources([given], walk)
        sent = list(sources.items(1000))
        files = {path.resolve() for item in sent for path in item.files.values()}
        assert files == {(root / "mine.txt").resolve()}
    assert len(list(find_sources([root], Walk(root)).items(1000))) == 4
