"""What decoders of sounds have in common: stretches of sound, block by block."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

Samples = NDArray[np.float32]


@dataclass
class Source:
    """A stretch of sound of one rate, to be read once."""

    rate: int
    channels: int
    seconds: float | None
    """How long its file says it is; None if it does not say."""
    blocks: Iterator[Samples]
    """float32 (frames, channels), a bounded number of frames at a time. Raises MediaError."""
    is_cut: bool = False
    """Set at the latest after the last block: something is missing, though the file does not say
    how much."""
    format: str = ""
    """What the file is, as the field `format` has it; empty where nobody has looked."""
    said: Mapping[str, str] = field(default_factory=dict)
    """What its reader has found of titles and the like, by the reader's names."""


class Unreadable(Exception):
    """This decoder does not read these bytes; another one may."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason
