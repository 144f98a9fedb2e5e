"""Pages: cursors, opaque to clients, and the rankings that pages are cut from."""

import base64
import binascii
import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Annotated, Any

import orjson
from pydantic import Field, TypeAdapter

from triptych.core.errors import InvalidInput
from triptych.core.values import Scalar, Text
from triptych.fusion.scores import Fused
from triptych.index.model import Counts
from triptych.media.signing import MAC_BYTES, Secret
from triptych.search.answer import PackedReasons

BEGIN = "*"
"""The cursor that begins paging."""
_INVALID = f'cursor is invalid: use "{BEGIN}", or the cursor of the previous answer'
_PURPOSE = "cursor"

_Number = Annotated[int, Field(strict=True, ge=0, lt=2**31)]
_Keys = Annotated[list[Scalar | Annotated[list[Scalar], Field(max_length=2)]], Field(max_length=32)]
_CONTENT = TypeAdapter(tuple[Text, Text, _Number | _Keys, Text])
"""Of a cursor: no index gets a position that can't be one of its own."""


@dataclass(frozen=True)
class Ranked:
    """One hit of a ranking."""

    id: str
    score: float
    why: PackedReasons | None
    """None without ``explain``."""


@dataclass(frozen=True)
class Ranking:
    """All hits that the pages of one search reach, best first."""

    hits: Sequence[Ranked]
    total: int
    total_is_exact: bool
    facets: Mapping[str, Counts] = field(default_factory=dict)
    fused: Fused | None = None
    """How the hits were scored, if there are any."""

    @property
    def digest(self) -> str:
        """Equal for equal orders."""
        digest = hashlib.sha256()
        for hit in self.hits:
            digest.update(hit.id.encode() + b"\n")
        return digest.hexdigest()[:16]


@dataclass(frozen=True)
class Cursor:
    """Where a page begins."""

    snapshot: str
    """The collection as it was when the paging began."""
    query: str
    """The digest of what is paged through."""
    position: Any
    """Of a listing the last item before the page, as the index has it; of a search the number of
    hits before it."""
    ranking: str = ""
    """Of a search the digest of the ranking that the pages are cut from."""

    def write(self, secret: Secret) -> str:
        """As clients have it, signed: what a snapshot has may be hidden from them by now."""
        body = orjson.dumps(list(vars(self).values()))
        return base64.urlsafe_b64encode(secret.mac(_PURPOSE, body) + body).decode().rstrip("=")


def read_cursor(value: str, query: str, secret: Secret) -> Cursor:
    """Read a cursor.

    Raises:
        InvalidInput: it was not made here, or is of another query.
        StoreUnavailable: that can't be found out now.
    """
    try:
        data = base64.b64decode(value + "=" * (-len(value) % 4), altchars=b"-_", validate=True)
        mac, body = data[:MAC_BYTES], data[MAC_BYTES:]
        if not secret.is_of(mac, _PURPOSE, body):
            raise InvalidInput("cursor is damaged", field="cursor")
        cursor = Cursor(*_CONTENT.validate_json(body))
    except (binascii.Error, ValueError) as error:  # pydantic's errors are such, too
        raise InvalidInput(_INVALID, field="cursor") from error
    if cursor.query != query:
        raise InvalidInput(
            "cursor belongs to another query: between pages only limit, fields, highlight, facets, "
            "exact_total and explain may change",
            field="cursor",
        )
    return cursor


def digest_of(*parts: Any) -> str:
    """Of all that decides which items come in which order."""
    return hashlib.sha256(orjson.dumps(parts)).hexdigest()[:32]
