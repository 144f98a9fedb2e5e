"""Sonic Pi's samples by family."""

from triptych.corpora.sonicpi import families


def test_a_family_is_the_name_up_to_the_first_underscore(tmp_path):
    """Of sounds only, in the order of their names."""
    for name in ("loop_3d_printer.flac", "bd_ada.flac", "README.txt"):
        (tmp_path / name).touch()
    found = {path.name: family for path, family in families(tmp_path).items()}
    assert found == {"bd_ada.flac": "bd", "loop_3d_printer.flac": "loop"}
    assert list(found) == sorted(found)
