"""The documentation holds together."""

import re
from pathlib import Path

import pytest

from triptych.core.settings import Encoders
from triptych.encoders.registry import ENCODERS

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_a_page_is_whole(page):
    """No gap was left to be filled, and what it links to is there."""
    text = page.read_text("utf-8")
    assert "@@" not in text
    for link in re.findall(r"\]\((?!https?:|#)([^)#]+)", text):
        assert (page.parent / link).exists(), link


def test_every_encoder_and_its_setting_are_in_the_docs():
    """So that who adds one tells of it."""
    page = (ROOT / "docs/encoders.md").read_text("utf-8")
    assert [name for name in ENCODERS if f"`{name}" not in page] == []
    roles = [
        name for name in Encoders.model_fields if f"TRIPTYCH_ENCODER_{name.upper()}" not in page
    ]
    assert roles == []
