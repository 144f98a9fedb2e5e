"""``python -m fuzz``: damage good files and decode them, many times.

A case must end in an array of the right shape, or in one of the two errors, in seconds and without
a jump in memory. What breaks these rules is kept as a file; the same number is the same case.
"""

import argparse
import random
import resource
import sys
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from triptych.core.errors import MediaError, TooLarge
from triptych.media.image import read_image
from triptych.media.packets import picture_details

SIDE, PIXELS = 32, 1_000_000
SLOW = 5.0
"""Seconds of this process."""
JUMP = 96
"""MiB that the peak of memory may rise by in one case, after every good file was decoded."""
_MOST_DAMAGES = 3
_NUMBERS = [
    value.to_bytes(size, order)
    for size in (1, 2, 4, 8)
    for value in (0, 1, 2 ** (4 * size), 2 ** (8 * size - 1), 2 ** (8 * size) - 1)
    for order in ("little", "big")
]


@dataclass
class Report:
    """What became of the cases."""

    outcomes: Counter[str] = field(default_factory=Counter)
    broken: list[tuple[str, bytes, str]] = field(default_factory=list)
    """Name, bytes and what is wrong."""
    slowest: float = 0.0


def cases(seeds: Mapping[str, bytes], count: int, first: int = 0) -> Iterator[tuple[str, bytes]]:
    """Damaged files, each with a name that tells its seed and number."""
    names = sorted(seeds)
    for number in range(first, first + count):
        name = names[number % len(names)]
        yield f"{name} {number}", _damaged(seeds, name, random.Random(number))  # noqa: S311


def _damaged(seeds: Mapping[str, bytes], name: str, chance: random.Random) -> bytes:
    data = bytearray(seeds[name])
    for _ in range(chance.randint(1, _MOST_DAMAGES)):
        # Headers decide most, so much of the damage is there.
        share = chance.random() ** chance.choice((1, 1, 4))
        at = int(len(data) * share)
        other = seeds[chance.choice(sorted(seeds))]
        start = chance.randrange(len(other))
        new = chance.choice(
            (chance.choice(_NUMBERS), chance.randbytes(4), other[start : start + 64])
        )
        match chance.randrange(11) // 2:
            case 0:
                data[at : at + len(new)] = new
            case 1 if at < len(data):
                data[at] ^= 1 << chance.randrange(8)
            case 2:
                data[at:at] = new
            case 3:
                data[at : at + chance.randint(1, 64)] = b""
            case 4:
                data[at:at] = data[max(0, at - 200) : at]
            case _:
                del data[max(at, 1) :]
    return bytes(data)


def run(seeds: Mapping[str, bytes], count: int, first: int = 0) -> Report:
    """Decode damaged pictures."""
    report = Report()
    for data in seeds.values():
        read_image(data, side=SIDE, max_pixels=PIXELS)
    for name, data in cases(seeds, count, first):
        before, started = _peak(), time.process_time()
        outcome, wrong = _decode(data)
        seconds, jump = time.process_time() - started, _peak() - before
        if seconds > SLOW:
            wrong = f"it takes {seconds:.1f} s"
        if jump > JUMP:
            wrong = f"it takes {jump:.0f} MiB"
        report.outcomes[outcome] += 1
        report.slowest = max(report.slowest, seconds)
        if wrong:
            report.broken.append((name, data, wrong))
    return report


def _decode(data: bytes) -> tuple[str, str]:
    """What became of a picture, and what is wrong with that."""
    try:
        found = read_image(data, side=SIDE, max_pixels=PIXELS)
        picture_details(found.origin)
    except MediaError:
        return "refused", ""
    except TooLarge:
        return "too large", ""
    except Exception as error:  # noqa: BLE001
        return "broken", f"{type(error).__name__}: {error}"
    shape = found.pixels.shape
    right = found.pixels.dtype == np.uint8 and shape[2:] == (3,)
    if not right or not 1 <= min(shape[:2]) <= max(shape[:2]) <= SIDE:
        return "broken", f"it is {found.pixels.dtype} {shape}"
    return "partial" if any(note.lost for note in found.notes) else "decoded", ""


def _peak() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def main() -> None:
    """Run and tell; exits with 1 if a rule was broken."""
    from unit.media.test_fuzz import PICTURES

    parser = argparse.ArgumentParser(prog="python -m fuzz", description=__doc__)
    parser.add_argument("--cases", type=int, default=100_000)
    parser.add_argument("--first", type=int, default=0, help="number of the first case")
    parser.add_argument("--keep", type=Path, default=Path("fuzz"), help="where broken cases go")
    options = parser.parse_args()
    report = run(PICTURES, options.cases, options.first)
    sys.stdout.write(f"{dict(report.outcomes)}, slowest {report.slowest:.2f} s\n")
    for name, data, wrong in report.broken:
        options.keep.mkdir(exist_ok=True)
        (options.keep / name).write_bytes(data)
        sys.stdout.write(f"{name}: {wrong}\n")
    sys.exit(bool(report.broken))


if __name__ == "__main__":
    main()
