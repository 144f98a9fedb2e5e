"""Files of one stem are one item."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from triptych.ingest.grouping import group_files, modality_of


@pytest.mark.parametrize(
    ("name", "expected"),
    [("a.png", "image"), ("a.JPEG", "image"), ("b/c.d.Ogg", "audio"), ("a.txt", "text"),
     ("readme.md", "text"), ("notes.text", "text"), ("page.HTML", "text"), ("a/main.py", "text"),
     ("a.png.json", None), ("a.csv", None),
     ("a.exe", None), ("png", None), (".png", None), ("", None)],
)  # fmt: skip
def test_the_extension_claims_a_modality(name, expected):
    """In any case; a hidden file has no extension."""
    assert modality_of(name) == expected


def test_one_stem_is_one_item():
    """In the order of the first file; folders keep equal names apart."""
    groups, unknown = group_files(["b/cat.png", "cat.txt", "b/cat.ogg", "cat.exe", "b/cat.txt"])
    assert [(group.id, group.files) for group in groups] == [
        ("b/cat", {"image": "b/cat.png", "audio": "b/cat.ogg", "text": "b/cat.txt"}),
        ("cat", {"text": "cat.txt"}),
    ]
    assert unknown == ["cat.exe"]


def test_a_second_picture_of_one_stem_is_an_item_of_its_own():
    """Under its whole name; nothing is replaced."""
    groups, _ = group_files(["cat.jpg", "cat.png", "cat.txt"])
    assert [(group.id, group.files) for group in groups] == [
        ("cat", {"image": "cat.jpg", "text": "cat.txt"}),
        ("cat.png", {"image": "cat.png"}),
    ]


def test_a_file_whose_name_is_the_stem_of_another_is_not_lost():
    """Here the second picture's own id is taken, too."""
    groups, _ = group_files(["a.jpg", "a.png.png", "a.png"])
    assert [(group.id, group.files["image"]) for group in groups] == [
        ("a", "a.jpg"),
        ("a.png", "a.png.png"),
        ("a.png-2", "a.png"),
    ]


@pytest.mark.parametrize("stem", ["/etc/cat", "a/../cat", "a\nb", "\ud800", "é" * 257])
def test_a_stem_that_can_be_no_id_is_hashed(stem):
    """The files of one stem stay together under the names they came with."""
    ((group,), _) = group_files([f"{stem}.png", f"{stem}.txt"])
    assert re.fullmatch("[0-9a-f]{32}", group.id)
    assert group.files == {"image": f"{stem}.png", "text": f"{stem}.txt"}


NAMES = st.lists(
    st.builds("{}{}".format, st.sampled_from(["a", "b", "x/a", "a.png"]),
              st.sampled_from([".png", ".jpg", ".txt", ".wav", ".ogg", ".bin"])),
    unique=True,
)  # fmt: skip


@given(NAMES)
def test_no_file_is_lost_or_used_twice(names):
    """Every one is in one group, or unknown; and ids are unique."""
    groups, unknown = group_files(names)
    used = [name for group in groups for name in group.files.values()]
    assert sorted(used + unknown) == sorted(names)
    assert len({group.id for group in groups}) == len(groups)
