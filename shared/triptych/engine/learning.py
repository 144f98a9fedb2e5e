"""What a collection has learnt, as it is answered; and models that begin and cease to serve."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Literal

from triptych.core.answers import Described, Omissible
from triptych.core.errors import Conflict, TriptychError, Unavailable
from triptych.encoders.weights import WeightsError
from triptych.fusion.blocks import Layout
from triptych.fusion.strategies.comparison import Gain, check_gains
from triptych.ingest.collection_models import CollectionModels, Entry, Verdict
from triptych.ingest.trainings import Course, State, Task, Training

if TYPE_CHECKING:
    from triptych.engine.engine import Engine


@dataclass(frozen=True)
class Gained(Described):
    """What a kind of trials has of a model, on items that it has not learnt from."""

    kind: str
    """Of trials; ``all``: the mean of the kinds. Of a classifier: accuracy."""
    old: float
    """The mean reciprocal rank of what serves; of a classifier, the share of right labels."""
    new: float
    gain: float
    low: float
    """The 2.5 % point of the bootstrap of the gain; ``high``: the 97.5 % point."""
    high: float
    queries: int


@dataclass(frozen=True)
class ModelComparison(Described):
    """How a model did beside what served then."""

    at: str
    """ISO 8601."""
    against: Sequence[str]
    """The models that served; none: the blocks alone."""
    gains: Sequence[Gained]
    problem: Omissible[str] = None
    """Why the model was refused."""


@dataclass(frozen=True)
class LearntModel(Described):
    """A model that a collection has learnt."""

    reference: str
    kind: Literal["fusion", "classifier"]
    name: str
    active: bool
    """Whether searches, or the field ``predictions``, are by it."""
    trained: str
    """ISO 8601."""
    seconds: float
    """That the training took."""
    metrics: Mapping[str, float]
    """On items that it has not learnt from."""
    share: Omissible[float] = None
    """Of a fusion: how much of the score is its own."""
    labels: Omissible[str] = None
    """Of a classifier: the field whose values it tells."""
    classes: Omissible[Sequence[str]] = None
    comparison: Omissible[ModelComparison] = None
    """The latest one with what served."""
    problem: Omissible[str] = None
    """Why it can't serve now, such as that the encoders are others."""
    card: Omissible[Mapping[str, Any]] = None
    """Everything that is known of it, where one model is asked for."""


@dataclass(frozen=True)
class LearntModels(Described):
    """The models that a collection has learnt, the latest first."""

    models: Sequence[LearntModel]


@dataclass(frozen=True)
class TrainingState(Described):
    """The latest training, or comparison before an activation, of a collection."""

    task: Task
    state: State
    asked: str
    """ISO 8601, as ``begun`` and ``ended``."""
    strategy: Omissible[str] = None
    """Of a training."""
    labels: Omissible[str] = None
    """Of a classifier: the field that has them."""
    epoch: Omissible[int] = None
    """How far a training is."""
    figures: Omissible[Mapping[str, float]] = None
    """Of the latest epoch; at the end, of the model."""
    model: Omissible[str] = None
    """The reference of what was trained, or is to be activated."""
    problem: Omissible[str] = None
    """Why it failed, or why the model was refused."""
    begun: Omissible[str] = None
    ended: Omissible[str] = None


def training_state(asked: Training, course: Course) -> TrainingState:
    """How far a request is, as it is answered."""
    return TrainingState(
        asked.task,
        course.state,
        _moment(asked.asked),
        asked.strategy or None,
        asked.labels or None,
        course.epoch or None,
        course.figures or None,
        course.model or asked.model or None,
        course.problem or None,
        _moment(course.begun) if course.begun else None,
        _moment(course.ended) if course.ended else None,
    )


def described(
    models: CollectionModels, collection: str, entry: Entry, base: Layout, *, whole: bool
) -> LearntModel:
    """A model as it is answered; ``whole``: with its card, and a look at its file."""
    card, verdict = entry.card, entry.verdict
    is_fusion = card.kind == "fusion"
    if whole:
        problem = models.problem(entry, base)
    else:
        problem = "" if card.layout == base.fingerprint else "it was trained for other encoders"
    return LearntModel(
        entry.reference,
        card.kind,
        card.name,
        active=entry.reference in models.active(collection),
        trained=_moment(entry.trained),
        seconds=round(entry.seconds, 1),
        metrics=dict(card.metrics),
        share=card.share if is_fusion else None,
        labels=entry.labels or None,
        classes=None if is_fusion else list(card.classes),
        comparison=None if verdict is None else _comparison(verdict),
        problem=problem or None,
        card=asdict(card) if whole else None,
    )


def check(engine: "Engine", collection: str, reference: str) -> None:
    """Compare a model with what serves, and keep what came of it.

    Raises:
        Conflict: it finds surely less, or can't find more; it is not activated. Or what serves has
            changed meanwhile.
        NotFound: no collection or model of that name.
        InvalidInput: too few items were set aside to compare with.
        FingerprintMismatch: it was trained for other encoders.
        WeightsError, ModelUnavailable: a model can't be run.
        IndexUnavailable, StoreUnavailable: try again.
    """
    models = engine.learnt_models
    entry, against = models.get(collection, reference), models.active(collection)
    gains: Sequence[Gain] = ()
    try:
        gains = engine.comparing.gains(collection, entry)
        check_gains(reference, gains)
    except Unavailable:
        raise
    except (TriptychError, WeightsError) as error:
        models.judge(collection, entry, Verdict(against, gains, str(error), time.time()))
        raise
    models.judge(collection, entry, Verdict(against, gains, at=time.time()))
    if models.active(collection) != against:
        raise Conflict(
            f"{reference} was compared with models that no longer serve; activate it again"
        )


def target(engine: "Engine", collection: str, reference: str) -> tuple[str, ...]:
    """The models that serve once this one does.

    Raises:
        NotFound: no collection or model of that name.
        Conflict: it serves already, or can't.
    """
    models = engine.learnt_models
    entry = models.get(collection, reference)
    if reference in models.active(collection):
        raise Conflict(f"there is nothing to do: model {reference} is active")
    if problem := models.problem(entry, engine.layout):
        raise Conflict(problem)
    return models.with_model(collection, entry)


def _comparison(verdict: Verdict) -> ModelComparison:
    gains = [
        Gained(
            one.kind,
            old=round(one.old, 4),
            new=round(one.new, 4),
            gain=round(one.gain, 4),
            low=round(one.low, 4),
            high=round(one.high, 4),
            queries=one.queries,
        )
        for one in verdict.gains
    ]
    return ModelComparison(
        _moment(verdict.at), list(verdict.against), gains, verdict.problem or None
    )


def _moment(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="seconds")
