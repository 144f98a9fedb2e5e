"""What every worker does around its work: it starts, waits, says when it is ready, and ends."""

import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import structlog
from celery import Celery
from celery.exceptions import Reject
from celery.signals import worker_init, worker_process_init, worker_shutting_down
from celery.worker import state

from triptych.core import logs
from triptych.core.errors import Unavailable
from triptych.queues import jobs, processes
from triptych.queues.holder import Holder
from triptych.queues.labels import HEADER, Label
from triptych.workers.request import Request

_PAUSE_SECONDS = 5
_IDLE_SECONDS = 5
_STEP_SECONDS = 0.2
_FAILED = 1

log = structlog.get_logger(__name__)


class Runtime:
    """A Celery application with the one task of a kind, and the life of its processes."""

    def __init__(
        self,
        app: Celery,
        kind: str,
        *,
        work: Callable[[dict[str, Any]], None],
        prepare: Callable[[], None],
        drain: float,
        hang: float | None = None,
        once: bool = False,
    ) -> None:
        """Make the task.

        Args:
            app: whose queues.
            kind: which of them.
            work: called with each message.
            prepare: called in each process before it takes work.
            drain: seconds that work may take to its end when the worker is told to stop.
            hang: seconds after which work counts as hung, and its process is killed; None: never.
            once: whether each message gets a process of its own, whose memory goes with it.
        """
        self.app = app
        self.kind = kind
        self._prepare = prepare
        self._drain = drain
        self._once = once
        self._controller: Any = None
        self._seen: Holder | None = None
        self._task = app.task(name=jobs.task_name(kind), Request=Request, time_limit=hang)(work)

    def run(self, concurrency: int) -> None:
        """Take messages until told to stop; exits like a command."""
        worker_init.connect(self._remember, weak=False)
        worker_process_init.connect(self._start_process, weak=False)
        worker_shutting_down.connect(self._bound_shutdown, weak=False)
        signal.signal(signal.SIGUSR2, self._give_up)
        self.app.worker_main(
            [
                "--quiet",
                "worker",
                f"--queues={self.kind}",
                f"--concurrency={concurrency}",
                f"--hostname={self.kind}-{os.getpid()}@%h",
                "--pool=prefork",
                "--without-gossip",
                "--without-mingle",
                "--without-heartbeat",
                *(["--max-tasks-per-child=1"] if self._once else []),
                "--loglevel=WARNING",
            ]
        )
        sys.exit(self._controller.exitcode)  # which Celery keeps to itself

    @property
    def label(self) -> Label:
        """The label of the message that this process works on."""
        return Label.from_header(self._task.request.get(HEADER))

    def _remember(self, sender: Any, **_: object) -> None:
        self._controller = sender

    def _start_process(self, **_: object) -> None:
        """Prepare a process before it takes work. Celery would log an error and go on without."""
        logs.configure()
        try:
            self._prepare()
        except Exception as error:
            log.critical("this worker can't work; it ends", kind=self.kind, reason=str(error))
            log.exception("the error")
            os.kill(os.getppid(), signal.SIGUSR2)
            os._exit(_FAILED)
        tell_ready()

    def _give_up(self, *_: object) -> None:
        """A process could not be prepared: end the worker, with a code that says so."""
        state.should_stop = _FAILED
        self._bound_shutdown()

    def _bound_shutdown(self, **_: object) -> None:
        """End in time whatever hangs, such as a process that still loads its models."""
        if holder := self._holder:
            holder.wake()  # else Celery hears of the signal at the next tick of its loop, in 5 s
        threading.Thread(target=self._end_in_time, daemon=True).start()

    def _end_in_time(self) -> None:
        """Give work its time, and what is idle a little; then work goes back."""
        begun = time.monotonic()
        while (passed := time.monotonic() - begun) < self._drain:
            if passed > _IDLE_SECONDS and not self._held():
                break
            time.sleep(_STEP_SECONDS)
        log.warning("not everything has ended in time", kind=self.kind, back=self._held())
        try:
            if holder := self._holder:
                holder.close()
        finally:
            for pid in processes.children():
                os.kill(pid, signal.SIGKILL)
            os._exit(state.should_stop or 0)

    @property
    def _holder(self) -> Holder | None:
        """What this worker holds its messages in; None before it takes any.

        Celery forgets it before it has closed it, so it is remembered.
        """
        consumer: Any = getattr(self._controller.consumer, "task_consumer", None)
        channel: Any = getattr(consumer, "channel", None)
        self._seen = getattr(channel, "holder", None) or self._seen
        return self._seen

    def _held(self) -> int:
        holder = self._holder
        return holder.held if holder else 0


@contextmanager
def patient() -> Iterator[None]:
    """Put the message of a task that can't be done now back into the queue.

    That is so while a part that the task depends on is away. Also after a defect that the task
    could not turn into failure documents: a message that is dropped would lose its items.
    """
    try:
        yield
    except Unavailable as error:
        log.warning("task waits", reason=error.reason)
        _put_back(error)
    except Exception as error:
        log.exception("task failed, its message comes again")
        _put_back(error)


def _put_back(error: Exception) -> None:
    time.sleep(_PAUSE_SECONDS)
    raise Reject(str(error), requeue=True) from error


def tell_ready() -> None:
    """Say that the models of this process are loaded, to whoever named a file for it."""
    if ready := os.environ.get("TRIPTYCH_READY_FILE"):
        Path(ready).touch()
