"""All errors that cross a module border, each with the data a caller needs.

``slug`` is the stable last part of the problem ``type`` (RFC 9457), ``status`` the HTTP status.
"""

from typing import ClassVar


class TriptychError(Exception):
    """Base of every error of Triptych; ``str(error)`` is meant for a person."""

    slug: ClassVar[str] = "internal"
    status: ClassVar[int] = 500

    def __init__(self, reason: str, *, field: str | None = None) -> None:
        super().__init__(reason)
        self.reason = reason
        self.field = field


def internal(error: Exception) -> str:
    """The reason that an item has for a defect of ours."""
    return f"internal error: {type(error).__name__}: {error}"


class InvalidInput(TriptychError):
    """What the caller sent is wrong; ``field`` names the place."""

    slug = "invalid-input"
    status = 400


class MediaError(InvalidInput):
    """An image, text or sound that can't be used; concerns one modality of one item."""

    slug = "unusable-media"
    status = 422


class TooLarge(InvalidInput):
    """Above one of the limits in the settings."""

    slug = "too-large"
    status = 413


class BadArchive(InvalidInput):
    """An archive that can't be read to its end: nothing of it is accepted."""

    slug = "bad-archive"


class KeyReused(InvalidInput):
    """An idempotency key that came before with another body."""

    slug = "key-reused"
    status = 422


class ChecksumMismatch(InvalidInput):
    """Bytes that are not those that their sender took the checksum of."""

    slug = "checksum-mismatch"
    status = 460


class UnsupportedType(InvalidInput):
    """A body of a content type that is not accepted here."""

    slug = "unsupported-type"
    status = 415


class UnsupportedVersion(InvalidInput):
    """A version of the tus protocol that the gateway does not speak."""

    slug = "unsupported-version"
    status = 412


class NoRoom(TriptychError):
    """Uploads take up all the room that there is for them."""

    slug = "no-room"
    status = 507


class QuotaReached(NoRoom):
    """A collection has as many items as one may have."""

    slug = "quota-reached"


class CrossOrigin(TriptychError):
    """A browser sent this request from a page of another origin."""

    slug = "cross-origin"
    status = 403


class UnknownHost(TriptychError):
    """A request names a host that this gateway does not go by."""

    slug = "unknown-host"
    status = 403


class Unauthorized(TriptychError):
    """A key is needed, and this request has none that is valid."""

    slug = "unauthorized"
    status = 401


class Forbidden(TriptychError):
    """Whoever sent this request may not do that."""

    slug = "forbidden"
    status = 403


class NotFound(TriptychError):
    """No collection, item, batch or file of that name."""

    slug = "not-found"
    status = 404


class MediaUnreadable(MediaError):
    """Stored bytes that can't be read, though their store is there: a damaged disk, say.

    They are not "not found": what is not found is forgotten.
    """

    slug = "media-unreadable"
    status = 500


class Conflict(TriptychError):
    """What was asked does not go with the state that something is in."""

    slug = "conflict"
    status = 409


class CursorExpired(InvalidInput):
    """The snapshot that the cursor belongs to is no longer kept."""

    slug = "cursor-expired"
    status = 410


class FingerprintMismatch(TriptychError):
    """Two sets of vectors that were made by different models must never be compared."""

    slug = "fingerprint-mismatch"
    status = 409


class Busy(TriptychError):
    """Too much work is waiting; try again after ``retry_after`` seconds."""

    slug = "busy"
    status = 429
    retry_after: int = 5


class RateLimited(Busy):
    """A key has sent more requests than it may; try again after ``retry_after`` seconds."""

    slug = "rate-limited"

    def __init__(self, reason: str, retry_after: int = 1, *, field: str | None = None) -> None:
        super().__init__(reason, field=field)
        self.retry_after = retry_after


class Unavailable(TriptychError):
    """A part that this one depends on does not answer."""

    slug = "unavailable"
    status = 503


class IndexUnavailable(Unavailable):
    """The search index does not answer, or refuses work for now."""

    slug = "index-unavailable"


class QueueUnavailable(Unavailable):
    """Redis does not answer."""

    slug = "queue-unavailable"


class StoreUnavailable(Unavailable):
    """The media store does not answer, or can't write."""

    slug = "store-unavailable"


class ModelUnavailable(Unavailable):
    """What a collection has learnt can't be run here now: its file is gone, or damaged, say."""

    slug = "model-unavailable"
