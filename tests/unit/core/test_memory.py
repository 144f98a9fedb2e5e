"""Memory that threads share, and give back."""

import subprocess
import sys
import threading
import time
from contextlib import suppress

import pytest

from triptych.core.errors import Busy
from triptych.core.memory import Budget


def test_what_fits_is_held_at_once():
    """All together no more than there is."""
    budget = Budget()
    with budget.held(6, of=10, seconds=0), budget.held(4, of=10, seconds=0):
        with pytest.raises(Busy, match="memory"), budget.held(1, of=10, seconds=0):
            pass
        with budget.held(0, of=10, seconds=0):
            pass
    with budget.held(10, of=10, seconds=0):
        pass


def test_who_waits_gets_it_as_soon_as_it_is_free():
    """Also if who had it failed."""
    budget, began = Budget(), threading.Event()

    def fail() -> None:
        with suppress(ValueError), budget.held(8, of=10, seconds=0):
            began.set()
            time.sleep(0.1)
            raise ValueError

    thread = threading.Thread(target=fail)
    thread.start()
    assert began.wait(10)
    start = time.monotonic()
    with budget.held(8, of=10, seconds=30):
        assert 0.05 < time.monotonic() - start < 10
    thread.join()


def test_what_is_more_than_all_is_alone():
    """It is refused elsewhere, if it is too much."""
    budget = Budget()
    with budget.held(99, of=10, seconds=0), pytest.raises(Busy):  # noqa: SIM117
        with budget.held(1, of=10, seconds=0):
            pass


GIVING_BACK = """
import sys, threading
from triptych.core.memory import give_back_large_blocks

def resident():
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * 4096 // 2**20

if sys.argv[1] == "1":
    give_back_large_blocks()

done = threading.Barrier(5)

def work():
    for size in (30, 15):
        blocks = [bytearray(size * 2**20) for _ in range(10)]
        keep = bytearray(2**16)  # lies above them
        del blocks
    done.wait()
    done.wait()

for _ in range(4):
    threading.Thread(target=work).start()
done.wait()
print(resident())
done.wait()
"""


@pytest.mark.skipif(sys.platform != "linux", reason="glibc")
def test_large_blocks_are_given_back():
    """Else each thread keeps what it once had."""

    def resident(giving: bool) -> int:  # noqa: FBT001
        script = [sys.executable, "-c", GIVING_BACK, str(int(giving))]
        return int(subprocess.run(script, check=True, capture_output=True).stdout)

    kept, given = resident(False), resident(True)
    assert given < 60
    assert kept > given + 100
