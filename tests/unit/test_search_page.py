"""docs/search.md: what it shows is accepted, and means what it says."""

import json
import re
from pathlib import Path

import pytest

from triptych.search.filtering import read_facets, read_filter, read_sort
from triptych.search.request import SearchRequest
from triptych.search.syntax import parse

PAGE = (Path(__file__).parents[2] / "docs/search.md").read_text("utf-8")
REQUESTS = re.findall(r"^```json\n(.+?)^```$", PAGE, re.DOTALL | re.MULTILINE)
ROWS = re.findall(r"^\| `(.+?)` \| ((?:word|phrase|prefix|fuzzy)[ a-z]*) \|", PAGE, re.MULTILINE)


@pytest.mark.parametrize("text", REQUESTS)
def test_requests_are_accepted(text):
    """With their filters, facets and orders."""
    request = SearchRequest.model_validate(json.loads(text))
    read_filter(request.filter)
    read_facets(request.facets)
    read_sort(request.sort, scored=bool(request.by_modality))


@pytest.mark.parametrize(("text", "kinds"), ROWS)
def test_the_table_of_the_syntax(text, kinds):
    """Each row is read as the kinds that it names."""
    assert [clause.kind for clause in parse(text, "en").words.should] == kinds.split()


def test_the_page_has_them():
    """A change of its layout does not leave the tests without anything to do."""
    assert len(REQUESTS) == PAGE.count("```json") >= 12
    assert len(ROWS) == 11
    for name in SearchRequest.model_fields:
        field = SearchRequest.model_fields[name].alias or name
        assert f"`{field}`" in PAGE or f'"{field}"' in PAGE, field
