"""What the kernel says of the parts of a stack: processor time and memory.

Each part leads a process group, so its group is its process tree.
"""

import os
from pathlib import Path

from triptych.local import Stack
from triptych.local.process import members

_PROC = Path("/proc")
_TICKS = os.sysconf("SC_CLK_TCK")


def cpu_seconds(stack: Stack, part: str) -> float:
    """Processor time of a part so far, user and system, with that of children that ended."""
    return sum(_cpu(pid) for pid in members(stack.running[part].process.pid))


def resident_bytes(stack: Stack, part: str) -> int:
    """Memory of a part: pages that processes share are divided among them where possible."""
    return sum(_resident(pid) for pid in members(stack.running[part].process.pid))


def _cpu(pid: int) -> float:
    try:
        stat = (_PROC / str(pid) / "stat").read_text()
    except OSError:
        return 0.0
    fields = stat.rpartition(")")[2].split()
    return sum(int(field) for field in fields[11:15]) / _TICKS


def _resident(pid: int) -> int:
    for file, label in (("smaps_rollup", "Pss:"), ("status", "VmRSS:")):
        try:
            lines = (_PROC / str(pid) / file).read_text().splitlines()
        except OSError:
            continue
        for line in lines:
            if line.startswith(label):
                return int(line.split()[1]) * 1024
    return 0
