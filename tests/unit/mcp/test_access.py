"""Which files agents may reach."""

import pytest

from triptych.mcp.access import Access


def test_a_path_that_leads_nowhere_is_refused(tmp_path):
    """That of a user who is not there, and links in a circle."""
    circle = tmp_path / "circle"
    circle.symlink_to(circle)
    for given in ("~nobody-of-this-name/x", str(circle / "x")):
        with pytest.raises(ValueError, match=r"leads nowhere|not below a folder"):
            Access(roots=(tmp_path / "files",)).path(given)
