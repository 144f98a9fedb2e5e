"""Server-side files: inside the roots, whatever a name holds."""

import os

import pytest

from triptych.core.errors import InvalidInput, MediaError
from triptych.ingest.server_files import open_inside


@pytest.fixture
def roots(tmp_path):
    """Two roots and a secret beside them."""
    for name in ("one/deep", "two", "one-more"):
        (tmp_path / name).mkdir(parents=True)
    (tmp_path / "secret").write_text("secret")
    (tmp_path / "one-more" / "file").write_text("secret")
    (tmp_path / "one" / "file").write_text("one")
    (tmp_path / "one" / "deep" / "file").write_text("deep")
    (tmp_path / "two" / "file").write_text("two")
    return tmp_path / "one", tmp_path / "two"


def read(roots, name) -> str:
    """The content of a file under the roots."""
    with open_inside(roots, str(name)) as file:
        return file.read().decode()


def test_files_under_a_root_are_read(roots):
    """Relative to the first, absolute in any, with dots that stay inside."""
    assert read(roots, "file") == "one"
    assert read(roots, "deep/../deep/./file") == "deep"
    assert read(roots, roots[1] / "file") == "two"
    assert read(roots, "../two/file") == "two"


def test_a_link_that_stays_inside_is_followed(roots):
    """To a file, and through a folder."""
    (roots[0] / "link").symlink_to("deep/file")
    (roots[0] / "folder").symlink_to(roots[1])
    assert read(roots, "link") == "deep"
    assert read(roots, "folder/file") == "two"


@pytest.mark.parametrize(
    "name", ["../secret", "deep/../../secret", "/etc/passwd", "../one-more/file"]
)
def test_names_that_lead_outside_are_refused(roots, name):
    """Also to a folder whose name begins like a root's."""
    with pytest.raises(InvalidInput, match="outside the allowed import roots"):
        read(roots, name)


def test_links_that_lead_outside_are_refused(roots):
    """A file, a folder, a chain."""
    (roots[0] / "link").symlink_to("../secret")
    (roots[0] / "folder").symlink_to(roots[0].parent)
    (roots[0] / "chain").symlink_to("link")
    for name in ("link", "folder/secret", "chain"):
        with pytest.raises(InvalidInput, match="outside the allowed import roots"):
            read(roots, name)


def test_whether_a_file_outside_exists_is_not_told(roots):
    """The answer is the same but for the name, also through a link."""
    (roots[0] / "to-secret").symlink_to("../secret")
    (roots[0] / "to-nothing").symlink_to("../nothing")
    pairs = [
        ("../secret", "../nothing"),
        ("/etc/passwd", "/etc/nothing"),
        ("to-secret", "to-nothing"),
    ]
    for there, missing in pairs:
        answers = []
        for name in (there, missing):
            with pytest.raises(InvalidInput) as caught:
                read(roots, name)
            answers.append((type(caught.value), caught.value.reason.replace(name, "")))
        assert answers[0] == answers[1]


@pytest.mark.parametrize("swapped", ["deep", "deep/file"])
def test_a_link_put_there_after_the_check_is_not_followed(roots, monkeypatch, swapped):
    """Neither in place of the file nor of a folder on the way to it, even if it is gone again."""
    (roots[0].parent / "file").write_text("secret")
    real = os.open
    victim, kept = roots[0] / swapped, roots[0] / "kept"

    def swapping(path, flags, *, dir_fd=None):
        if not str(path).endswith(("deep", "file")):
            return real(path, flags, dir_fd=dir_fd)
        victim.rename(kept)
        victim.symlink_to(roots[0].parent if swapped == "deep" else roots[0].parent / "secret")
        try:
            return real(path, flags, dir_fd=dir_fd)
        finally:
            victim.unlink()
            kept.rename(victim)

    monkeypatch.setattr(os, "open", swapping)
    with pytest.raises(MediaError, match="can't be read"):
        read(roots, "deep/file")


@pytest.mark.parametrize("name", ["nothing", "file/below", "a\0b", "x" * 5000, "loop"])
def test_what_is_not_there_is_said(roots, name):
    """Missing, below a file, with a NUL, too long, a link to itself."""
    (roots[0] / "loop").symlink_to("loop")
    with pytest.raises(MediaError, match="is not there"):
        read(roots, name)


def test_only_regular_files_are_opened(roots):
    """A folder is refused, and a pipe is not waited for."""
    os.mkfifo(roots[0] / "pipe")
    for name in ("deep", "pipe", "."):
        with pytest.raises(MediaError, match="not a regular file"):
            read(roots, name)


def test_without_roots_nothing_is_read():
    """The default of the settings."""
    with pytest.raises(InvalidInput, match="allows no import root"):
        open_inside((), "/etc/passwd")
