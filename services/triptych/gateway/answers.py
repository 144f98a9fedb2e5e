"""What the gateway answers beside what the engine does. JSON leaves out what is absent."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from pydantic import RootModel, WithJsonSchema

from triptych.core import errors
from triptych.core.answers import Described, Omissible
from triptych.engine.collections import CollectionSummary
from triptych.index.item_document import ItemDocument
from triptych.ingest.sent import Rejection
from triptych.queues.batches import BatchState


def _problem_types() -> list[str]:
    """Those of the errors that the library declares, and of what HTTP itself refuses."""
    classes = [value for value in vars(errors).values() if isinstance(value, type)]
    slugs = {error.slug for error in classes if issubclass(error, errors.TriptychError)}
    return [f"urn:triptych:problem:{slug}" for slug in sorted({*slugs, "http"})]


ProblemType = Annotated[str, WithJsonSchema({"type": "string", "enum": _problem_types()})]


@dataclass(frozen=True)
class Problem(Described):
    """An error (RFC 9457)."""

    type: ProblemType
    title: str
    status: int
    detail: str
    """For a person."""
    field: Omissible[str] = None
    """The place in the request that the error is about."""


class Document(RootModel[dict[str, Any]]):
    """An OpenAPI document."""


@dataclass(frozen=True)
class Health(Described):
    """The process answers."""

    status: Literal["alive"]


@dataclass(frozen=True)
class Readiness(Described):
    """Whether requests can be answered."""

    status: Literal["ready", "degraded", "not ready"]
    """degraded: requests are answered, but something needs an operator."""
    parts: dict[str, str]
    """By part of the system: ok, or the reason why it is not."""


@dataclass(frozen=True)
class Collections(Described):
    """Every collection."""

    collections: Sequence[CollectionSummary]


@dataclass(frozen=True)
class AcceptedItem(Described):
    """An item that will be indexed."""

    id: str
    collection: str
    status_url: str
    """Where its document will be."""


@dataclass(frozen=True)
class AcceptedBatch(Described):
    """A batch that will be indexed."""

    batch: str
    total: int
    status_url: str
    """Where its progress is."""
    rejected: Sequence[Rejection]
    """The first 100 lines or files that are no items. Each is a failure of the batch, too."""
    rejected_total: int
    left_out: int = 0
    """Files that nobody misses: hidden ones, and what systems keep beside the files of people."""


@dataclass(frozen=True)
class BatchList(Described):
    """Batches, the latest first."""

    batches: Sequence[BatchState]


@dataclass(frozen=True)
class BatchFailures(Described):
    """Items of a batch that are failed, partial or quarantined."""

    batch: str
    total: int
    """All of them."""
    failures: Sequence[ItemDocument]
    after: Omissible[str] = None
    """What to send as ``after`` for the next ones; absent at the end."""
