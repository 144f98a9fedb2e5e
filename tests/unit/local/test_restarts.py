"""When a part that died is started again."""

from triptych.local.stack import Restarts


def test_a_part_that_lived_long_starts_at_once():
    """Also the second time."""
    restarts = Restarts()
    assert restarts.due(0.0)
    assert restarts.due(100.0)


def test_pauses_grow_up_to_a_minute():
    """While it dies soon after each start."""
    restarts, now, pauses = Restarts(), 0.0, []
    assert restarts.due(now)
    for _ in range(9):
        died = now
        while not restarts.due(now):
            now += 0.5
        pauses.append(now - died)
    assert pauses == [1, 2, 4, 8, 16, 32, 60, 60, 60]
