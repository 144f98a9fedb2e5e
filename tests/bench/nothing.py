"""``python -m tests.bench.nothing KIND …``: a worker as it is, with encoders that encode nothing.

What is left is what everything around the encoders costs: gateway, queues, store, index.
"""

import shlex
import stat
import sys
from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from tests.bench.figures import Floats

from triptych.core.item import MODALITIES, Modality
from triptych.core.settings import Settings
from triptych.encoders.cards import Card, Vectors
from triptych.encoders.encoder import Encoder
from triptych.encoders.extractors import Extractor
from triptych.encoders.roles import assigned
from triptych.engine import Engine
from triptych.fusion.blocks import Layout
from triptych.fusion.layout import make_layout
from triptych.media.store import MediaStore
from triptych.workers import __main__ as command
from triptych.workers import worker

_SIDE = 224
_ROOT = Path(__file__).parents[2]


class Nothing(Encoder[Any]):
    """The same unit vector for whatever comes."""

    side = _SIDE

    def __init__(self, card: Card) -> None:
        self.card = card
        self._vector: Floats = np.eye(1, card.dims, dtype=np.float32)

    def encode(self, batch: Sequence[Any], /) -> Vectors:
        """As many rows as there are media."""
        return np.repeat(self._vector, len(batch), axis=0)


class _Extractors(Mapping[Modality, Extractor]):
    def __init__(self, settings: Settings, layout: Layout) -> None:
        cards = {block.name: block.card for block in layout.blocks}
        self._made = {
            modality: Extractor(
                {
                    role.block: Nothing(cards[role.block])
                    for role, _ in assigned(settings.encoders)
                    if role.modality == modality
                }
            )
            for modality in MODALITIES
        }

    def __getitem__(self, modality: Modality) -> Extractor:
        return self._made[modality]

    def __iter__(self) -> Iterator[Modality]:
        return iter(self._made)

    def __len__(self) -> int:
        return len(self._made)


class _Worker(worker.Worker):
    @cached_property
    def engine(self) -> Engine:
        """An engine that has the layout of the settings, and none of their models."""
        store = MediaStore(self.settings.media_url)
        layout = make_layout(self.settings.encoders, store)
        extractors = _Extractors(self.settings, layout)
        return Engine(self.settings, store=store, layout=layout, extractors=extractors)


def interpreters(folder: Path) -> dict[str, Path]:
    """For ``StackOptions.pythons``: what starts these workers in place of the real ones."""
    script = folder / "nothing"
    # What it replaces is called as: python -m triptych.workers KIND …
    root, python = (shlex.quote(str(path)) for path in (_ROOT, sys.executable))
    script.write_text(
        f'#!/bin/sh\nshift 2\ncd {root} && exec {python} -m tests.bench.nothing "$@"\n'
    )
    script.chmod(script.stat().st_mode | stat.S_IXUSR)
    return {f"worker-{kind}": script for kind in MODALITIES}


if __name__ == "__main__":
    worker.Worker = _Worker  # type: ignore[misc]
    command.main()
