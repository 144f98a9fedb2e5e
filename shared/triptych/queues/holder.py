"""What one worker holds: taken by one thread, ended by a second, kept alive by a third.

A busy worker needs none of them: what ends and what comes next is one step. While Redis is away,
what has ended waits to be told, and all goes on when Redis is back, also when it comes back empty.
"""

import os
import signal
import threading
import time
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass

import redis
import structlog

from triptych.queues import processes
from triptych.queues.labels import Death
from triptych.queues.presence import Presence, announce, withdraw
from triptych.queues.streams import Streams, Taken

_BLOCK_SECONDS = 1.0
_LONGEST_PAUSE = 2.0
_TICK_SECONDS = 1.0

log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class Lease:
    """Seconds after which what a silent worker holds is given to others, and between renewals."""

    seconds: float
    renew: float


@dataclass(frozen=True)
class _Ending:
    message: Taken
    back: bool
    death: Death | None


class Holder:
    """The messages of one worker, at most one for each of its processes.

    A message is held, and renewed, until Redis knows how it ended.
    """

    def __init__(
        self,
        connect: Callable[[int], redis.Redis],
        *,
        name: str,
        queue: str,
        limit: int,
        lease: Lease,
    ) -> None:
        self.name = name
        self.queue = queue
        self._limit = limit
        self._lease = lease
        self._streams = Streams(connect(1))
        # Does not try again by itself: what came in a reply that was lost must be looked for.
        self._source = Streams(connect(0))
        self._changed = threading.Condition()  # its lock may be taken twice by one thread
        self._held: dict[str, Taken] = {}
        self._arrived: deque[Taken] = deque()
        self._endings: deque[_Ending] = deque()
        self._taking = True
        self._reserved = 0  # room that somebody asks Redis to fill
        self._away = False  # what has ended is left to the thread that can wait for Redis
        self._astray = True  # Redis may have given us what has not reached us
        self._looking = threading.Lock()  # nobody takes while one looks for what went astray
        self._closing = threading.Lock()
        self._closed = threading.Event()
        self._memory: dict[int, int] = {}
        self._bell, self._ringer = os.pipe()
        os.set_blocking(self._bell, False)
        os.set_blocking(self._ringer, False)
        self._threads = [
            threading.Thread(target=_loudly, args=(target,), name=f"messages-{name}", daemon=True)
            for name, target in (("take", self._take), ("end", self._end), ("keep", self._keep))
        ]
        for thread in self._threads:
            thread.start()

    # What the worker's loop calls.

    def fileno(self) -> int:
        """Readable when messages have arrived."""
        return self._bell

    @property
    def held(self) -> int:
        """How many messages have not ended."""
        return len(self._held)

    def wake(self) -> None:
        """Let the worker's loop look up, as it does when messages have arrived."""
        with suppress(OSError):  # it is awake, or has ended
            os.write(self._ringer, b"!")

    def arrived(self) -> Taken | None:
        """The next message that the worker has not seen, if there is one."""
        with suppress(BlockingIOError):
            os.read(self._bell, 4096)
        with self._changed:
            return self._arrived.popleft() if self._arrived else None

    def done(self, tag: str) -> None:
        """The work on a message has ended; the next is taken in the same step."""
        with self._changed:
            message = self._held.get(tag)
            if message is None:
                return
            if self._away or self._endings:
                self._ends(tag, back=False)
                return
            room = self._limit - len(self._held) + 1 - self._reserved if self._taking else 0
            self._reserved += room
        told = False
        try:
            with self._looking:
                taken = self._source.done(message, self.name, room=room)
            told = True
        except redis.RedisError:
            self._away = self._astray = True
            self._ends(tag, back=False)
            taken = []
        with self._changed:
            self._reserved -= room
            if told:
                self._held.pop(tag, None)
            self._hold(taken, room)

    def put_back(self, tag: str, death: tuple[int | None, str] | None = None) -> None:
        """A message must come again, perhaps since a process died of it (its pid, and how)."""
        if death is None:
            self._ends(tag, back=True)
            return
        process, cause = death
        rss = self._memory.get(process) if process else None
        # Redis tells the time of it.
        evidence = Death(self.name, cause, 0.0, process, rss)
        self._ends(tag, back=True, death=evidence)

    def _ends(self, tag: str, *, back: bool, death: Death | None = None) -> None:
        with self._changed:
            if message := self._held.get(tag):
                self._endings.append(_Ending(message, back, death))
                self._changed.notify_all()

    def stop_taking(self) -> None:
        """Take no more; what the worker has not seen goes back."""
        with self._changed:
            self._taking = False
            for message in self._arrived:
                self._endings.append(_Ending(message, back=True, death=None))
            self._arrived.clear()
            self._changed.notify_all()

    def close(self, patience: float = 5.0) -> None:
        """Put back what is held, wait until Redis knows all, and stop; at most ``patience`` s.

        A second thread that closes waits for the first.
        """
        with self._closing:
            if not self._closed.is_set():
                self._close(patience)

    def _close(self, patience: float) -> None:
        self.stop_taking()
        deadline = time.monotonic() + patience
        self._threads[0].join(patience)  # what it takes last, it puts back
        with self._changed:
            ending = {ending.message.tag for ending in self._endings}
            for tag, message in self._held.items():
                if tag not in ending:
                    self._endings.append(_Ending(message, back=True, death=None))
            self._changed.notify_all()
            self._changed.wait_for(
                lambda: not self._endings, timeout=max(0.0, deadline - time.monotonic())
            )
            self._closed.set()
            self._changed.notify_all()
        for thread in self._threads:
            thread.join(patience)
        with suppress(redis.RedisError):
            withdraw(self._streams.client, self.name)
        for streams in (self._streams, self._source):
            streams.client.close()
        for end in (self._bell, self._ringer):
            os.close(end)
        self._bell = self._ringer = -1  # another file may have the numbers next

    # The three threads.

    def _take(self) -> None:
        """Take messages while there is room for them."""
        pauses = _Pauses("take messages")
        while (room := self._room()) > 0:
            try:
                if self._astray:
                    self._return_strays()
                taken = self._source.take(self.name, self.queue, room=room, wait=_BLOCK_SECONDS)
            except redis.RedisError as error:
                with self._changed:
                    self._reserved -= room
                    self._away = self._astray = True
                self._closed.wait(pauses.after(error))
                continue
            pauses.over()
            with self._changed:
                self._reserved -= room
                self._hold(taken, room)

    def _return_strays(self) -> None:
        with self._looking:
            with self._changed:
                known = list(self._held.values())
            self._source.return_strays(self.name, self.queue, known)
            self._astray = False

    def _room(self) -> int:
        """Reserve room for messages; waits until there is some. 0 at the end."""
        with self._changed:
            self._changed.wait_for(lambda: not self._taking or self._free() > 0)
            room = self._free() if self._taking else 0
            self._reserved += room
            return room

    def _free(self) -> int:
        return self._limit - len(self._held) - self._reserved

    def _hold(self, taken: list[Taken], room: int) -> None:
        """What was taken is held; what there is no room for goes back."""
        with self._changed:
            for message in taken:
                self._held[message.tag] = message
            kept = taken[:room] if self._taking else []
            for message in taken[len(kept) :]:
                self._endings.append(_Ending(message, back=True, death=None))
            self._arrived.extend(kept)
            if self._endings or self._free() > 0:  # else no thread has anything to do
                self._changed.notify_all()
        if kept:
            self.wake()

    def _end(self) -> None:
        """Tell Redis how messages ended, in order, as often as it takes."""
        pauses = _Pauses("end messages")
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._endings or self._closed.is_set())
                if self._closed.is_set():
                    return
                ending = self._endings[0]
            try:
                if ending.back:
                    self._streams.put_back(ending.message, ending.death)
                else:
                    self._streams.done(ending.message)
            except redis.RedisError as error:
                self._closed.wait(pauses.after(error))
                continue
            pauses.over()
            with self._changed:
                self._away = False
                self._endings.popleft()
                self._held.pop(ending.message.tag, None)
                self._changed.notify_all()

    def _keep(self) -> None:
        """Every few seconds: renew what is held, and put back what silent workers hold."""
        pauses = _Pauses("renew leases")
        due, steady = 0.0, time.monotonic()
        while not self._closed.is_set():
            self._look_at_memory()
            if time.monotonic() >= due:
                try:
                    self._renew()
                    # After Redis was away others must renew first: they could not either.
                    if time.monotonic() - steady >= 2 * self._lease.renew:
                        self._reap()
                except redis.RedisError as error:
                    self._closed.wait(pauses.after(error))
                    steady = time.monotonic()
                    continue
                pauses.over()
                due = time.monotonic() + self._lease.renew
            self._closed.wait(min(_TICK_SECONDS, self._lease.renew))

    def _renew(self) -> None:
        """Renew the lease of what is held, and say that the worker is there."""
        with self._changed:
            held = list(self._held.values())
        self._streams.renew(self.name, held)
        announce(
            self._streams.client,
            Presence(
                name=self.name,
                kind=self.queue,
                processes=self._limit,
                held=len(held),
                rss=sum(self._memory.values()),
            ),
        )

    def _reap(self) -> None:
        """Put back what silent workers hold."""
        if reaped := self._streams.reap(self.queue, self._lease.seconds):
            log.warning("messages of silent workers come again", queue=self.queue, count=reaped)

    def _look_at_memory(self) -> None:
        """What a dead process had is evidence, so the last figures of a process are kept."""
        alive = {os.getpid(), *processes.children()}
        sizes = {pid: size for pid in alive if (size := processes.rss(pid)) is not None}
        gone = {pid: size for pid, size in self._memory.items() if pid not in sizes}
        self._memory = {**dict(list(gone.items())[-8:]), **sizes}


def _loudly(run: Callable[[], None]) -> None:
    """A worker without one of its threads must not seem to work: it ends."""
    try:
        run()
    except Exception:
        log.critical("a thread of the queues has failed; the worker ends", exc_info=True)
        os.kill(os.getpid(), signal.SIGTERM)


class _Pauses:
    """Growing pauses between attempts; the first failure and the end of it are logged."""

    def __init__(self, what: str) -> None:
        self._what = what
        self._failures = 0

    def after(self, error: redis.RedisError) -> float:
        """Seconds to wait."""
        if self._failures == 0:
            log.warning("Redis does not answer; trying again", what=self._what, reason=str(error))
        self._failures += 1
        return min(_LONGEST_PAUSE, 0.05 * 2.0 ** min(self._failures, 6))

    def over(self) -> None:
        """It worked."""
        if self._failures:
            log.warning("Redis answers again", what=self._what)
        self._failures = 0
