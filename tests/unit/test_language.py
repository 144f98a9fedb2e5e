"""Docs, docstrings and messages are plain English: phrases that were hard to read stay out."""

import re
from itertools import chain
from pathlib import Path

ROOT = Path(__file__).parents[2]
PHRASES = {
    "keeper": "operator",
    "dear to": "expensive to",
    "to be unlike": "negative query",
    "nobody's business": "say what is not told",
    "door inwards": "say what could happen",
    "is no URL": "is not a valid URL",
    "is to come again": "send it again",
}
"""What not to write, and what to write instead."""


def test_no_page_or_module_has_them():
    """Whole words, in any case, also across lines."""
    pages = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", ROOT / "CHANGELOG.md"]
    folders = ("docs", "shared", "services", "workers", "deploy")
    files = chain.from_iterable((ROOT / folder).rglob("*.[mp][dy]") for folder in folders)
    hits = [
        f"{path.relative_to(ROOT)}: {phrase!r}: {PHRASES[phrase]!r} instead"
        for path in chain(pages, files)
        for phrase in PHRASES
        if re.search(rf"\b{phrase}\b", " ".join(path.read_text("utf-8").split()), re.IGNORECASE)
    ]
    assert hits == []
