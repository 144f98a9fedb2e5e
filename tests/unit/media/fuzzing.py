"""``make fuzz``: sounds of every kind, damaged at random, for as many cases as one wants.

Each case is a good file with a few damages. It is decoded, or refused by one of the two errors that
a medium may cause, in a bounded time and memory. Cases depend on the seed alone; one that fails is
printed with its number, and ``--only NUMBER`` repeats it.
"""

import argparse
import resource
import sys
import time
from collections import Counter
from collections.abc import Iterator
from functools import cache
from random import Random

import numpy as np

from triptych.core.errors import MediaError, TooLarge
from triptych.media.audio import decode_sound
from triptych.media.sound_tags import sound_details
from unit.media.films import FILMS, KINDS, filmed, recorded
from unit.media.sounds import in_wav, mp3_of, tone, write

SECONDS, SLOW, MEMORY = 5, 5.0, 256 * 2**20
"""Of sound that is accepted; of this process for one case; more than at the beginning."""
_FORMATS = (
    ("WAV", "PCM_16"), ("WAV", "FLOAT"), ("WAV", "GSM610"), ("WAV", "MS_ADPCM"), ("RF64", "PCM_16"),
    ("W64", "PCM_24"), ("AIFF", "PCM_16"), ("AIFF", "IMA_ADPCM"), ("AU", "G721_32"),
    ("CAF", "ALAC_16"), ("FLAC", "PCM_16"), ("OGG", "VORBIS"), ("OGG", "OPUS"),
    ("NIST", "PCM_16"), ("VOC", "PCM_16"), ("SVX", "PCM_16"), ("IRCAM", "PCM_16"),
)  # fmt: skip
_NUMBERS = (0, 1, 0x7F, 0x80, 0xFF, 0x7FFF, 0xFFFF, 2**31 - 1, 2**31, 2**32 - 1, 2**63, 2**64 - 1)


@cache
def seeds() -> dict[str, bytes]:
    """A short sound of every kind."""
    made = {f"{kind} {subtype}": _sound(kind, subtype) for kind, subtype in _FORMATS}
    made["chain"] = made["OGG VORBIS"] + made["OGG OPUS"]
    made["mp3"] = mp3_of(tone(8000, 0.5), "VARIABLE", 8000)
    made["mp3 in wav"] = in_wav(made["mp3"], 8000)
    made |= {name: recorded(tone(KINDS[name][2], 0.5), name) for name in KINDS}
    return made | {name: filmed(tone(48_000, 0.5), name, pictures=5) for name in FILMS}


def _sound(kind: str, subtype: str) -> bytes:
    channel = tone(8000, 0.4)
    both = np.stack([channel, -channel], 1)
    alone = {"GSM610", "G721_32", "IMA_ADPCM", "SVX"}
    return write(channel if {kind, subtype} & alone else both, 8000, kind, subtype)


def case(number: int, seed: int = 0, name: str | None = None) -> tuple[str, bytes]:
    """The name of a good file, and its bytes with one to four damages."""
    random = Random(f"{seed} {number}")  # noqa: S311 (nothing is secret)
    name = name or list(seeds())[number % len(seeds())]
    data = bytearray(seeds()[name])
    for _ in range(random.randint(1, 4)):
        # Headers decide most, so half of the damage is there.
        at = int(random.random() ** random.choice([1, 4]) * len(data))
        size = random.randint(1, 64)
        match random.randrange(7):
            case 0:
                data[at : at + size] = random.randbytes(size)
            case 1:
                data[at : at + 1] = bytes(byte ^ 1 << size % 8 for byte in data[at : at + 1])
            case 2:
                width = random.choice([1, 2, 4, 8])
                number = random.choice(_NUMBERS) % 256**width
                data[at : at + width] = number.to_bytes(width, random.choice(["little", "big"]))
            case 3:
                data[at:at] = random.randbytes(size)
            case 4:
                data[at:at] = data[max(0, at - 9 * size) : at]
            case 5:
                del data[at : at + size]
            case 6:
                del data[at:]
    return name, bytes(data)


def check(data: bytes) -> str:
    """What became of it: whole, cut or refused. Raises AssertionError, and what must not happen."""
    start = time.process_time()
    try:
        sound = decode_sound(data, max_seconds=SECONDS)
        sound_details(data, sound.said)
    except (MediaError, TooLarge):
        return "refused"
    finally:
        assert time.process_time() - start < SLOW, "it takes too long"
    assert np.isfinite(sound.samples).all()
    assert 0 < sound.seconds < SECONDS + 1
    return "cut" if sound.notes else "whole"


def run(numbers: Iterator[int], seed: int = 0) -> Counter[str]:
    """How often which came out."""
    for data in seeds().values():
        assert check(data) == "whole"  # damage shows nothing otherwise
    before = _memory()
    counts: Counter[str] = Counter()
    for number in numbers:
        name, data = case(number, seed)
        try:
            counts[check(data)] += 1
        except BaseException:
            print(f"case {number} of seed {seed} ({name})", file=sys.stderr)
            raise
        if sum(counts.values()) % 10_000 == 0:
            print(dict(counts), file=sys.stderr)
    assert _memory() - before < MEMORY, "memory was taken and not given back"
    return counts


def _memory() -> int:
    """The most that this process ever had, in bytes."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def main() -> None:
    """Run many cases."""
    parser = argparse.ArgumentParser(prog="make fuzz", description=__doc__)
    parser.add_argument("--cases", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", type=int, help="the number of one case")
    options = parser.parse_args()
    numbers = range(options.cases) if options.only is None else (options.only,)
    print(dict(run(iter(numbers), options.seed)))


if __name__ == "__main__":
    main()
