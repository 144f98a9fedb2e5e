"""A real worker, but for one medium: what decodes it dies, as of a defect in a library of C.

``python deadly_worker.py KIND --concurrency N``; the digest of the medium is ``CHAOS_DEADLY``.
"""

import os
import signal
from functools import cached_property

from triptych.engine import Engine
from triptych.ingest.chunk import Chunk
from triptych.ingest.steps import Stepped
from triptych.workers import __main__ as command
from triptych.workers import worker

_DEADLY = os.environ["CHAOS_DEADLY"]


class DeadlyEngine(Engine):
    """Kills its process when it is to describe the medium."""

    def step(self, chunk: Chunk) -> Stepped:
        """As of every engine."""
        if chunk.modality == "image" and any(item.image == _DEADLY for item in chunk.items):
            os.kill(os.getpid(), signal.SIGSEGV)
        return super().step(chunk)


class DeadlyWorker(worker.Worker):
    """Has such an engine."""

    @cached_property
    def engine(self) -> Engine:
        """The engine of this process."""
        return DeadlyEngine.open(self.settings)


if __name__ == "__main__":
    worker.Worker = DeadlyWorker  # type: ignore[misc]
    command.main()
