"""A scene: a real stack, the load on it, and the means to break it."""

import os
import signal
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from functools import cached_property
from itertools import count
from pathlib import Path
from threading import Event
from urllib.parse import urlsplit

import psutil
import redis
from celery import Celery

from chaos.load import Load
from chaos.scenarios import Props
from triptych.client import Client, ClientError
from triptych.core.errors import QueueUnavailable
from triptych.core.settings import Settings
from triptych.engine import Engine
from triptych.ingest.manifest import OPEN
from triptych.local import Stack
from triptych.queues import jobs

LEASE, RENEW, RECONCILE, GRACE = 10, 2, 10, 10
QUICK = {
    "TRIPTYCH_LEASE": str(LEASE),
    "TRIPTYCH_LEASE_RENEW": str(RENEW),
    "TRIPTYCH_RECONCILE_SECONDS": str(RECONCILE),
    "TRIPTYCH_MEDIA_GRACE": str(GRACE),
}
"""Shorter than by default, where a lease has 30 s, a sweep comes every 30 s, and media without an
item stay for an hour."""
LIGHT = {"TRIPTYCH_ENCODER_CONCEPT": "", "TRIPTYCH_ENCODER_VISUAL": "hsv-histogram"}
"""Encoders of pictures that cost little: faults do not concern what a vector means."""
ENV = QUICK | LIGHT

_PATIENCE = 300.0
_TOGETHER = 100
_WAITING = 400


class Stuck(Exception):
    """What must happen does not."""


def wait_until(what: str, condition: Callable[[], object], seconds: float = 120) -> None:
    """Return when it holds. Raises Stuck, naming what does not come to hold."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise Stuck(f"after {seconds:.0f} s still not so: {what}")
        time.sleep(0.1)


@dataclass
class Scene:
    """What a scenario works with: it sends items, breaks parts, and mends them again."""

    stack: Stack
    name: str
    items: int
    """About how many it is to send."""
    props: Props = field(default_factory=Props)
    seconds: float = 0.0
    """How long it first took until all was quiet."""

    @cached_property
    def load(self) -> Load:
        """What sends items to the collection of this scene."""
        return Load(self.stack.gateway_url, self.name)

    @cached_property
    def client(self) -> Client:
        """The Python client."""
        return Client(self.stack.gateway_url)

    @cached_property
    def settings(self) -> Settings:
        """Those of the stack's parts, as far as they matter here."""
        return Settings(
            redis_url=self.stack.redis_url,
            index_url=self.props.env.get("TRIPTYCH_INDEX_URL", self.stack.index_url),
            media_url=self.props.env.get("TRIPTYCH_MEDIA_URL", self.stack.media_url),
            encoders={"concept": "", "visual": "hsv-histogram"},
        )

    @cached_property
    def redis(self) -> redis.Redis:
        """A client of the queues' server."""
        return redis.Redis.from_url(self.stack.redis_url)

    @cached_property
    def app(self) -> Celery:
        """What sends messages."""
        return jobs.make_celery(self.settings)

    @cached_property
    def engine(self) -> Engine:
        """An engine over the same store and index, to look at them."""
        return Engine.open(self.settings)

    @property
    def media(self) -> Path:
        """The folder of the media store."""
        return Path(urlsplit(self.settings.media_url).path)

    def close(self) -> None:
        """End the connections of this process."""
        for made in ("client", "engine", "load"):
            if made in vars(self):
                getattr(self, made).__exit__(None, None, None)

    @contextmanager
    def busy(self, *, clients: int = 1) -> Iterator[None]:
        """Items are sent for as long as this lasts, and until there are as many as there must be.

        Never so many that much more waits than is worked on.
        """
        load, over = self.load, Event()
        numbers = count(step=_TOGETHER)

        def send() -> None:
            while True:
                if not over.is_set() and self.under_way() > _WAITING:
                    time.sleep(0.05)
                elif (first := next(numbers)) < self.items or not over.is_set():
                    load.send(first, _TOGETHER)
                else:
                    return

        with ThreadPoolExecutor(clients) as pool:
            sending = [pool.submit(send) for _ in range(clients)]
            try:
                yield
            finally:
                over.set()
            for one in sending:
                one.result()

    # What goes on

    def done(self) -> int:
        """How many items there are; 0 while nobody can tell."""
        try:
            return int(self.client.collection(self.name)["items"]["total"])
        except ClientError:
            return 0

    def under_way(self) -> int:
        """How many items wait in queues or are held by workers; 0 while nobody can tell."""
        try:
            return sum(queue.items for queue in jobs.backlog(self.redis).values())
        except QueueUnavailable:
            return 0

    def when_busy(self, done: int = 1, waiting: int = 50) -> None:
        """Return in the middle of the work: something is done, and something waits."""
        wait_until("work is under way", lambda: self.under_way() >= waiting)
        wait_until(f"{done} items are done", lambda: self.done() >= done)

    def wait_quiet(self) -> None:
        """Return when every batch is closed and every queue empty. Raises Stuck."""
        begun = time.monotonic()
        wait_until("every batch is closed, every queue empty", self._is_quiet, _PATIENCE)
        self.seconds = self.seconds or time.monotonic() - begun

    def _is_quiet(self) -> bool:
        queues = jobs.backlog(self.redis).values()
        open_batches = self.engine.store.documents(OPEN)
        return not any(queue.messages for queue in queues) and not open_batches

    # Faults

    def pid(self, part: str) -> int:
        """The leader of a part's processes."""
        return self.stack.running[part].process.pid

    def kill_children(self, part: str) -> None:
        """SIGKILL of the processes of a pool; their parent lives."""
        for child in psutil.Process(self.pid(part)).children():
            with suppress(psutil.NoSuchProcess):
                child.kill()

    def signal_all(self, part: str, sign: int) -> None:
        """Signal a part with all its processes."""
        os.killpg(self.pid(part), sign)

    @contextmanager
    def frozen(self, *parts: str) -> Iterator[None]:
        """Parts that are stopped by SIGSTOP, and go on afterwards."""
        for part in parts:
            self.signal_all(part, signal.SIGSTOP)
        try:
            yield
        finally:
            for part in parts:
                self.signal_all(part, signal.SIGCONT)

    def restart(self, *parts: str) -> None:
        """SIGKILL of whole parts; new ones take their places."""
        self.stack.kill(*parts)
        self.stack.start(*parts)

    @contextmanager
    def away(self, *parts: str, seconds: float = 5) -> Iterator[None]:
        """Parts that are killed, and are back at least so many seconds later."""
        self.stack.kill(*parts)
        begun = time.monotonic()
        try:
            yield
        finally:
            time.sleep(max(0.0, begun + seconds - time.monotonic()))
            self.stack.start(*parts)

    def replace(
        self,
        *parts: str,
        command: Sequence[str] = (),
        env: Mapping[str, str] = {},
    ) -> None:
        """Start parts anew, with another command or with more in their environment."""
        self.stack.stop(*parts)
        self.stack.parts = tuple(
            replace(part, command=command or part.command, env={**part.env, **env})
            if part.name in parts
            else part
            for part in self.stack.parts
        )
        self.stack.start(*parts)
