"""What is written on the outside of a message, so that nobody needs to open it to count."""

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, replace
from itertools import pairwise
from typing import Any, Self

HEADER = "triptych"
"""The message header that holds a label."""


@dataclass(frozen=True)
class Death:
    """How a process or a worker ended while it had a message."""

    worker: str
    """Kind, host, pid and a random part: ``image:host:12:5f3a9c``."""
    cause: str
    """A signal or an exit code; "the lease ran out" when the whole worker fell silent."""
    time: float
    """Seconds since 1970, by the clock of Redis."""
    process: int | None = None
    """The pid of the process that died, if only that died."""
    rss: int | None = None
    """Bytes of memory that it had when it was last looked at."""

    def __str__(self) -> str:
        process = f"process {self.process} of " if self.process else ""
        memory = f", {self.rss >> 20} MiB of memory" if self.rss else ""
        return f"{process}worker {self.worker}: {self.cause}{memory}"


@dataclass(frozen=True)
class Label:
    """Whose items a message carries, how many, and how often it has killed who worked on it."""

    group: str = ""
    """The batch."""
    members: frozenset[int] = frozenset()
    """Ordinals of its items in the batch."""
    items: int = 0
    bytes: int | None = None
    """What the message weighs for those who bound queues; by default the size of its body."""
    deaths: int = 0
    """How many workers have died of it. A clean return to the queue does not count."""
    evidence: tuple[Death, ...] = ()
    """The latest deaths."""

    def to_header(self) -> dict[str, Any]:
        """Plain values."""
        return {
            **vars(self),
            "members": spell(self.members),
            "evidence": [asdict(death) for death in self.evidence],
        }

    @classmethod
    def from_header(cls, header: Mapping[str, Any] | None) -> Self:
        """Rebuild what ``to_header`` made; a message without the header has an empty label."""
        if header is None:
            return cls()
        return cls(
            **{
                **header,
                "members": parse(header["members"]),
                "evidence": tuple(Death(**death) for death in header["evidence"]),
            }
        )

    def part(self, members: frozenset[int], *, deaths: int) -> Self:
        """The label of a message that carries only some of these items."""
        return replace(self, members=members, items=len(members), bytes=None, deaths=deaths)


def spell(numbers: Iterable[int]) -> str:
    """Ordinals as text: ``0-31,40``."""
    ordered = sorted(numbers)
    if not ordered:
        return ""
    breaks = [(a, b) for a, b in pairwise(ordered) if b != a + 1]
    starts = [ordered[0], *(b for _, b in breaks)]
    ends = [*(a for a, _ in breaks), ordered[-1]]
    return ",".join(str(a) if a == b else f"{a}-{b}" for a, b in zip(starts, ends, strict=True))


def parse(text: str) -> frozenset[int]:
    """The ordinals that ``spell`` wrote."""
    numbers: set[int] = set()
    for part in filter(None, text.split(",")):
        first, _, last = part.partition("-")
        numbers.update(range(int(first), int(last or first) + 1))
    return frozenset(numbers)
