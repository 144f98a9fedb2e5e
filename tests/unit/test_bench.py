"""The benchmarks are run by hand; that they still fit the code is seen here."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_every_benchmark_can_be_imported():
    """In a process of its own, as ``python -m tests.bench`` imports them."""
    names = [path.stem for path in (ROOT / "tests/bench").glob("*.py") if path.stem != "__main__"]
    assert "pipeline" in names
    code = f"import importlib\nfor name in {sorted(names)!r}:\n"
    code += "    importlib.import_module(f'tests.bench.{name}')"
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True)
