"""Server-side files: inside the roots, whatever a name holds."""

import os

import pytest

from triptych.shared.errors import InvalidInput, MediaError
from triptych.shared.paths import open_inside


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
