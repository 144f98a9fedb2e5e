"""``python -m triptych.workers KIND``: one kind of worker with the options it must run with."""

import argparse
import os
from importlib import import_module

from triptych.core.threads import limit_threads

QUEUES = {"image": "image", "text": "text", "audio": "audio", "fusion": "fusion,plan"}


def main(arguments: list[str] | None = None) -> None:
    """Run a worker until it is told to stop."""
    parser = argparse.ArgumentParser(prog="triptych-worker", description=__doc__)
    parser.add_argument("kind", choices=QUEUES)
    parser.add_argument("--concurrency", type=int, default=1, help="processes, each of one thread")
    options = parser.parse_args(arguments)
    limit_threads()
    app = import_module(f"triptych.workers.{options.kind}").app
    app.worker_main(
        [
            "worker",
            f"--queues={QUEUES[options.kind]}",
            f"--concurrency={options.concurrency}",
            f"--hostname={options.kind}-{os.getpid()}@%h",
            "--pool=prefork",
            # A queue's length is what autoscalers read: nothing may hide in a worker's memory.
            "--disable-prefetch",
            "--without-gossip",
            "--without-mingle",
            "--loglevel=WARNING",
        ]
    )


if __name__ == "__main__":
    main()
