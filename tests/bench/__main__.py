"""``python -m tests.bench``: measure; one JSON object a line on stdout, progress on stderr."""

import argparse
from importlib import import_module

from triptych.shared.threads import limit_threads

BENCHMARKS = ("pipeline", "search", "memory", "stages", "recall")


def main() -> None:
    """Run the benchmarks on a stack of their own, one after the other."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    parser.add_argument("--only", choices=BENCHMARKS, action="append", help="may be repeated")
    parser.add_argument("--items", type=int, help="stamps to use; all 951 by default")
    parser.add_argument("--json", action="store_true", help="the format, which is the only one")
    options = parser.parse_args()
    limit_threads()  # before anything imports numpy
    from tests.bench.figures import say
    from tests.bench.setting import opened

    with opened(options.items) as setting:
        for name in BENCHMARKS:
            if options.only is None or name in options.only:
                say(f"— {name} —")
                import_module(f"tests.bench.{name}").run(setting)


if __name__ == "__main__":
    main()
