"""The processes of a worker, as Linux shows them; elsewhere nothing is known."""

import os
from pathlib import Path

_PAGE = os.sysconf("SC_PAGE_SIZE")


def rss(pid: int) -> int | None:
    """Bytes of memory that a process has; None if it is gone."""
    try:
        return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * _PAGE
    except (OSError, IndexError, ValueError):
        return None


def children() -> list[int]:
    """The pids of this process's children."""
    found: list[int] = []
    for path in Path("/proc/self/task").glob("*/children"):
        try:
            found += map(int, path.read_text().split())
        except (OSError, ValueError):
            continue
    return found
