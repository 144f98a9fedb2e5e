"""A task as the parent process of a worker sees it: it notes of which process death it is."""

import re
from typing import Any

import structlog
from billiard.einfo import ExceptionWithTraceback
from billiard.exceptions import TimeLimitExceeded
from celery.exceptions import WorkerLostError
from celery.worker import state
from celery.worker.request import Request as CeleryRequest

_CAUSE = re.compile(r"prematurely: (.*?) Job: ")

log = structlog.get_logger(__name__)


class Request(CeleryRequest):  # type: ignore[misc]
    """Celery's request, whose message comes back with evidence after its process died.

    A process that does not come to an end is killed, which is one death more.
    """

    def on_failure(
        self, exc_info: Any, send_failed_event: bool = True, return_ok: bool = False
    ) -> None:
        """The task raised an error, or its process died."""
        error = exc_info.exception
        if isinstance(error, ExceptionWithTraceback):
            error = error.exc
        match error:
            case WorkerLostError():
                self._end(cause_of(error))
            case TimeLimitExceeded():
                pass  # on_timeout comes next
            case _:
                super().on_failure(exc_info, send_failed_event, return_ok)

    def on_timeout(self, soft: bool, timeout: float) -> None:
        """The process has had its time, and is about to be killed."""
        if not soft:
            self._end(f"killed, as it had not ended after {timeout:g} s")

    def _end(self, cause: str) -> None:
        log.error(
            "a process died of its work", process=self.worker_pid, cause=cause, task=self.name
        )
        state.task_ready(self)
        self.acknowledged = True
        self.message.channel.died(self.message.delivery_tag, self.worker_pid, cause)


def cause_of(error: WorkerLostError) -> str:
    """How the process ended: ``signal 9 (SIGKILL)`` or ``exitcode 1``."""
    text = str(error)
    found = _CAUSE.search(text)
    return found[1] if found else text
