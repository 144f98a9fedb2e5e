"""``python -m triptych.workers KIND``: one kind of worker with the options it must run with."""

import argparse

from triptych.core.threads import limit_threads

KINDS = ("image", "text", "audio", "fusion", "plan", "train")


def main(arguments: list[str] | None = None) -> None:
    """Run a worker until it is told to stop."""
    parser = argparse.ArgumentParser(prog="triptych-worker", description=__doc__)
    parser.add_argument("kind", choices=KINDS)
    parser.add_argument("--concurrency", type=int, default=1, help="processes, each of one thread")
    options = parser.parse_args(arguments)
    limit_threads()
    from triptych.core.settings import Settings
    from triptych.workers.worker import Worker

    Worker(options.kind, Settings()).run(options.concurrency)


if __name__ == "__main__":
    main()
