"""A bounded memory of what is dear to compute, for many threads."""

from collections import OrderedDict
from collections.abc import Callable
from concurrent.futures import Future
from threading import Lock
from typing import Generic, TypeVar

Value = TypeVar("Value")


class Memo(Generic[Value]):
    """The values that were used last, by key.

    Threads that ask for the same value at the same time compute it once. What can't be computed is
    not kept: each of them gets the error, and the next one tries again.
    """

    def __init__(self, entries: int) -> None:
        self._entries = entries
        self._futures: OrderedDict[str, Future[Value]] = OrderedDict()
        self._lock = Lock()

    def get(self, key: str, compute: Callable[[], Value]) -> Value:
        """The value of a key, computed by ``compute`` unless it is known."""
        with self._lock:
            future = self._futures.get(key)
            if future is not None:
                self._futures.move_to_end(key)
            else:
                mine = self._futures[key] = Future()
                while len(self._futures) > self._entries:
                    self._futures.popitem(last=False)
        if future is not None:
            return future.result()
        try:
            value = compute()
        except BaseException as error:
            with self._lock:
                if self._futures.get(key) is mine:
                    del self._futures[key]
            mine.set_exception(error)
            raise
        mine.set_result(value)
        return value
