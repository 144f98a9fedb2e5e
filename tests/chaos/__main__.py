"""``python -m chaos``: break what can break, in the middle of the work; a row for each scenario."""

import argparse
import os
import platform
import signal
import sys
import tempfile
import traceback
from pathlib import Path

import psutil

from chaos import table
from chaos.all_scenarios import SCENARIOS
from chaos.playing import Theatre
from chaos.table import COLUMNS, Row


def main() -> None:
    """Play all scenarios, or some; what ends well becomes a row in the documentation."""
    parser = argparse.ArgumentParser(prog="make chaos", description=__doc__)
    parser.add_argument("--only", action="append", choices=SCENARIOS, help="may be repeated")
    parser.add_argument(
        "--items", type=int, help="about how many a scenario sends, other than for the table"
    )
    options = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # what was started is stopped
    # Those of one index after the other: the stack stays.
    chosen = sorted(
        (SCENARIOS[name] for name in options.only or SCENARIOS), key=lambda one: one.index
    )
    bad = 0
    print(" | ".join(["fault", *COLUMNS, "seconds"]))
    with tempfile.TemporaryDirectory() as folder, Theatre(Path(folder)) as theatre:
        for one in chosen:
            try:
                report = theatre.play(one, options.items)
            except Exception:  # noqa: BLE001 - the others are played nevertheless
                traceback.print_exc()
                print(f"{one.name}: not played to the end", flush=True)
                bad += 1
                continue
            row = Row(one.fault, report)
            print(row, flush=True)
            for problem in report.judgement.problems[:10]:
                print(f"    {one.name}: {problem}", flush=True)
            if report.judgement.problems:
                bad += 1
            elif not options.items:
                faults = [one.fault for one in SCENARIOS.values()]
                table.write(table.PAGE, [row], faults, _facts())
    sys.exit(1 if bad else 0)


def _facts() -> str:
    memory = psutil.virtual_memory().total / 2**30
    return (
        f"`make chaos`, on {os.cpu_count()} processors {platform.machine()} with "
        f"{memory:.0f} GB, shared with other work:"
    )


if __name__ == "__main__":
    main()
