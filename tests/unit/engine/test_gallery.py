"""Hits in a notebook."""

from html.parser import HTMLParser

import pytest

from triptych.core.gallery import Gallery
from triptych.engine import Engine
from unit.engine.test_details import photo


class Page(HTMLParser):
    """The tags of a page, and its words."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.sources: list[str] = []
        self.words: list[str] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """A tag begins."""
        self.tags.append(tag)
        self.sources += [str(value) for name, value in attrs if name == "src"]

    def handle_data(self, data: str) -> None:
        """Words."""
        self.words.append(data)


def test_hits_with_pictures_and_reasons(tmp_path):
    """Those that have a picture; every part of the score has its bar."""
    with Engine.open(tmp_path) as engine:
        items = [{"id": "sea", "image": photo(), "text": "the sea"}, {"id": "t", "text": "a sea"}]
        assert engine.add("c", items, progress=False).failed == 0
        answer = engine.search("c", text="sea")
        gallery = engine.gallery("c", answer)
        page = Page(gallery._repr_html_())
        assert len(page.sources) == 1
        assert page.sources[0].startswith("data:image/webp;base64,UklGR")
        words = "".join(page.words)
        for hit in answer.hits:
            assert f"{hit.id} {hit.score:.3f}" in words
            for name, reason in hit.why.items():
                assert f"{name} {reason.contribution:.3f}" in words
        assert "2 found" in words
        listing = engine.gallery("c", engine.search("c"))
        assert "2 found" in "".join(Page(listing._repr_html_()).words)


@pytest.mark.parametrize("hostile", ["<script>alert(1)</script>", '"><img src=x onerror=alert(1)>'])
def test_nothing_in_it_runs(hostile):
    """Whatever ids, texts and signals are called."""
    reason = {"contribution": -0.5}
    hit = {"id": hostile, "score": 0.1, "item": {"text": hostile}, "why": {hostile: reason}}
    answer = {"hits": [hit], "total": {"value": 1, "relation": "gte"}}
    page = Page(Gallery(answer, lambda _: b"RIFF")._repr_html_())
    assert set(page.tags) == {"div", "p", "b", "img"}
    assert page.sources == ["data:image/webp;base64,UklGRg=="]
    assert "at least 1 found" in "".join(page.words)
