"""A new field is one declaration: with one more field, everything still does what it declares."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from triptych.local import Stack

DECLARATION = """
from triptych.core import fields

fields.FIELDS = fields.Catalogue([
    *fields.FIELDS,
    fields.Field("author", fields.Kind.KEYWORD, "Who made it.", filterable=True, facetable=True,
                 sortable=True, sendable=True),
    fields.Field("pages", fields.Kind.WHOLE, "How long it is.", filterable=True, facetable=True,
                 sortable=True, sendable=True),
])
"""
"""Python runs it at the start of every process, before anything else asks for the catalogue."""


@pytest.mark.timeout(900)
def test_a_new_field_is_one_declaration(stack: Stack, tmp_path: Path):
    """The tests of the catalogue pass with it, in processes that know no more of it than that."""
    (tmp_path / "sitecustomize.py").write_text(DECLARATION)
    finished = subprocess.run(
        [sys.executable, "-m", "pytest", "-v", "-k", "not stack_on_elastic",
         str(Path(__file__).with_name("test_fields.py"))],
        cwd=Path(__file__).parents[2],
        env={**os.environ, "PYTHONPATH": str(tmp_path), "TRIPTYCH_TEST_ELASTIC": stack.index_url},
        capture_output=True,
        text=True,
        check=False,
    )  # fmt: skip
    assert finished.returncode == 0, finished.stdout[-5000:] + finished.stderr[-2000:]
    for field in ("author", "pages"):
        passed = set(re.findall(rf"::(test_\w+)\[.*{field}.*\] PASSED", finished.stdout))
        assert len(passed) == 6, passed
