"""Trainings and comparisons of models over the queue ``train``.

The request in the media store says what is wanted; the message only wakes a worker. A worker that
dies gives its message back and the next one begins anew, from the same seed. The sweep sends the
message of a request of which nothing is under way any more.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import redis
import structlog
from celery import Celery

from triptych.core.errors import NotFound, Unavailable
from triptych.engine import Engine
from triptych.engine.learning import check, target
from triptych.ingest.trainings import Course, Note, Result, Training, check_strategy
from triptych.queues import jobs, presence
from triptych.queues.labels import Label
from triptych.queues.rebuilds import Rebuilds

_DEADLY = 3
"""So many deaths are no accident."""
INSTALL = (
    "no worker of kind train is there. Where one is to run: "
    "pip install --require-hashes -r requirements/train.txt, or triptych[train]; then start it "
    "(`triptych up`, or `python -m triptych.workers train`)"
)

log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class Trainings:
    """What the collections of an engine learn through workers."""

    engine: Engine
    app: Celery
    redis: redis.Redis

    @property
    def rebuilds(self) -> Rebuilds:
        """The rebuilds of the same engine."""
        return Rebuilds(self.engine, self.app, self.redis)

    def train(self, collection: str, strategy: str, *, labels: str = "", seed: int = 0) -> None:
        """Ask for a model to be trained.

        Raises:
            NotFound, InvalidInput, Conflict: as ``TrainingRequests``.
            Unavailable: there is no worker for it.
            QueueUnavailable: the sweep sends the message.
        """
        check_strategy(strategy, labels)
        self.engine.index.identity(collection)
        self._check_worker()
        asked = self.engine.training_requests.train(collection, strategy, labels=labels, seed=seed)
        jobs.send_training(self.app, asked)

    def cancel(self, collection: str) -> None:
        """Give up what is under way; a worker ends at its next epoch. Raises NotFound."""
        asked = self.engine.training_requests.cancel(collection)
        jobs.drop(self.redis, asked.id)

    def activate(
        self, collection: str, model: str, *, force: bool = False, swap: bool = True
    ) -> None:
        """Ask for a model to be compared with what serves, and to serve.

        Args:
            collection: its name.
            model: a reference.
            force: whether to do without the comparison.
            swap: whether the new index takes the place of the other by itself.

        Raises:
            NotFound: no collection or model of that name.
            Conflict: it serves already, or can't; or something is under way.
            Unavailable: there is no worker that could compare.
            QueueUnavailable: the sweep sends the message.
        """
        models = target(self.engine, collection, model)
        if force:
            self.rebuilds.begin(collection, swap=swap, models=models)
            return
        self._check_worker()
        asked = self.engine.training_requests.activate(collection, model, swap=swap)
        jobs.send_training(self.app, asked)

    def deactivate(self, collection: str, model: str, *, swap: bool = True) -> None:
        """Let a model serve no more. Raises NotFound, Conflict, QueueUnavailable."""
        models: Sequence[str] = self.engine.learnt_models.without_model(collection, model)
        self.rebuilds.begin(collection, swap=swap, models=models)

    def work(
        self,
        message: Mapping[str, Any],
        label: Label,
        train: Callable[[Engine, Training, Note], Result],
    ) -> None:
        """Carry out the request of a message.

        Args:
            message: of ``jobs.send_training``.
            label: its label, with the deaths of workers.
            train: what trains a model.

        Raises:
            IndexUnavailable, StoreUnavailable, QueueUnavailable: the message comes again.
        """
        requests = self.engine.training_requests
        asked = requests.requested(message["train"])
        if asked is None or asked.id != message["id"] or not requests.is_to_do(asked):
            log.info("nothing is left to train", collection=message["train"])
            return
        if label.deaths >= _DEADLY:
            evidence = "; ".join(map(str, label.evidence))
            problem = f"{label.deaths} workers died of it: {evidence}"
            requests.end(asked, Course(asked.id, "failed", problem=problem))
            return

        def carry_out(note: Note) -> Result:
            return (
                self._activate(asked, note)
                if asked.task == "activate"
                else train(self.engine, asked, note)
            )

        requests.carry_out(asked, carry_out)

    def _activate(self, asked: Training, note: Note) -> Result:
        if asked.model in self.engine.learnt_models.active(asked.collection):
            return asked.model, {}  # the message comes again
        models = target(self.engine, asked.collection, asked.model)
        begun = self.engine.rebuilder.requested(asked.collection)
        if begun is not None and begun.models == models and not begun.waits:
            return asked.model, {}  # likewise
        check(self.engine, asked.collection, asked.model)
        note(0, {})  # or it was given up meanwhile
        self.rebuilds.begin(asked.collection, swap=asked.swap, models=models)
        return asked.model, {}

    def sweep(self) -> int:
        """Send the message of each request of which nothing is under way; how many."""
        sent = 0
        for asked in self.engine.training_requests.under_way():
            if self._is_gone(asked):
                self.engine.training_requests.forget(asked.collection)
            elif not jobs.in_flight(self.redis, asked.id).messages:
                jobs.send_training(self.app, asked)
                sent += 1
        return sent

    def _is_gone(self, asked: Training) -> bool:
        """Whether its collection was deleted."""
        try:
            return self.engine.index.identity(asked.collection) != asked.identity
        except NotFound:
            return True

    def _check_worker(self) -> None:
        if all(worker.kind != jobs.TRAIN for worker in presence.workers(self.redis)):
            raise Unavailable(INSTALL)
