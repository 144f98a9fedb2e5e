"""The table in the documentation keeps the rows of scenarios that were not played."""

from pathlib import Path

import pytest

from chaos.check import Report
from chaos.expected import Judgement
from chaos.table import Row, write


def row(fault: str, indexed: int) -> Row:
    return Row(fault, Report(Judgement(accepted=indexed, indexed=indexed), seconds=12.4))


def test_rows_are_replaced_and_kept_in_order(tmp_path: Path):
    page = tmp_path / "page.md"
    page.write_text("before\n<!-- chaos -->\n<!-- end -->\nafter\n")
    order = ["first", "second", "third"]
    write(page, [row("second", 1), row("first", 2000)], order, "some machine")
    write(page, [row("third", 3), row("second", 4)], order, "another machine")
    lines = page.read_text().splitlines()
    assert lines[:3] == ["before", "<!-- chaos -->", "another machine"]
    assert lines[-2:] == ["<!-- end -->", "after"]
    assert [line for line in lines if line.startswith("| ")][1:] == [
        "| first | 2,000 | 2,000 | 0 | 0 | 0 | 0 | 0 | 12 |",
        "| second | 4 | 4 | 0 | 0 | 0 | 0 | 0 | 12 |",
        "| third | 3 | 3 | 0 | 0 | 0 | 0 | 0 | 12 |",
    ]


def test_a_page_without_markers_is_refused(tmp_path: Path):
    page = tmp_path / "page.md"
    page.write_text("nothing")
    with pytest.raises(ValueError, match="no markers"):
        write(page, [], [], "")
