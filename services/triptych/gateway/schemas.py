"""What a request may hold; the same models will document it."""

import base64
import binascii
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from triptych.shared.errors import InvalidInput
from triptych.shared.fusion.query import WEIGHTS
from triptych.shared.fusion.scores import Method
from triptych.shared.manifest import ItemFields, Language, Tag

CollectionName = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_-]{0,63}$")]
Weight = Annotated[float, Field(ge=0, le=1000, allow_inf_nan=False)]
Signal = Literal["keyword", "text", "image", "audio"]


class ItemRequest(ItemFields):
    """One item as JSON; media as base64."""

    image: str | None = Field(None, description="base64")
    audio: str | None = Field(None, description="base64")


class Filter(BaseModel):
    """Which items a search may return."""

    model_config = ConfigDict(extra="forbid")

    tags: list[Tag] = Field(default_factory=list, max_length=64, description="all of these")
    keywords: list[Tag] = Field(default_factory=list, max_length=64, description="all of these")


class SearchRequest(BaseModel):
    """A query: at least one of text, image and audio; media as base64."""

    model_config = ConfigDict(extra="forbid")

    text: str | None = None
    language: Language | None = Field(None, description="of the text; detected if not given")
    image: str | None = None
    audio: str | None = None
    weights: dict[Signal, Weight] = Field(default_factory=dict)
    filter: Filter = Field(default_factory=Filter)
    fusion: Method = "linear"
    limit: int = Field(10, ge=1, le=100)
    verify: bool = Field(False, description="near-duplicates of the image first, by its keypoints")

    def all_weights(self) -> dict[str, float]:
        """A weight for every signal, the default where none was given."""
        given: dict[str, float] = dict(self.weights.items())
        return {**WEIGHTS, **given}


def decode_base64(value: str, field: str) -> bytes:
    """Decode base64 strictly. Raises InvalidInput naming the field."""
    try:
        return base64.b64decode(value, validate=True)
    except (binascii.Error, ValueError) as error:
        raise InvalidInput(f"{field} is not base64: {error}", field=field) from error
