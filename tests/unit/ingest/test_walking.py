"""What files are called, and which are left out."""

import os
from pathlib import Path

import pytest

from triptych.ingest.walking import Skips, Walk


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


def test_what_is_elsewhere_has_its_whole_path(here):
    """Without the slash at the beginning; unless another root is given."""
    whole = str(here.parent / "other/IMG_1.jpg").lstrip("/")
    assert names(Walk(), "../other") == names(Walk(), here.parent / "other") == [whole]
    assert names(Walk(root=here.parent), "../other") == ["other/IMG_1.jpg"]
    assert names(Walk(), ".") == ["2023/IMG_1.jpg", "2024/IMG_1.jpg", "IMG_1.jpg"]


def test_two_files_never_share_a_name(here):
    """The second is left out, and told of: here a folder that is called like a whole path."""
    whole = here.parent / "other/IMG_1.jpg"
    twin = here / str(whole).lstrip("/")
    twin.parent.mkdir(parents=True)
    twin.write_bytes(b"another")
    walk = Walk()
    assert names(walk, whole, twin) == [str(whole).lstrip("/")]
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


def test_a_path_that_is_not_there_is_told_of_first(here):
    """Before anything is given out."""
    with pytest.raises(FileNotFoundError, match="nothing is not there"):
        next(Walk().files([Path("2023"), Path("nothing")]))


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
