"""From an accepted batch or item to its first message: either all of it or nothing.

What was sent under a key stays even if no message can be sent: another request under the key may
have been told that it is accepted. The sweep finds it, and its sender, who was told to try again,
hears the same.
"""

from contextlib import suppress

from triptych.core.errors import QueueUnavailable, TriptychError
from triptych.gateway.services import Services
from triptych.ingest.accepting import Accepted
from triptych.ingest.chunk import Chunk
from triptych.queues import jobs


def enqueue(services: Services, accepted: Accepted) -> Accepted:
    """Begin to count a stored batch, and send the one message that starts it all.

    Raises:
        QueueUnavailable: the batch is forgotten, unless it has a key.
    """
    manifest = accepted.manifest
    try:
        services.progress.start(manifest.batch, manifest.total)
        jobs.send_plan(services.queue, manifest.batch)
    except TriptychError:
        if manifest.content is not None:
            raise
        services.engine.withdraw(manifest.batch)
        with suppress(QueueUnavailable):
            services.progress.forget(manifest.batch)
        raise
    return accepted


def enqueue_item(services: Services, chunk: Chunk, *, has_key: bool) -> None:
    """Send a stored item on its way.

    Raises:
        QueueUnavailable: the item is forgotten, unless it has a key.
    """
    try:
        jobs.send(services.queue, chunk)
    except TriptychError:
        if not has_key:
            services.engine.withdraw(chunk.batch)
        raise
