"""``python -m tests.bench``: measure; one JSON object a line on stdout, progress on stderr."""

import argparse
from collections.abc import Sequence
from importlib import import_module
from typing import Any

from triptych.core.threads import limit_threads

ON_A_STACK = ("pipeline", "search", "load", "direct", "memory", "stages", "recall")
BULK = ("scaling", "simulation", "upload", "single", "many")
ALONE = (
    "start",
    "encoders",
    "decode",
    "previews",
    "pictures",
    "sounds",
    "lite0",
    "keys",
    "long_audio",
    "mixed",
    "embedded",
    "folder",
    "rebuild",
    *BULK,
    "simulation",
)
BY_NAME_ONLY = ("index_design", "index_trials", "index_lists")
"""They take hours."""


def main() -> None:
    """Run the benchmarks one after the other; those that need a stack share one of their own."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    parser.add_argument(
        "--only",
        choices=(*ON_A_STACK, *ALONE, *BY_NAME_ONLY),
        action="append",
        help="may be repeated; index_… run only if named",
    )
    parser.add_argument("--items", type=int, help="stamps to use; all 951 by default")
    parser.add_argument("--sizes", type=int, nargs="+", help="index_…: documents")
    parser.add_argument("--dims", type=int, help="index_lists: numbers a block, turned at random")
    parser.add_argument("--which", nargs="+", help="index_…: some of its designs, or trials")
    parser.add_argument("--json", action="store_true", help="the format, which is the only one")
    options = parser.parse_args()
    limit_threads()  # before anything imports numpy
    wanted = options.only or (*ON_A_STACK, *ALONE)
    if on_a_stack := [name for name in ON_A_STACK if name in wanted]:
        from tests.bench.setting import opened

        with opened(options.items) as setting:
            _run(on_a_stack, setting)
    _run([name for name in ALONE if name in wanted])
    _run([name for name in BY_NAME_ONLY if name in wanted], options)


def _run(names: Sequence[str], *arguments: Any) -> None:
    from tests.bench.figures import say

    for name in names:
        say(f"— {name} —")
        import_module(f"tests.bench.{name}").run(*arguments)


if __name__ == "__main__":
    main()
