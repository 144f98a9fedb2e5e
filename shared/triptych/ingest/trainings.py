"""What a collection is to learn: the request, and how far it is.

Both are documents in the media store, so that they outlive every process. The request is written by
whoever asks or cancels, the course by the process that works on it: neither overwrites the other.
"""

import json
import secrets
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, field, replace
from typing import Any, Literal, Self

import structlog

from triptych.core.errors import (
    Conflict,
    IndexUnavailable,
    InvalidInput,
    NotFound,
    QueueUnavailable,
    StoreUnavailable,
    TriptychError,
    internal,
)
from triptych.encoders.weights import WeightsError
from triptych.fusion.classifier import NAME as CLASSIFIER
from triptych.fusion.strategies.learned import NETWORKS
from triptych.index import SearchIndex
from triptych.ingest.examples import label_of
from triptych.media.store import MediaStore

TRAININGS = "trainings"
"""The folder of requests, by the name of the collection; the latest one stays."""
COURSES = "courses"
"""The folder of how far they are, likewise."""
LARGEST_SEED = 2**31 - 1

log = structlog.get_logger(__name__)

Task = Literal["train", "activate"]
State = Literal["waiting", "running", "done", "failed", "cancelled"]


@dataclass(frozen=True)
class Training:
    """A request, as it is stored: to train a model, or to compare one and to activate it."""

    collection: str
    identity: str
    id: str
    """Of its messages."""
    task: Task
    strategy: str = ""
    """Of a training: convolution, recurrent, attention, or classifier."""
    labels: str = ""
    """Of a training of a classifier: the field that has the labels."""
    seed: int = 0
    model: str = ""
    """Of an activation: the reference of the model."""
    swap: bool = True
    """Of an activation: whether the new index takes the place of the other by itself."""
    cancelled: bool = False
    asked: float = 0.0
    """Seconds since 1970, as ``begun`` and ``ended``."""

    def to_json(self) -> bytes:
        """As it is stored."""
        return json.dumps(asdict(self)).encode()

    @classmethod
    def from_json(cls, data: bytes) -> Self:
        """Read what ``to_json`` wrote."""
        return cls(**json.loads(data))


@dataclass(frozen=True)
class Course:
    """How far a request is, as it is stored."""

    id: str
    state: State
    epoch: int = 0
    figures: Mapping[str, float] = field(default_factory=dict)
    """Of the latest epoch; at the end, of the model."""
    problem: str = ""
    """Why it failed, or was refused."""
    model: str = ""
    """The reference of what was trained, or is activated."""
    begun: float = 0.0
    ended: float = 0.0

    def to_json(self) -> bytes:
        """As it is stored."""
        return json.dumps(asdict(self)).encode()

    @classmethod
    def from_json(cls, data: bytes) -> Self:
        """Read what ``to_json`` wrote."""
        return cls(**json.loads(data))


Note = Callable[[int, Mapping[str, float]], None]
"""Given the number and the figures of an epoch."""
Result = tuple[str, Mapping[str, float]]
"""The reference of a model, and its figures."""


class Cancelled(Exception):
    """Nobody wants the result any more."""


def check_strategy(strategy: str, labels: str) -> None:
    """Raise InvalidInput unless this can be trained."""
    if strategy not in {*NETWORKS, CLASSIFIER}:
        known = ", ".join([*NETWORKS, CLASSIFIER])
        raise InvalidInput(f"strategy: no {strategy!r}; there are {known}", field="strategy")
    if bool(labels) is not (strategy == CLASSIFIER):
        raise InvalidInput(
            "labels: the field that has them is needed for a classifier, and for nothing else",
            field="labels",
        )
    if labels:
        label_of(labels)


@dataclass(frozen=True)
class TrainingRequests:
    """The requests of an engine's collections."""

    store: MediaStore
    index: SearchIndex

    def train(self, collection: str, strategy: str, *, labels: str = "", seed: int = 0) -> Training:
        """Ask for a model to be trained.

        Raises:
            NotFound: no collection of that name.
            InvalidInput: no such strategy, or a field that can't be a label.
            Conflict: something is being trained or compared already.
        """
        check_strategy(strategy, labels)
        return self._ask(collection, "train", strategy=strategy, labels=labels, seed=seed)

    def activate(self, collection: str, model: str, *, swap: bool = True) -> Training:
        """Ask for a model to be compared with what serves, and activated. Raises as ``train``."""
        return self._ask(collection, "activate", model=model, swap=swap)

    def _ask(self, collection: str, task: Task, **what: Any) -> Training:
        identity = self.index.identity(collection)
        if self.is_under_way(collection):
            raise Conflict(f"something is being trained for collection {collection!r} already")
        asked = Training(
            collection, identity, secrets.token_hex(16), task, asked=time.time(), **what
        )
        self._write_down(asked)
        return asked

    def requested(self, collection: str) -> Training | None:
        """The latest request of a collection, if there is one that can be read."""
        with suppress(NotFound):
            data = self.store.read_document(TRAININGS, collection)
            try:
                return Training.from_json(data)
            except (TypeError, ValueError):  # damaged, or of another version
                log.exception("request can't be read: ask for it again", collection=collection)
        return None

    def course(self, asked: Training) -> Course:
        """How far a request is."""
        found = Course(asked.id, "waiting")
        with suppress(NotFound, TypeError, ValueError):  # what can't be read begins anew
            known = Course.from_json(self.store.read_document(COURSES, asked.collection))
            found = known if known.id == asked.id else found
        if asked.cancelled and found.state in {"waiting", "running"}:
            return replace(found, state="cancelled")
        return found

    def is_to_do(self, asked: Training) -> bool:
        """Whether a request has not ended."""
        return self.course(asked).state in {"waiting", "running"}

    def is_under_way(self, collection: str) -> bool:
        """Whether there is a request that has not ended, of the collection that has the name now.

        Raises NotFound.
        """
        asked = self.requested(collection)
        ours = asked is not None and asked.identity == self.index.identity(collection)
        return asked is not None and ours and self.is_to_do(asked)

    def under_way(self) -> list[Training]:
        """Every request that has not ended. Raises StoreUnavailable."""
        names = [one.name for one in self.store.documents(TRAININGS)]
        found = [one for name in names if (one := self.requested(name)) is not None]
        return [one for one in found if self.is_to_do(one)]

    def cancel(self, collection: str) -> Training:
        """Give a request up; what works on it ends at its next epoch.

        Raises NotFound where there is no collection, or nothing is under way.
        """
        asked = self.requested(collection)
        if asked is None or not self.is_under_way(collection):
            raise NotFound(f"nothing is being trained for collection {collection!r}")
        given_up = replace(asked, cancelled=True)
        self._write_down(given_up)
        return given_up

    def note(self, asked: Training, course: Course) -> None:
        """Write down how far a request is. Raises Cancelled where nobody wants it any more."""
        if self.requested(asked.collection) != asked:
            raise Cancelled
        self.store.write_document(COURSES, asked.collection, course.to_json())

    def carry_out(self, asked: Training, work: Callable[[Note], Result]) -> Course | None:
        """Work on a request, and write down how it ends.

        Args:
            asked: what nobody else works on.
            work: given what notes the figures of an epoch, which raises Cancelled in time; its
                errors are the problem of the request.

        Returns:
            How it ended; None if nobody wants it, or the collection is gone.

        Raises:
            IndexUnavailable, StoreUnavailable, QueueUnavailable: it has to begin anew later.
        """
        course = Course(asked.id, "running", begun=time.time())

        def note(epoch: int, figures: Mapping[str, float]) -> None:
            rounded = {name: round(value, 4) for name, value in figures.items()}
            self.note(asked, replace(course, epoch=epoch, figures=rounded))

        try:
            if not self.is_to_do(asked) or self._is_gone(asked):
                return None
            self.note(asked, course)
            reference, figures = work(note)
            ended = replace(course, state="done", model=reference, figures=figures)
        except Cancelled:
            log.info("request is given up", collection=asked.collection, task=asked.task)
            return None
        except (IndexUnavailable, StoreUnavailable, QueueUnavailable):
            raise
        except NotFound as error:
            if self._is_gone(asked):
                return None
            ended = replace(course, state="failed", problem=error.reason)
        except TriptychError as error:
            ended = replace(course, state="failed", problem=error.reason)
        except WeightsError as error:
            ended = replace(course, state="failed", problem=str(error))
        except Exception as error:
            log.exception("training has failed", collection=asked.collection)
            ended = replace(course, state="failed", problem=internal(error))
        return self.end(asked, ended)

    def end(self, asked: Training, course: Course) -> Course | None:
        """Write down how a request has ended; None if nobody wants to know."""
        ended = replace(course, ended=time.time())
        try:
            self.note(asked, ended)
        except Cancelled:
            return None
        log.info(
            "request has ended", collection=asked.collection, task=asked.task, state=ended.state,
            model=ended.model, problem=ended.problem,
        )  # fmt: skip
        return ended

    def _is_gone(self, asked: Training) -> bool:
        """Whether its collection was deleted."""
        try:
            return self.index.identity(asked.collection) != asked.identity
        except NotFound:
            return True

    def forget(self, collection: str) -> None:
        """Forget what was asked for of a collection that is gone."""
        for folder in (TRAININGS, COURSES):
            self.store.delete_document(folder, collection)

    def _write_down(self, asked: Training) -> None:
        self.store.write_document(TRAININGS, asked.collection, asked.to_json())
