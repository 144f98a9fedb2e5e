"""What is dear is computed once."""

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from triptych.search.searcher import Memo


def test_a_value_is_computed_once():
    """Per key."""
    memo: Memo[int] = Memo(2)
    computed: list[int] = []

    def compute(value: int):
        return lambda: computed.append(value) or value

    assert [memo.get("a", compute(1)), memo.get("a", compute(2)), memo.get("b", compute(3))] == [
        1,
        1,
        3,
    ]
    assert computed == [1, 3]


def test_what_was_used_longest_ago_is_forgotten():
    """The bound is one of entries."""
    memo: Memo[str] = Memo(2)
    for key in ("a", "b", "a", "c"):
        memo.get(key, lambda key=key: key)
    assert memo.get("a", lambda: "anew") == "a"
    assert memo.get("b", lambda: "anew") == "anew"


def test_an_error_is_not_kept():
    """The next one tries again."""
    memo: Memo[int] = Memo(2)
    with pytest.raises(ZeroDivisionError):
        memo.get("a", lambda: 1 // 0)
    assert memo.get("a", lambda: 1) == 1


@pytest.mark.parametrize("fails", [False, True])
def test_threads_wait_for_one_another(fails):
    """Whoever asks while it is computed gets the same, be it an error."""
    memo: Memo[int] = Memo(2)
    computed = []
    began, go_on = threading.Event(), threading.Event()

    def compute() -> int:
        computed.append(1)
        began.set()
        go_on.wait(30)
        if fails:
            raise ValueError("no")
        return 7

    with ThreadPoolExecutor(4) as pool:
        first = pool.submit(memo.get, "a", compute)
        assert began.wait(30)
        others = [pool.submit(memo.get, "a", compute) for _ in range(3)]
        go_on.set()
        for one in (first, *others):
            if fails:
                # Those that came too late for the first one's error compute it themselves.
                assert isinstance(one.exception(30), ValueError)
            else:
                assert one.result(30) == 7
    assert fails or len(computed) == 1
