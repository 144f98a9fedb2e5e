"""A real worker whose work is what its messages say: for tests of the queues.

``python toy_worker.py QUEUE CONCURRENCY``. Each start and each end of the work on a message is
a line of the file ``TOY_LOG``: what, name, pid, deaths before, time.
"""

import os
import signal
import sys
import time
from pathlib import Path
from typing import Any

from triptych.core.settings import Settings
from triptych.queues import jobs
from triptych.workers.runtime import Runtime


def main() -> None:
    """Run until told to stop."""
    queue, concurrency = sys.argv[1], int(sys.argv[2])
    settings = Settings()

    def note(what: str, name: str) -> None:
        line = f"{what} {name} {os.getpid()} {runtime.label.deaths} {time.time()}\n"
        with Path(os.environ["TOY_LOG"]).open("a") as file:
            file.write(line)

    def prepare() -> None:
        if os.environ.get("TOY_BROKEN"):
            raise ValueError("the model is broken")
        time.sleep(float(os.environ.get("TOY_LOADS", "0")))

    kept = []

    def work(message: dict[str, Any]) -> None:
        note("started", message["name"])
        if message.get("dies"):
            os.kill(os.getpid(), signal.SIGKILL)
        kept.append(b"x" * message.get("keeps", 0))
        time.sleep(message.get("seconds", 0))
        note("ended", message["name"])

    runtime = Runtime(
        jobs.make_celery(settings),
        queue,
        work=work,
        prepare=prepare,
        drain=settings.drain,
        hang=settings.hang,
    )
    runtime.run(concurrency)


if __name__ == "__main__":
    main()
