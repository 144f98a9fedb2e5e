"""The table of results, in the terminal and in the documentation."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from chaos.check import Report

PAGE = Path(__file__).parent.parent.parent / "docs" / "durability.md"
COLUMNS = ("accepted", "indexed", "failed", "quarantined", "deleted", "lost", "twice")
_BEGIN, _END = "<!-- chaos -->", "<!-- end -->"
_HEAD = f"| fault | {' | '.join(COLUMNS)} | seconds |"
_RULE = "|---|" + "---:|" * (len(COLUMNS) + 1)
_ROW = re.compile(r"\| (?P<fault>[^|]+?) \|.*\|$")


@dataclass(frozen=True)
class Row:
    """One scenario of the table."""

    fault: str
    report: Report

    def __str__(self) -> str:
        counts = [f"{getattr(self.report.judgement, column):,}" for column in COLUMNS]
        return f"| {' | '.join([self.fault, *counts, f'{self.report.seconds:.0f}'])} |"


def write(page: Path, rows: Iterable[Row], order: Iterable[str], facts: str) -> None:
    """Put rows into the table of a page; those of scenarios that were not run stay.

    Args:
        page: with the two markers.
        rows: the new ones.
        order: the faults, as they are to stand in the table.
        facts: what was run where.
    """
    before, found, rest = page.read_text("utf-8").partition(_BEGIN)
    old, ended, after = rest.partition(_END)
    if not (found and ended):
        raise ValueError(f"{page} has no markers {_BEGIN} and {_END}")
    lines = {**_rows(old), **{row.fault: str(row) for row in rows}}
    table = [facts, "", _HEAD, _RULE, *(lines[fault] for fault in order if fault in lines)]
    text = "\n".join(table)
    page.write_text(f"{before}{_BEGIN}\n{text}\n{_END}{after}", "utf-8")


def _rows(text: str) -> Mapping[str, str]:
    """The rows of a table by what is in their first column."""
    found = {}
    for line in text.splitlines():
        if (match := _ROW.fullmatch(line)) and line not in {_HEAD, _RULE}:
            found[match["fault"]] = line
    return found
